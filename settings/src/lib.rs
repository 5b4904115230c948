//! Typed settings: what an operator may tell a part of Holdfast, where it may be said, and every mistake in it at once.
//!
//! Owns the declaration ([`settings!`]), the value types ([`Setting`]), the precedence (flag, then environment, then file, then default)
//! and the wording of mistakes. Leaves reading files, the environment and the command line to the binary: all text comes in as
//! arguments ([`Sources`]), so this crate must never open, read or print anything.
//!
//! ```
//! use std::{net::SocketAddr, time::Duration};
//! use settings::{Settings as _, Sources};
//!
//! settings::settings! {
//!     /// What the gateway is told by its operator.
//!     pub struct Config in "gateway" {
//!         /// Address for clients.
//!         listen: SocketAddr = "127.0.0.1:7400",
//!         /// Reactor threads; 0 means one per core.
//!         reactors: u32 [0..=64] = 0,
//!         /// From accept to the end of the first packet.
//!         handshake_deadline: Duration ["1s"..="1m"] = Duration::from_secs(10),
//!     }
//! }
//!
//! let flags = [("reactors", "4".to_owned())];
//! let config = Config::load(&Sources { flags: &flags, ..Sources::default() })?;
//! assert_eq!(config.reactors, 4);
//! # Ok::<_, settings::Mistakes>(())
//! ```

mod address;
mod diff;
mod document;
mod entry;
mod log;
mod mistake;
mod reader;
mod secret;
mod value;

pub use address::LinkAddress;
pub use diff::Changes;
pub use entry::{Entry, effective, reference};
pub use log::LogFilter;
pub use mistake::{Mistake, Mistakes, Place};
pub use reader::{Bounds, Reader, between};
pub use secret::Secret;
pub use value::{ByteSize, Given, Setting};

/// Everything that was said, from the strongest to the weakest. The default default says nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sources<'a> {
    /// Flags of the command line, by key (`handshake_deadline`, not `--handshake-deadline`).
    pub flags: &'a [(&'a str, String)],
    /// The environment, by name; only names that begin with `HOLDFAST_` and the section are looked at.
    pub environment: &'a [(String, String)],
    /// The TOML file, if there is one.
    pub file: Option<File<'a>>,
}

/// A TOML file whose text was read.
#[derive(Clone, Copy, Debug)]
pub struct File<'a> {
    /// Its name, as mistakes shall name it.
    pub name: &'a str,
    /// What it says.
    pub text: &'a str,
    /// Sections of other parts, which may stand in the same file and are not looked into.
    pub other_sections: &'a [&'a str],
}

/// A struct that [`settings!`] has made.
pub trait Settings: Sized {
    /// Its section in a file and in the names of environment variables.
    const SECTION: &'static str;

    /// Reads every field, in order.
    fn read(reader: &mut Reader<'_>) -> Self;

    /// What is wrong with values that are each fine: the key to complain about, and why.
    fn check(&self) -> Vec<(&'static str, String)>;

    /// Reads the settings, or tells every mistake there is.
    fn load(sources: &Sources<'_>) -> Result<Self, Mistakes> {
        let mut reader = Reader::new(Self::SECTION, sources);
        let settings = Self::read(&mut reader);
        let wrong = settings.check();
        reader.finish(wrong).map(|()| settings)
    }

    /// The text of every value, by key. Secrets are among them: [`Entry::secret`] tells which must not be shown.
    fn values(&self) -> Vec<(&'static str, String)>;

    /// What can be set, in the order of declaration.
    fn entries() -> Vec<Entry> {
        let mut reader = Reader::new(Self::SECTION, &Sources::default());
        Self::read(&mut reader);
        reader.into_entries()
    }
}

/// Declares a struct of settings.
///
/// A line is `key: Type [range] = default,` with its documentation above; the first sentence is what `--help` says. Range and default are
/// values of the type, or text that reads as one. An `@live` in front of the key marks what a running server takes on when it reads its settings
/// again. After the struct may follow `check path`: a
/// `fn(&Config) -> Vec<(&'static str, String)>` for what no single value can tell.
#[macro_export]
macro_rules! settings {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident in $section:literal {
            $( $(#[doc = $doc:literal])+ $(@$live:ident)? $key:ident : $type:ty $([$range:expr])? = $default:expr ),+ $(,)?
        }
        $(check $check:path)?
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug)]
        $vis struct $name {
            $( $(#[doc = $doc])+ pub $key: $type, )+
        }

        impl $crate::Settings for $name {
            const SECTION: &'static str = $section;

            fn read(reader: &mut $crate::Reader<'_>) -> Self {
                $(
                    let bounds = ::std::option::Option::<$crate::Bounds<$type>>::None
                        $( .or_else(|| ::std::option::Option::Some($crate::between($range))) )?;
                    let default = $crate::Given::<$type>::value($default);
                    let live = concat!($(stringify!($live))?);
                    let $key = reader.take(stringify!($key), concat!($($doc, "\n"),+), default, bounds, live == "live");
                )+
                Self { $($key),+ }
            }

            fn values(&self) -> ::std::vec::Vec<(&'static str, ::std::string::String)> {
                ::std::vec![ $( (stringify!($key), $crate::Setting::show(&self.$key)) ),+ ]
            }

            fn check(&self) -> ::std::vec::Vec<(&'static str, ::std::string::String)> {
                $( return $check(self); )?
                #[allow(unreachable_code, reason = "without a check of its own there is nothing wrong")]
                ::std::vec::Vec::new()
            }
        }

        impl ::std::default::Default for $name {
            fn default() -> Self {
                let nothing = $crate::Sources::default();
                let section = <Self as $crate::Settings>::SECTION;
                <Self as $crate::Settings>::read(&mut $crate::Reader::new(section, &nothing))
            }
        }
    };
}
