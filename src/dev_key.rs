//! The development key: what `holdfast dev` gives the state server to check tokens with, and what `token` and `chat` sign with. Owns the
//! file and its making; leaves tokens to `state`. It is for one machine and one developer: a real system has keys of its own.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use ::state::token::{HS256_SECRET_BYTES_MIN, KeySource, KeySpec, Mint, TokenAlgorithm, mint};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use clap::{Arg, value_parser};
use proto::device::DeviceClass;
use proto::ids::{DeviceId, Uid};
use proto::time::Now;

use crate::failure::Failure;

/// What tokens call the key, unless said otherwise.
pub(crate) const KID: &str = "dev";

/// `--data`, for the subcommands that use the key.
pub(crate) fn data_argument() -> Arg {
    Arg::new("data")
        .long("data")
        .value_name("FOLDER")
        .value_parser(value_parser!(PathBuf))
        .default_value("data")
        .help("Where the store and the development key are")
}

/// Where the key is within the data folder.
pub(crate) fn path(data: &Path) -> PathBuf {
    data.join("dev.key")
}

/// Makes the data folder and a key in it, both for this user's eyes only, unless they are there.
pub(crate) fn make_if_missing(data: &Path) -> Result<(), Failure> {
    let folder = DirBuilder::new().recursive(true).mode(0o700).create(data);
    folder.map_err(|error| Failure::runtime(&data.display().to_string(), error))?;
    let path = path(data);
    match make(&path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(Failure::runtime(&path.display().to_string(), error))
        }
        _ => Ok(()),
    }
}

fn make(path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let mut key = [0; HS256_SECRET_BYTES_MIN];
    File::open("/dev/urandom")?.read_exact(&mut key)?;
    writeln!(file, "{}", BASE64_STANDARD.encode(key))?;
    file.sync_all()
}

/// Signs tokens with the HS256 secret in a file.
pub(crate) struct Signer {
    kid: String,
    secret: Vec<u8>,
    /// For whom tokens are by default.
    audience: String,
}

impl Signer {
    /// Reads the secret; `kid` is what the state server calls it.
    pub(crate) fn read(file: &Path, kid: &str) -> Result<Self, Failure> {
        let wrong = |why: &dyn std::fmt::Display| Failure::runtime(&file.display().to_string(), why);
        let text = std::fs::read(file).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => wrong(&"there is no such key; `holdfast dev` makes one"),
            _ => wrong(&error),
        })?;
        let (algorithm, source) = (TokenAlgorithm::Hs256, KeySource::File(file.into()));
        let key = KeySpec { kid: kid.into(), algorithm, source };
        key.key(&text).map_err(|error| wrong(&format_args!("the key {error}")))?;
        let audience = ::state::Config::default().token_audience;
        Ok(Self { kid: key.kid.clone(), secret: key.secret(&text).unwrap_or_default(), audience })
    }

    /// A token that is good from now on, on this device or on any.
    pub(crate) fn token(&self, uid: &Uid, device: Option<&DeviceId>, ttl: Duration) -> String {
        self.token_for(uid, device, None, ttl)
    }

    /// The same, for a device of this class.
    pub(crate) fn token_for(
        &self,
        uid: &Uid,
        device: Option<&DeviceId>,
        class: Option<DeviceClass>,
        ttl: Duration,
    ) -> String {
        let audience = &self.audience;
        mint(Mint { kid: &self.kid, audience, uid, device, class, id: None, ttl }, &self.secret, now())
    }
}

fn now() -> Now {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Now { mono_ms: 0, unix_ms: since_epoch.as_millis() as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn signed(file: &Path) -> Result<String, Failure> {
        let uid = "alice".parse().unwrap();
        Signer::read(file, KID).map(|signer| signer.token(&uid, None, Duration::from_mins(1)))
    }

    #[test]
    fn a_key_is_made_once_and_only_its_owner_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("deep/data");
        make_if_missing(&data).unwrap();
        let key = std::fs::read(path(&data)).unwrap();
        make_if_missing(&data).unwrap();
        assert_eq!(std::fs::read(path(&data)).unwrap(), key);
        assert_eq!(signed(&path(&data)).unwrap().split('.').count(), 3);
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&data), mode(&path(&data))), (0o700, 0o600));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = path(folder.path());
        assert!(matches!(signed(&path), Err(Failure::Runtime(text)) if text.contains("holdfast dev")));
        std::fs::write(&path, "c2hvcnQ=\n").unwrap();
        assert!(matches!(signed(&path), Err(Failure::Runtime(text)) if text.contains("32 bytes")));
    }
}
