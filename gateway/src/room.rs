//! How many connections a reactor has room for: [`Room`]. Owns when it is full, and when it has room again, with some air between the two; what is done then is the shell's, and the
//! last place of all is guarded by the table.

use proto::limits::{CONNECTIONS_PER_REACTOR_MAX, FILES_KEPT};

/// The room of one reactor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    places: usize,
}

impl Room {
    /// For so many connections; for 0, as many as a reactor can have that may open so many files.
    pub fn new(connections: u32, files: u64) -> Self {
        // Where there are few files, some are left all the same.
        let by_files = files.saturating_sub(FILES_KEPT).max(files / 2);
        let places = if connections == 0 { by_files } else { by_files.min(connections.into()) };
        Self {
            places: usize::try_from(places)
                .map_or(CONNECTIONS_PER_REACTOR_MAX, |places| places.min(CONNECTIONS_PER_REACTOR_MAX)),
        }
    }

    /// Connections that it may have, and not one more.
    pub fn places(self) -> usize {
        self.places
    }

    /// Places that are left when it counts as full: for those who wait to be accepted at that moment.
    pub(crate) fn air(self) -> usize {
        (self.places / 16).max(1)
    }

    /// With so many connections it had better not get more, if others can take them.
    pub(crate) fn is_full(self, connections: usize) -> bool {
        connections + self.air() >= self.places
    }

    /// With so few it is worth while to take part again.
    pub(crate) fn has_room_again(self, connections: usize) -> bool {
        connections + 2 * self.air() <= self.places
    }
}

/// As much as the names of connections allow.
impl Default for Room {
    fn default() -> Self {
        Self { places: CONNECTIONS_PER_REACTOR_MAX }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn files_are_kept_for_what_is_no_client() {
        assert_eq!(Room::new(0, 20_000).places(), 20_000 - FILES_KEPT as usize);
        assert_eq!((Room::new(0, 100).places(), Room::new(1000, 100).places()), (50, 50));
        assert_eq!((Room::new(16, 20_000).places(), Room::new(0, u64::MAX)), (16, Room::default()));
    }

    proptest! {
        #[test]
        fn a_full_reactor_has_a_place_left_and_must_lose_some_before_it_takes_part_again(places in 3..1_000_000_u32) {
            let room = Room::new(places, u64::MAX);
            let full = room.places() - room.air();
            prop_assert!(room.is_full(full) && !room.is_full(full - 1) && full < room.places());
            prop_assert!(!room.has_room_again(full) && room.has_room_again(full - room.air()));
        }
    }
}
