//! How an operator names a key: `KID:ALG:SOURCE`. Owns the syntax and the strength that is asked of a key; reading the file of a source is left to the shell.

use std::fmt;
use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey};

use super::Key;

/// Bytes of an HS256 secret, at least: as many as the hash has (RFC 7518 section 3.2).
pub const HS256_SECRET_BYTES_MIN: usize = 32;
/// Bytes of an Ed25519 public key (RFC 8032 section 5.1.5).
const ED25519_KEY_BYTES: usize = 32;

/// An algorithm that tokens may be signed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenAlgorithm {
    /// HMAC with SHA-256: one secret signs and verifies.
    Hs256,
    /// Ed25519: a public key verifies.
    EdDsa,
}

/// Where a key is.
#[derive(Clone, PartialEq, Eq)]
pub enum KeySource {
    /// Here: the secret, or the 32 bytes of an Ed25519 public key.
    Bytes(Vec<u8>),
    /// In a file: the secret, raw or as base64 text; or an Ed25519 public key as PEM.
    File(PathBuf),
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(_) => f.write_str("Bytes(…)"),
            Self::File(path) => write!(f, "File({})", path.display()),
        }
    }
}

/// A key as an operator names it: `KID:ALG:SOURCE`, where ALG is `HS256` or `EdDSA` and SOURCE is `base64:…` or `file:PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySpec {
    /// The `kid` of the tokens that it verifies.
    pub kid: String,
    /// What it is for.
    pub algorithm: TokenAlgorithm,
    /// Where it is.
    pub source: KeySource,
}

/// Why a key cannot be used: completes the sentence "the key …", and never repeats it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// The text is not `KID:ALG:SOURCE`.
    Syntax,
    /// The algorithm is none that is known.
    Algorithm,
    /// The source begins neither with `base64:` nor with `file:`.
    Source,
    /// What follows `base64:` is no base64.
    Base64,
    /// An HS256 secret is shorter than [`HS256_SECRET_BYTES_MIN`].
    Short,
    /// It is no Ed25519 public key.
    Ed25519,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax => f.write_str("is not written KID:ALG:SOURCE"),
            Self::Algorithm => f.write_str("has an algorithm that is neither HS256 nor EdDSA"),
            Self::Source => f.write_str("has a source that is neither base64:… nor file:PATH"),
            Self::Base64 => f.write_str("is no base64"),
            Self::Short => write!(f, "is an HS256 secret of less than {HS256_SECRET_BYTES_MIN} bytes"),
            Self::Ed25519 => f.write_str("is no Ed25519 public key (a PEM file, or 32 bytes after base64:)"),
        }
    }
}

impl std::error::Error for KeyError {}

impl KeySpec {
    /// Reads `KID:ALG:SOURCE`. A key that stands in the text itself is checked here, one in a file with [`KeySpec::key`].
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let mut parts = text.splitn(3, ':');
        let (Some(kid), Some(algorithm), Some(source)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(KeyError::Syntax);
        };
        if kid.is_empty() {
            return Err(KeyError::Syntax);
        }
        let algorithm = match algorithm {
            "HS256" => TokenAlgorithm::Hs256,
            "EdDSA" => TokenAlgorithm::EdDsa,
            _ => return Err(KeyError::Algorithm),
        };
        let source = match source.split_once(':') {
            Some(("base64", text)) => KeySource::Bytes(base64_bytes(text).ok_or(KeyError::Base64)?),
            Some(("file", path)) if !path.is_empty() => KeySource::File(path.into()),
            _ => return Err(KeyError::Source),
        };
        let spec = Self { kid: kid.into(), algorithm, source };
        if let KeySource::Bytes(bytes) = &spec.source {
            spec.key_of_bytes(bytes)?;
        }
        Ok(spec)
    }

    /// The text that [`KeySpec::parse`] reads. It may hold a secret.
    pub fn to_text(&self) -> String {
        let algorithm = match self.algorithm {
            TokenAlgorithm::Hs256 => "HS256",
            TokenAlgorithm::EdDsa => "EdDSA",
        };
        match &self.source {
            KeySource::Bytes(bytes) => {
                format!("{}:{algorithm}:base64:{}", self.kid, BASE64_STANDARD.encode(bytes))
            }
            KeySource::File(path) => format!("{}:{algorithm}:file:{}", self.kid, path.display()),
        }
    }

    /// The key, given what its file holds; a key that stands in the text itself needs no file.
    pub fn key(&self, file: &[u8]) -> Result<Key, KeyError> {
        match (&self.source, self.algorithm) {
            (KeySource::Bytes(bytes), _) => self.key_of_bytes(bytes),
            (KeySource::File(_), TokenAlgorithm::Hs256) => self.key_of_bytes(&secret_of_file(file)),
            (KeySource::File(_), TokenAlgorithm::EdDsa) => {
                let key = DecodingKey::from_ed_pem(file).map_err(|_| KeyError::Ed25519)?;
                Ok(Key::new(&self.kid, Algorithm::EdDSA, key))
            }
        }
    }

    /// The HS256 secret, given what its file holds, for signing tokens; `None` if the key is no secret.
    pub fn secret(&self, file: &[u8]) -> Option<Vec<u8>> {
        match (&self.source, self.algorithm) {
            (_, TokenAlgorithm::EdDsa) => None,
            (KeySource::Bytes(bytes), _) => Some(bytes.clone()),
            (KeySource::File(_), _) => Some(secret_of_file(file)),
        }
    }

    fn key_of_bytes(&self, bytes: &[u8]) -> Result<Key, KeyError> {
        match self.algorithm {
            TokenAlgorithm::Hs256 if bytes.len() < HS256_SECRET_BYTES_MIN => Err(KeyError::Short),
            TokenAlgorithm::Hs256 => {
                Ok(Key::new(&self.kid, Algorithm::HS256, DecodingKey::from_secret(bytes)))
            }
            TokenAlgorithm::EdDsa if bytes.len() != ED25519_KEY_BYTES => Err(KeyError::Ed25519),
            TokenAlgorithm::EdDsa => {
                Ok(Key::new(&self.kid, Algorithm::EdDSA, DecodingKey::from_ed_der(bytes)))
            }
        }
    }
}

/// Base64 of either alphabet, padded or not.
fn base64_bytes(text: &str) -> Option<Vec<u8>> {
    let engines = [&BASE64_STANDARD, &BASE64_STANDARD_NO_PAD, &BASE64_URL_SAFE, &BASE64_URL_SAFE_NO_PAD];
    engines.into_iter().find_map(|engine| engine.decode(text).ok())
}

/// A file that is base64 text of enough bytes holds these; any other holds the secret itself, as it stands.
fn secret_of_file(file: &[u8]) -> Vec<u8> {
    let decoded = std::str::from_utf8(file).ok().and_then(|text| base64_bytes(text.trim()));
    decoded.filter(|bytes| bytes.len() >= HS256_SECRET_BYTES_MIN).unwrap_or_else(|| file.to_vec())
}
