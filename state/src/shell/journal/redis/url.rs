//! Where a Redis is, as an operator says it: [`RedisUrl`]. Owns which kinds of address are good; what is there is `servers`' to find out.

use redis::{ConnectionInfo, IntoConnectionInfo as _};
use settings::Setting;

/// An address, and with it the user, the password and the number of the database, if it has any.
#[derive(Clone)]
pub struct RedisUrl {
    text: String,
    info: ConnectionInfo,
}

impl RedisUrl {
    /// What a connection is made with.
    pub(super) fn info(&self) -> &ConnectionInfo {
        &self.info
    }
}

impl PartialEq for RedisUrl {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl std::fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Without the password.
        self.info.addr().fmt(f)
    }
}

impl Setting for RedisUrl {
    const KIND: &'static str = "URL";
    const SECRET: bool = true;

    fn parse(text: &str) -> Result<Self, String> {
        let expected = "expected redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE] or redis+unix:///PATH[?db=DATABASE&user=USER&pass=PASSWORD]";
        if text.starts_with("rediss:") || text.starts_with("valkeys:") {
            return Err(format!("is for TLS, which is not spoken to Redis ({expected})"));
        }
        // The library's own words may repeat what is secret.
        let info =
            text.into_connection_info().map_err(|_| format!("is no address of a Redis ({expected})"))?;
        Ok(Self { text: text.into(), info })
    }

    fn show(&self) -> String {
        self.text.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_have_a_password_and_does_not_show_it() {
        for text in [
            "redis://127.0.0.1:6379",
            "redis://cache.example:6379/2",
            "redis://:hunter2@[::1]:6379",
            "redis+unix:///run/redis.sock?pass=hunter2",
        ] {
            let url = RedisUrl::parse(text).unwrap();
            assert!(url.show() == text && !format!("{url:?}").contains("hunter2"), "{url:?}");
        }
    }

    #[test]
    fn what_is_no_address_is_not_repeated() {
        for text in [
            "",
            "127.0.0.1:6379",
            "http://:hunter2@127.0.0.1",
            "rediss://:hunter2@127.0.0.1",
            "redis://:hunter2@",
        ] {
            let told = RedisUrl::parse(text).unwrap_err();
            assert!(told.contains("expected redis://") && !told.contains("hunter2"), "{told}");
        }
    }
}
