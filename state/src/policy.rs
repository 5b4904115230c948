//! How many devices a user may have at a time: [`DevicePolicy`]. Owns how an operator says it; who has to go is decided in `shard/devices.rs`.

use ::settings::Setting;
use proto::device::DeviceClass;
use proto::limits::DEVICES_PER_USER_MAX;

/// So many devices of each class, and so many in all. A newer login beyond a number ends the oldest session that it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DevicePolicy {
    /// By the ordinal of the class.
    pub(crate) of_class: [u32; DeviceClass::ALL.len()],
    /// In all.
    pub(crate) of_user: u32,
}

impl Default for DevicePolicy {
    fn default() -> Self {
        let of_user = DEVICES_PER_USER_MAX;
        Self { of_class: [of_user; DeviceClass::ALL.len()], of_user }
    }
}

impl DevicePolicy {
    /// A policy of these limits; a class that none is for is limited by the number of all devices alone.
    pub fn new(limits: &[DeviceLimit], of_user: u32) -> Self {
        let mut policy = Self { of_class: [of_user; DeviceClass::ALL.len()], of_user };
        for DeviceLimit { class, most } in limits {
            policy.of_class[class.ordinal()] = *most;
        }
        policy
    }
}

/// So many devices of a class at most; as an operator writes it: `phone=1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceLimit {
    /// Which class …
    pub class: DeviceClass,
    /// … at least one.
    pub most: u32,
}

impl Setting for DeviceLimit {
    const KIND: &'static str = "CLASS=NUMBER";

    fn parse(text: &str) -> Result<Self, String> {
        let (class, most) = text.split_once('=').ok_or("is not CLASS=NUMBER, as in phone=1")?;
        let class = class.trim().parse::<DeviceClass>().map_err(ToOwned::to_owned)?;
        let most = most.trim().parse().ok().filter(|most| (1..=DEVICES_PER_USER_MAX).contains(most));
        let most = most.ok_or_else(|| format!("has no number from 1 to {DEVICES_PER_USER_MAX}"))?;
        Ok(Self { class, most })
    }

    fn show(&self) -> String {
        format!("{}={}", self.class, self.most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_as_they_are_shown_and_nonsense_is_refused() {
        let limit = DeviceLimit::parse(" phone = 1").unwrap();
        assert_eq!(
            (limit, limit.show()),
            (DeviceLimit { class: DeviceClass::Phone, most: 1 }, "phone=1".into())
        );
        for text in ["phone", "watch=1", "phone=0", "phone=many", "phone=1000000"] {
            assert!(DeviceLimit::parse(text).is_err(), "{text}");
        }
        let policy = DevicePolicy::new(&[limit], 9);
        assert_eq!((policy.of_class[DeviceClass::Phone.ordinal()], policy.of_class[0]), (1, 9));
    }
}
