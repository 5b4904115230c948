//! How many devices a user may have, and who has to go: a newer login beyond the number of its class, or of all, ends the oldest session that it counts. Owns the choice; the
//! numbers are `crate::policy`'s. A session counts for as long as it can be resumed.

use proto::device::DeviceClass;
use proto::packet::KickedReason;
use proto::time::Now;

use super::Shard;
use crate::Output;

impl Shard {
    /// Makes room for a device of this class that is about to have a session.
    pub(super) fn make_room(&mut self, now: Now, uid: &str, class: DeviceClass, out: &mut dyn Output) {
        let policy = self.settings.devices;
        let of_class = policy.of_class[class.ordinal()];
        while let Some(oldest) = self.oldest_beyond(uid, of_class, |other| other == class) {
            self.kick(now, oldest, KickedReason::DeviceLimit, out);
        }
        while let Some(oldest) = self.oldest_beyond(uid, policy.of_user, |_| true) {
            self.kick(now, oldest, KickedReason::DeviceLimit, out);
        }
    }

    /// The user's oldest session of those that count, if there are so many of them already.
    fn oldest_beyond(&self, uid: &str, most: u32, counts: impl Fn(DeviceClass) -> bool) -> Option<u32> {
        let sessions =
            self.sessions.of_user(uid).filter_map(|place| Some((place, self.sessions.get(place)?)));
        let counted = sessions.filter(|(_, session)| counts(session.grant.class));
        let (mut count, mut oldest) = (0, None);
        for (place, session) in counted {
            count += 1;
            let this = (session.number, place);
            oldest = Some(oldest.map_or(this, |older: (u64, u32)| older.min(this)));
        }
        oldest.filter(|_| count >= most).map(|(_, place)| place)
    }
}
