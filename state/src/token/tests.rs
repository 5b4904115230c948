//! Which tokens let whom in.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{EncodingKey, Header, encode};

use super::*;

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const NOW: Now = Now { mono_ms: 0, unix_ms: 1_700_000_000_000 };

/// An Ed25519 key pair of nobody's, made for this test with openssl.
const ED_PRIVATE: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIKR2IHdLTFQQq+UJypJORp1WdQ45ta9mUmFvRk36yhbU
-----END PRIVATE KEY-----";

const ED_PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAinZYLFefewzx+3CtsYedO8aSHwLVflUxKJf4Hcgav0s=
-----END PUBLIC KEY-----";

fn alice() -> (Uid, DeviceId) {
    ("alice".parse().unwrap(), "phone".parse().unwrap())
}

fn hs256(kid: &str, secret: &[u8]) -> Key {
    let text = format!("{kid}:HS256:base64:{}", BASE64_STANDARD.encode(secret));
    KeySpec::parse(&text).unwrap().key(b"").unwrap()
}

fn check(keys: Vec<Key>, token: &str) -> Result<Grant, TokenError> {
    let (uid, device) = alice();
    Keys::new("holdfast", keys).check(token, &uid, &device, NOW)
}

/// A token of any header and claims, signed with `SECRET`.
fn signed(kid: Option<&str>, claims: &str) -> String {
    let header = Header { kid: kid.map(Into::into), ..Header::default() };
    let claims: serde_json::Value = serde_json::from_str(claims).unwrap();
    encode(&header, &claims, &EncodingKey::from_secret(SECRET)).unwrap()
}

#[test]
fn a_minted_token_lets_its_user_in_from_its_device_until_it_expires() {
    let (uid, device) = alice();
    let mint_for = |device| {
        let (class, id, ttl) = (Some(DeviceClass::Phone), Some("t1"), Duration::from_mins(1));
        let token = Mint { kid: "a", audience: "holdfast", uid: &uid, device, class, id, ttl };
        mint(token, SECRET, NOW)
    };
    let keys = Keys::new("holdfast", vec![hs256("a", SECRET)]);
    let other: DeviceId = "tablet".parse().unwrap();
    for (token, right_device) in [(mint_for(None), &other), (mint_for(Some(&device)), &device)] {
        let issued_s = (NOW.unix_ms / 1000) as u32;
        let grant = Grant { token: Grant::token_of("t1"), issued_s, class: DeviceClass::Phone };
        assert_eq!(keys.check(&token, &uid, right_device, NOW), Ok(grant));
        let last = Now { unix_ms: NOW.unix_ms + 59_999, ..NOW };
        assert_eq!(keys.check(&token, &uid, right_device, last), Ok(grant));
        let late = Now { unix_ms: NOW.unix_ms + 60_000, ..NOW };
        assert_eq!(keys.check(&token, &uid, right_device, late), Err(TokenError::Expired));
    }
    let wrong = keys.check(&mint_for(Some(&device)), &uid, &other, NOW);
    assert_eq!(wrong, Err(TokenError::Invalid("is for another device")));
    let bob = keys.check(&mint_for(None), &"bob".parse().unwrap(), &device, NOW);
    assert_eq!(bob, Err(TokenError::Invalid("is for another user")));
}

