//! Deadlines of many timers: a hierarchical timing wheel (Varghese and Lauck, SOSP 1987). Owns when each key is due and finds out which are, in
//! O(1) to arm, cancel and expire; what a key is and what its expiry means is left to the caller. It reads no clock.
//!
//! A timer has no allocation and no handle of its own: its key, an index of the caller's slab, is its place in a parallel array of 12-byte nodes, linked
//! into the ring of its slot. Cancelling unlinks the node, so that an expiry can never reach the next owner of the index.

/// The lowest level has a slot for each of the next 2^11 ticks: at 64 ms two minutes, so that a heartbeat's deadline never has to move down.
const FINE_BITS: u32 = 11;
const FINE_SLOTS: usize = 1 << FINE_BITS;
/// Each level above has 2^6 slots, each as long as the whole level below.
const COARSE_BITS: u32 = 6;
const COARSE_SLOTS: usize = 1 << COARSE_BITS;
/// With four of them any distance of 32-bit ticks has a level.
const LEVELS: usize = 5;
/// The heads of the slots' rings are the first nodes of the array; the node of a key follows them.
const HEADS: usize = FINE_SLOTS + (LEVELS - 1) * COARSE_SLOTS;
/// The `next` of a node that is in no ring.
const UNARMED: u32 = u32::MAX;

/// The largest number of keys: what is left of 32 bits after the heads and the mark.
pub const KEYS_MAX: u32 = UNARMED - HEADS as u32;

#[derive(Clone, Copy, Debug)]
struct Node {
    next: u32,
    previous: u32,
    /// When it is due; unused in a head.
    tick: u32,
}

/// Timers by key. A timer never fires before its deadline, and at most one tick after it, if [`Wheel::expire`] is called in time.
#[derive(Debug)]
pub struct Wheel {
    /// Milliseconds of a tick.
    granularity: u64,
    /// The first tick that has not been processed.
    clock: u32,
    /// No slot with timers begins before this tick; a cancelled timer may leave it too low.
    wake: u32,
    armed: u32,
    /// A bit for each slot, by the place of its head: whether it has timers.
    occupied: [u64; HEADS / 64],
    nodes: Vec<Node>,
}

/// A slot that has timers.
#[derive(Clone, Copy, Debug)]
struct Slot {
    level: usize,
    head: u32,
    /// Its first tick.
    begin: u32,
}

impl Wheel {
    /// A wheel without timers, whose tick is `granularity_ms` long (at least 1). Time begins at 0 ms and ends 2^32 ticks later.
    pub fn new(granularity_ms: u64) -> Self {
        let head = |place| Node { next: place, previous: place, tick: 0 };
        Self {
            granularity: granularity_ms.max(1),
            clock: 0,
            wake: u32::MAX,
            armed: 0,
            occupied: [0; HEADS / 64],
            nodes: (0..HEADS as u32).map(head).collect(),
        }
    }

    /// How many timers are armed.
    pub fn armed(&self) -> u32 {
        self.armed
    }

    /// Whether this key's timer is armed.
    pub fn is_armed(&self, key: u32) -> bool {
        self.nodes.get(place_of(key) as usize).is_some_and(|node| node.next != UNARMED)
    }

    /// Sets the key's timer to `deadline_ms`, whether it was armed or not. One that is past already is due with the next tick. `key` is at most [`KEYS_MAX`];
    /// the array grows to the largest key ever armed.
    pub fn arm(&mut self, key: u32, deadline_ms: u64) {
        debug_assert!(key < KEYS_MAX, "key {key} of a timer");
        let place = place_of(key);
        if place as usize >= self.nodes.len() {
            self.nodes.resize(place as usize + 1, Node { next: UNARMED, previous: UNARMED, tick: 0 });
        } else if self.nodes[place as usize].next != UNARMED {
            self.unlink(place);
        }
        // Rounded up: never early.
        let tick = u32::try_from(deadline_ms.div_ceil(self.granularity)).unwrap_or(u32::MAX);
        self.link(place, tick.max(self.clock));
    }

    /// Stops the key's timer, if it is armed.
    pub fn cancel(&mut self, key: u32) {
        if self.is_armed(key) {
            self.unlink(place_of(key));
        }
    }

    /// Appends the keys that are due at `now_ms` to `due` and disarms them, earlier ticks first. A tick with nothing to do costs one comparison.
    pub fn expire(&mut self, now_ms: u64, due: &mut Vec<u32>) {
        let now = u32::try_from(now_ms / self.granularity).unwrap_or(u32::MAX);
        if now < self.clock {
            return;
        }
        if now >= self.wake {
            while let Some(slot) = self.next_slot().filter(|slot| slot.begin <= now) {
                self.clock = slot.begin;
                self.empty(slot, due);
            }
            self.clock = now.saturating_add(1);
            self.wake = self.next_slot().map_or(u32::MAX, |slot| slot.begin);
        }
        self.clock = now.saturating_add(1);
    }

