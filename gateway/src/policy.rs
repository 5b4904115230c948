//! Which upgrade requests are welcome: by host, origin and path. Owns the operator's lists; whether a request is a well-formed upgrade at all is `proto`'s.
//!
//! A login carries a token and no cookie, so that a page of another origin gains nothing by connecting (cross-site WebSocket hijacking). The lists are for
//! those who want to shut it out all the same, and against DNS rebinding.

use proto::ws::upgrade::{Upgrade, UpgradeError};

/// What is compared with a request. An empty list welcomes all.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Values of `Host`, compared without regard to ASCII case.
    pub hosts: Vec<String>,
    /// Values of `Origin`, compared exactly. Clients that are no browsers send none and are welcome.
    pub origins: Vec<String>,
    /// Request targets without their query, compared exactly.
    pub paths: Vec<String>,
}

impl Policy {
    /// Refuses a request that is not welcome.
    pub(crate) fn check(&self, request: &Upgrade<'_>) -> Result<(), UpgradeError> {
        let path = request.path.split_once('?').map_or(request.path, |(path, _)| path);
        let welcome = |list: &[String], is: &dyn Fn(&String) -> bool| list.is_empty() || list.iter().any(is);
        if !welcome(&self.hosts, &|host| host.eq_ignore_ascii_case(request.host)) {
            return Err(UpgradeError::Forbidden("this host is not served here"));
        }
        if request.origin.is_some_and(|origin| !welcome(&self.origins, &|known| known == origin)) {
            return Err(UpgradeError::Forbidden("this origin is not welcome"));
        }
        if !welcome(&self.paths, &|known| known == path) {
            return Err(UpgradeError::NoSuchPath);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::ws::{request, upgrade};

    fn check(policy: &Policy, target: &str, origin: Option<&str>) -> Result<(), UpgradeError> {
        let mut bytes = Vec::new();
        request::write(&mut bytes, "Chat.example.com", target, [7; 16], None);
        if let Some(origin) = origin {
            bytes.truncate(bytes.len() - 2);
            bytes.extend_from_slice(format!("Origin: {origin}\r\n\r\n").as_bytes());
        }
        policy.check(&upgrade::parse(&bytes).unwrap().unwrap())
    }

    #[test]
    fn empty_lists_welcome_everybody_and_others_only_whom_they_name() {
        assert_eq!(check(&Policy::default(), "/any", Some("https://evil.example")), Ok(()));
        let policy = Policy {
            hosts: vec!["chat.example.com".into()],
            origins: vec!["https://example.com".into()],
            paths: vec!["/chat".into()],
        };
        assert_eq!(check(&policy, "/chat?v=1", Some("https://example.com")), Ok(()));
        assert_eq!(check(&policy, "/chat", None), Ok(()), "no browser, no origin");
        let evil = check(&policy, "/chat", Some("https://example.com.evil.example"));
        assert_eq!(evil, Err(UpgradeError::Forbidden("this origin is not welcome")));
        assert_eq!(check(&policy, "/chat/", None), Err(UpgradeError::NoSuchPath));
        let rebound = Policy { hosts: vec!["other.example".into()], ..policy };
        assert_eq!(
            check(&rebound, "/chat", None),
            Err(UpgradeError::Forbidden("this host is not served here"))
        );
    }
}
