//! Queries of admin pages: `key=value&key=value`, percent-encoded (RFC 3986 section 2.1). Owns the splitting and the decoding; what keys mean is the pages'.

use std::borrow::Cow;

/// The pairs of a query, in order, or what is wrong with it.
pub fn pairs(text: &str) -> Result<Vec<(&str, Cow<'_, str>)>, String> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (key, value) = pair.split_once('=').ok_or_else(|| format!("{pair:?} has no value"))?;
        let value = decoded(value).ok_or_else(|| format!("{key}: what stands there is not UTF-8"))?;
        Ok((key, value))
    });
    pairs.collect()
}

fn decoded(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(text.into());
    }
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte == b'%' {
            let (digits, after) = rest.split_at_checked(2)?;
            bytes.push(u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?);
            rest = after;
        } else {
            bytes.push(*byte);
        }
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_nonsense_is_refused() {
        assert_eq!(pairs("a=b%20c&&d=").unwrap(), [("a", "b c".into()), ("d", "".into())]);
        for text in ["a", "a=%f", "a=%zz", "a=%ff"] {
            assert!(pairs(text).is_err(), "{text}");
        }
    }
}
