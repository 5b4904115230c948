//! Makes tokens for development and tests. Owns their claims; in production another service issues them.

use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use proto::device::DeviceClass;
use proto::ids::{DeviceId, Uid};
use proto::time::Now;

/// What a token shall say.
#[derive(Clone, Copy, Debug)]
pub struct Mint<'a> {
    /// Which key signs.
    pub kid: &'a str,
    /// For whom the token is meant: the state server's `token_audience`.
    pub audience: &'a str,
    /// The user.
    pub uid: &'a Uid,
    /// The only device that may use it; `None` for any.
    pub device: Option<&'a DeviceId>,
    /// What kind of device it is for; `None` says nothing.
    pub class: Option<DeviceClass>,
    /// Its own name, by which it can be revoked.
    pub id: Option<&'a str>,
    /// How long it is good; whole seconds.
    pub ttl: Duration,
}

#[derive(serde::Serialize)]
struct Claims<'a> {
    sub: &'a str,
    aud: &'a str,
    iat: u64,
    exp: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    dev: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cls: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<&'a str>,
}

/// A JWT that is valid from `now` on, signed with an HS256 secret.
pub fn mint(token: Mint<'_>, secret: &[u8], now: Now) -> String {
    let Mint { kid, audience, uid, device, class, id, ttl } = token;
    let iat = now.unix_ms / 1000;
    let header = Header { kid: Some(kid.into()), ..Header::new(Algorithm::HS256) };
    let claims = Claims {
        sub: uid.as_str(),
        aud: audience,
        iat,
        exp: iat.saturating_add(ttl.as_secs()),
        dev: device.map(DeviceId::as_str),
        cls: class.map(DeviceClass::label),
        jti: id,
    };
    encode(&header, &claims, &EncodingKey::from_secret(secret))
        .expect("strings and numbers serialise, and HMAC signs with any secret")
}
