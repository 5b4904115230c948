//! Who clients of Holdfast say they are: [`Identity`]. Owns their names; tokens are made by whoever runs the test.

use std::fmt;
use std::sync::Arc;

use proto::ids::{DeviceId, NameError, Uid};
use proto::packet::Login;

/// Makes a token for a user, at each of its logins; called on all threads.
#[derive(Clone)]
pub struct Mint(pub Arc<dyn Fn(&Uid) -> String + Send + Sync>);

impl fmt::Debug for Mint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mint")
    }
}

/// The users of a run.
#[derive(Clone, Debug)]
pub struct Identity {
    /// What their names begin with; runs at the same time need different ones.
    pub prefix: String,
    /// Makes their tokens.
    pub mint: Mint,
}

impl Identity {
    /// The user of a number.
    pub fn uid(&self, number: u64) -> Result<Uid, NameError> {
        format!("{}-{number}", self.prefix).parse()
    }

    /// The login of a user, on the one device that it has.
    pub(crate) fn login(&self, uid: Uid) -> Login {
        let token = (self.mint.0)(&uid);
        Login {
            uid,
            device: device(),
            token,
            client: concat!("holdfast-load/", env!("CARGO_PKG_VERSION")).into(),
        }
    }
}

pub(crate) fn device() -> DeviceId {
    "load".parse().expect("a good name")
}