    /// The moment at which [`Wheel::expire`] should be called next, in milliseconds; it may have nothing to give then but timers to sort more finely.
    pub fn next_deadline(&self) -> Option<u64> {
        (self.armed > 0).then(|| u64::from(self.wake) * self.granularity)
    }

    /// The slot with timers that begins first; of several, the one of the highest level, whose timers may belong in the others.
    fn next_slot(&self) -> Option<Slot> {
        (0..LEVELS).rev().filter_map(|level| self.next_of_level(level)).min_by_key(|slot| slot.begin)
    }

    /// The first slot of a level that has timers. The slots run in a circle that begins where the clock is.
    fn next_of_level(&self, level: usize) -> Option<Slot> {
        let (first, slots) = (first_head(level), slots(level));
        let words = &self.occupied[first / 64..(first + slots) / 64];
        let block = self.clock >> shift(level);
        let from = block as usize % slots;
        // The word that the circle begins in is looked at twice: its upper part first, its lower part last.
        for step in 0..=words.len() {
            let word = (from / 64 + step) % words.len();
            let mask = match step {
                0 => u64::MAX << (from % 64),
                last if last == words.len() => !(u64::MAX << (from % 64)),
                _ => u64::MAX,
            };
            let bits = words[word] & mask;
            if bits != 0 {
                let slot = word * 64 + bits.trailing_zeros() as usize;
                let ahead = (slot + slots - from) % slots;
                let begin = (block + ahead as u32) << shift(level);
                return Some(Slot { level, head: (first + slot) as u32, begin });
            }
        }
        None
    }

    /// Takes all timers out of a slot: of the lowest level they are due, of the others they move down.
    fn empty(&mut self, slot: Slot, due: &mut Vec<u32>) {
        let Slot { level, head, .. } = slot;
        self.occupied[head as usize / 64] &= !(1 << (head % 64));
        let mut place = self.nodes[head as usize].next;
        self.nodes[head as usize] = Node { next: head, previous: head, tick: 0 };
        while place != head {
            let Node { next, tick, .. } = self.nodes[place as usize];
            self.armed -= 1;
            if level == 0 {
                self.nodes[place as usize].next = UNARMED;
                due.push(place - HEADS as u32);
            } else {
                self.link(place, tick);
            }
            place = next;
        }
    }

    /// The level is the lowest whose circle reaches so far; above the lowest that is never the slot that the clock is in.
    fn link(&mut self, place: u32, tick: u32) {
        let reaches =
            |level: &usize| ((tick >> shift(*level)) - (self.clock >> shift(*level))) < slots(*level) as u32;
        let level = (0..LEVELS).find(reaches).unwrap_or(LEVELS - 1);
        let block = tick >> shift(level);
        self.wake = self.wake.min(block << shift(level));
        let head = (first_head(level) + block as usize % slots(level)) as u32;
        let last = self.nodes[head as usize].previous;
        self.nodes[place as usize] = Node { next: head, previous: last, tick };
        self.nodes[head as usize].previous = place;
        self.nodes[last as usize].next = place;
        self.occupied[head as usize / 64] |= 1 << (head % 64);
        self.armed += 1;
    }

    fn unlink(&mut self, place: u32) {
        let Node { next, previous, .. } = self.nodes[place as usize];
        self.nodes[previous as usize].next = next;
        self.nodes[next as usize].previous = previous;
        self.nodes[place as usize].next = UNARMED;
        if next == previous && (next as usize) < HEADS {
            self.occupied[next as usize / 64] &= !(1 << (next % 64));
        }
        self.armed -= 1;
    }
}

/// How many slots a level has.
const fn slots(level: usize) -> usize {
    if level == 0 { FINE_SLOTS } else { COARSE_SLOTS }
}

/// The place of the head of a level's first slot.
const fn first_head(level: usize) -> usize {
    if level == 0 { 0 } else { FINE_SLOTS + (level - 1) * COARSE_SLOTS }
}

/// A slot of a level is 2 to the power of this many ticks long.
const fn shift(level: usize) -> u32 {
    if level == 0 { 0 } else { FINE_BITS + (level as u32 - 1) * COARSE_BITS }
}

fn place_of(key: u32) -> u32 {
    key.saturating_add(HEADS as u32)
}

const _: () = assert!(shift(LEVELS - 1) + COARSE_BITS >= u32::BITS, "any distance has a level");
const _: () = assert!(first_head(LEVELS) == HEADS && HEADS.is_multiple_of(64));
const _: () = assert!(size_of::<Node>() == 12, "what a timer costs");

#[cfg(test)]
mod tests;
