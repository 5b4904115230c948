//! The secrets that links between our own processes are proved with, as an operator has told them: [`Keyring`]. Owns where they are read from, what is wrong with them,
//! and that others can take their place while links are up; the proofs are [`proto::auth`]'s.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use proto::auth::{NONCE_BYTES, Secrets};
use settings::{LinkAddress, Secret};

/// What an operator says of secrets, in the settings of any server.
#[derive(Clone, Copy, Debug)]
pub struct Said<'a> {
    /// The setting `rpc_secret`.
    pub secret: &'a [Secret<String>],
    /// The setting `rpc_secret_file`.
    pub file: Option<&'a PathBuf>,
}

impl Said<'_> {
    /// The secrets, or `None` if none are wanted. An error names the setting that is wrong.
    pub fn read(&self) -> Result<Option<Secrets>, (&'static str, String)> {
        match (self.secret, self.file) {
            ([], None) => Ok(None),
            ([], Some(path)) => from_file(path).map(Some).map_err(|error| ("rpc_secret_file", error)),
            (secrets, None) => {
                let secrets: Vec<_> = secrets.iter().map(|secret| secret.reveal().as_bytes()).collect();
                Secrets::new(&secrets).map(Some).map_err(|error| ("rpc_secret", error.to_string()))
            }
            (_, Some(_)) => Err(("rpc_secret_file", "cannot stand beside rpc_secret".into())),
        }
    }

    /// What is wrong with them, and with listening for links at this address, where `danger` is what whoever reaches it could do.
    pub fn mistakes(&self, listen: Option<(&LinkAddress, &str)>) -> Vec<(&'static str, String)> {
        match (self.read(), listen) {
            (Err(mistake), _) => vec![mistake],
            (Ok(None), Some((address, danger))) if !address.is_local() => {
                let text = "is no loopback address, and there is no rpc_secret: whoever reaches it could";
                vec![("listen", format!("{text} {danger}"))]
            }
            (Ok(_), _) => Vec::new(),
        }
    }
}

/// A secret a line; empty lines and blanks around them do not count.
fn from_file(path: &Path) -> Result<Secrets, String> {
    let text = fs::read(path).map_err(|error| format!("cannot be read: {error}"))?;
    let lines: Vec<_> = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).collect();
    let secrets: Vec<_> = lines.into_iter().filter(|line| !line.is_empty()).collect();
    Secrets::new(&secrets).map_err(|error| error.to_string())
}

/// The secrets as they are now, if links are to be proved. Copies share them; they are looked at once for each link.
#[derive(Clone, Debug, Default)]
pub struct Keyring(Arc<Mutex<Option<Secrets>>>);

impl Keyring {
    /// Begins with these.
    pub fn new(secrets: Option<Secrets>) -> Self {
        Self(Arc::new(Mutex::new(secrets)))
    }

    /// What a link that begins now is proved with.
    pub fn now(&self) -> Option<Secrets> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on links are proved with these. Those that are up stay.
    pub fn replace(&self, secrets: Option<Secrets>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = secrets;
    }
}

/// A number that nobody can guess and that is not used again; `None` if the system gives none.
pub(crate) fn nonce() -> Option<[u8; NONCE_BYTES]> {
    let mut nonce = [0; NONCE_BYTES];
    aws_lc_rs::rand::fill(&mut nonce).ok().map(|()| nonce)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(secret: &[&str], file: Option<&PathBuf>, listen: &str) -> Vec<(&'static str, String)> {
        let secret: Vec<_> = secret.iter().map(|text| Secret::new((*text).to_owned())).collect();
        let listen = listen.parse().unwrap();
        Said { secret: &secret, file }.mistakes(Some((&listen, "speak for any gateway")))
    }

    #[test]
    fn the_world_may_reach_a_listener_only_if_it_must_prove_itself() {
        let secret = "a secret of at least 32 bytes, and more";
        let open = "is no loopback address, and there is no rpc_secret: whoever reaches it could speak for any gateway";
        assert_eq!(wrong(&[], None, "0.0.0.0:7410"), [("listen", open.into())]);
        for listen in ["127.0.0.1:7410", "[::1]:7410", "unix:/run/state.sock"] {
            assert_eq!(wrong(&[], None, listen), []);
        }
        assert_eq!(wrong(&[secret], None, "0.0.0.0:7410"), []);
        assert_eq!(wrong(&[secret, secret], None, "0.0.0.0:7410"), []);
    }

    #[test]
    fn what_is_wrong_with_a_secret_is_told_without_it() {
        let short = wrong(&["not long enough"], None, "127.0.0.1:1");
        assert_eq!(short, [("rpc_secret", "has a secret of 15 bytes (expected at least 32)".into())]);
        let long = "a secret of at least 32 bytes, and more";
        assert_eq!(
            wrong(&[long; 3], None, "127.0.0.1:1"),
            [("rpc_secret", "has 3 secrets (expected at most 2)".into())]
        );
    }

    #[test]
    fn a_file_has_a_secret_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let read = |text: &str| {
            fs::write(&path, text).unwrap();
            Said { secret: &[], file: Some(&path) }.read().map(|secrets| format!("{:?}", secrets.unwrap()))
        };
        let (one, two) = ("1".repeat(32), "2".repeat(64));
        assert_eq!(read(&one), Ok("1 secrets".into()));
        assert_eq!(read(&format!("{one}\r\n\n  {two}\n")), Ok("2 secrets".into()));
        assert_eq!(read("\n"), Err(("rpc_secret_file", "has no secret".into())));
        assert!(wrong(&[&one], Some(&path), "127.0.0.1:1")[0].1.contains("beside"));
        fs::remove_file(&path).unwrap();
        assert!(wrong(&[], Some(&path), "127.0.0.1:1")[0].1.starts_with("cannot be read: "));
    }
}
