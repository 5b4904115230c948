//! Who may log in: JSON Web Tokens (RFC 7519), HS256 or EdDSA. Owns the check of a token against the keys, the audience and the login; where keys come from is
//! told in `token/keys.rs`, and reading their files is left to the shell.
//!
//! The algorithm belongs to the key and is never taken from the token: a token that says otherwise is refused. Times are compared with the caller's clock.

#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod keys;
mod mint;

use std::fmt;

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use proto::device::DeviceClass;
use proto::ids::{DeviceId, Uid};
use proto::limits::TOKEN_CLOCK_SKEW;
use proto::packet::RefusedCode;
use proto::time::Now;

use crate::grant::Grant;
pub use keys::{HS256_SECRET_BYTES_MIN, KeyError, KeySource, KeySpec, TokenAlgorithm};
pub use mint::{Mint, mint};

/// Why a token was not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// It is wrong; the text says what, and repeats nothing of it.
    Invalid(&'static str),
    /// It was good until it expired.
    Expired,
}

impl TokenError {
    /// What the client is told.
    pub fn code(&self) -> RefusedCode {
        match self {
            Self::Invalid(_) => RefusedCode::TokenInvalid,
            Self::Expired => RefusedCode::TokenExpired,
        }
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(what) => f.write_str(what),
            Self::Expired => f.write_str("has expired"),
        }
    }
}

impl std::error::Error for TokenError {}

/// A key that tokens are verified with, and the one algorithm it is for.
#[derive(Clone)]
pub struct Key {
    kid: Box<str>,
    verifier: DecodingKey,
    validation: Validation,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:?}, {:?})", self.kid, self.validation.algorithms)
    }
}

impl Key {
    fn new(kid: &str, algorithm: Algorithm, verifier: DecodingKey) -> Self {
        let mut validation = Validation::new(algorithm);
        // The signature is the library's part. The claims are ours: it would ask the system's clock.
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        Self { kid: kid.into(), verifier, validation }
    }
}

/// What logins are checked against.
#[derive(Clone, Debug)]
pub struct Keys {
    audience: Box<str>,
    keys: Vec<Key>,
}

/// The claims that matter here; others are allowed and ignored.
#[derive(serde::Deserialize)]
struct Claims {
    sub: Option<String>,
    aud: Option<Audience>,
    exp: Option<f64>,
    nbf: Option<f64>,
    iat: Option<f64>,
    dev: Option<String>,
    jti: Option<String>,
    cls: Option<String>,
}

#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Keys {
    /// Tokens for `audience`, signed with one of `keys`. Without keys no token is accepted.
    pub fn new(audience: &str, keys: Vec<Key>) -> Self {
        Self { audience: audience.into(), keys }
    }

    /// Checks that `token` lets this user log in from this device now. What else it says.
    pub fn check(&self, token: &str, uid: &Uid, device: &DeviceId, now: Now) -> Result<Grant, TokenError> {
        let Claims { sub, aud, exp, nbf, iat, dev, jti, cls } = self.verified(token)?;
        let intended = match &aud {
            Some(Audience::One(audience)) => **audience == *self.audience,
            Some(Audience::Many(list)) => list.iter().any(|audience| **audience == *self.audience),
            None => false,
        };
        if !intended {
            return Err(TokenError::Invalid("is for another audience"));
        }
        let exp = exp.ok_or(TokenError::Invalid("has no exp"))?;
        if sub.as_deref() != Some(uid.as_str()) {
            return Err(TokenError::Invalid("is for another user"));
        }
        if dev.is_some_and(|dev| dev != device.as_str()) {
            return Err(TokenError::Invalid("is for another device"));
        }
        let now = now.unix_ms as f64 / 1000.0;
        if nbf.is_some_and(|nbf| nbf > now + TOKEN_CLOCK_SKEW.as_secs_f64()) {
            return Err(TokenError::Invalid("is not valid yet"));
        }
        if exp <= now {
            return Err(TokenError::Expired);
        }
        Ok(Grant {
            token: jti.as_deref().map_or(0, Grant::token_of),
            // A number below 0 becomes 0, one that is too large the largest.
            issued_s: iat.map_or(0, |iat| iat as u32),
            class: cls.and_then(|class| class.parse().ok()).unwrap_or(DeviceClass::Other),
        })
    }

    fn verified(&self, token: &str) -> Result<Claims, TokenError> {
        let header = decode_header(token).map_err(|_| TokenError::Invalid("is no JWT"))?;
        let key = match (&header.kid, &self.keys[..]) {
            (Some(kid), keys) => keys.iter().find(|key| *key.kid == **kid),
            (None, [only]) => Some(only),
            (None, _) => return Err(TokenError::Invalid("has no kid, and there is not just one key")),
        };
        let key = key.ok_or(TokenError::Invalid("is signed with an unknown key"))?;
        if !key.validation.algorithms.contains(&header.alg) {
            return Err(TokenError::Invalid("is signed with another algorithm than its key is for"));
        }
        decode(token, &key.verifier, &key.validation)
            .map(|token| token.claims)
            .map_err(|_| TokenError::Invalid("has a bad signature or malformed claims"))
    }
}

#[cfg(test)]
mod tests;