#[test]
fn every_claim_that_matters_is_demanded() {
    let good = r#"{"sub":"alice","aud":["x","holdfast"],"exp":1700000001.5,"nbf":1700000000,"extra":1}"#;
    let keys = || vec![hs256("a", SECRET)];
    assert_eq!(check(keys(), &signed(None, good)), Ok(Grant::default()));
    for (claims, text) in [
        (r#"{"sub":"alice","exp":1800000000}"#, "is for another audience"),
        (r#"{"sub":"alice","exp":1800000000,"aud":"x"}"#, "is for another audience"),
        (r#"{"sub":"alice","aud":"holdfast"}"#, "has no exp"),
        (r#"{"aud":"holdfast","exp":1800000000}"#, "is for another user"),
        (r#"{"sub":"alice","aud":"holdfast","exp":1800000000,"nbf":1700001000}"#, "is not valid yet"),
        (r#"{"sub":"alice","aud":"holdfast","exp":"tomorrow"}"#, "has a bad signature or malformed claims"),
    ] {
        assert_eq!(check(keys(), &signed(None, claims)), Err(TokenError::Invalid(text)), "{claims}");
    }
}

#[test]
fn the_kid_chooses_the_key_and_may_only_be_left_out_where_there_is_one() {
    let claims = r#"{"sub":"alice","aud":"holdfast","exp":1800000000}"#;
    let other = hs256("b", &[7; 32]);
    let both = || vec![other.clone(), hs256("a", SECRET)];
    assert_eq!(check(both(), &signed(Some("a"), claims)), Ok(Grant::default()));
    let unknown = TokenError::Invalid("is signed with an unknown key");
    assert_eq!(check(both(), &signed(Some("c"), claims)), Err(unknown));
    let forged = TokenError::Invalid("has a bad signature or malformed claims");
    assert_eq!(check(both(), &signed(Some("b"), claims)), Err(forged));
    let unnamed = TokenError::Invalid("has no kid, and there is not just one key");
    assert_eq!(check(both(), &signed(None, claims)), Err(unnamed.clone()));
    assert_eq!(check(vec![], &signed(None, claims)), Err(unnamed));
}

#[test]
fn ed25519_signs_too_and_a_key_never_serves_another_algorithm() {
    let spec = KeySpec::parse("e:EdDSA:file:/keys/e.pem").unwrap();
    let key = spec.key(ED_PUBLIC.as_bytes()).unwrap();
    let claims: serde_json::Value =
        serde_json::from_str(r#"{"sub":"alice","aud":"holdfast","exp":1800000000}"#).unwrap();
    let header = Header { kid: Some("e".into()), ..Header::new(Algorithm::EdDSA) };
    let token = encode(&header, &claims, &EncodingKey::from_ed_pem(ED_PRIVATE.as_bytes()).unwrap()).unwrap();
    assert_eq!(check(vec![key.clone()], &token), Ok(Grant::default()));
    // The old trick: the public key taken for an HMAC secret.
    let header = Header { kid: Some("e".into()), ..Header::default() };
    let forged = encode(&header, &claims, &EncodingKey::from_secret(ED_PUBLIC.as_bytes())).unwrap();
    let other = TokenError::Invalid("is signed with another algorithm than its key is for");
    assert_eq!(check(vec![key], &forged), Err(other));
    // And none at all.
    let part = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    let none = format!("{}.{}.", part(r#"{"alg":"none"}"#), part(&claims.to_string()));
    assert_eq!(check(vec![hs256("a", SECRET)], &none), Err(TokenError::Invalid("is no JWT")));
    for nonsense in ["", "a.b.c", "..", "é"] {
        assert_eq!(check(vec![hs256("a", SECRET)], nonsense), Err(TokenError::Invalid("is no JWT")));
    }
}

#[test]
fn keys_are_read_from_text_and_files_and_weak_ones_are_refused() {
    let long = BASE64_STANDARD.encode([1; 32]);
    let short = BASE64_STANDARD.encode([1; 31]);
    assert!(KeySpec::parse(&format!("a:HS256:base64:{long}")).is_ok());
    assert!(KeySpec::parse(&format!("a:HS256:base64:{}", BASE64_URL_SAFE_NO_PAD.encode([0xFF; 33]))).is_ok());
    assert!(KeySpec::parse(&format!("a:EdDSA:base64:{long}")).is_ok());
    for (text, error) in [
        (format!("a:HS256:base64:{short}"), KeyError::Short),
        (format!("a:EdDSA:base64:{short}"), KeyError::Ed25519),
        ("a:HS256:base64:!".into(), KeyError::Base64),
        ("a:HS256".into(), KeyError::Syntax),
        (":HS256:file:x".into(), KeyError::Syntax),
        ("a:RS256:file:x".into(), KeyError::Algorithm),
        ("a:HS256:x".into(), KeyError::Source),
        ("a:HS256:file:".into(), KeyError::Source),
    ] {
        assert_eq!(KeySpec::parse(&text), Err(error), "{text}");
    }
    let in_file = KeySpec::parse("a:HS256:file:/etc/key:1").unwrap();
    assert_eq!(in_file.source, KeySource::File("/etc/key:1".into()));
    assert_eq!(in_file.secret(format!("{long}\n").as_bytes()), Some(vec![1; 32]));
    assert_eq!(in_file.secret(&[0x80; 40]), Some(vec![0x80; 40]));
    assert_eq!(in_file.key(b"too short").err(), Some(KeyError::Short));
    assert_eq!(format!("{:?}", KeySource::Bytes(vec![1])), "Bytes(…)");
}
