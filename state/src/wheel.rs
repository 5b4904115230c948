//! Deadlines of many timers: a hierarchical timing wheel (Varghese and Lauck, SOSP 1987). Owns when each key is due and finds out which are, in
//! O(1) to arm, cancel and expire; what a key is and what its expiry means is left to the caller. It reads no clock.
//!
//! A timer has no allocation and no handle of its own: its key, an index of the caller's slab, is its place in a parallel array of 12-byte nodes, linked
//! into the ring of its slot. Cancelling unlinks the node, so that an expiry can never reach the next owner of the index.

/// Each level has 2^6 slots, each as long as the whole level below.
const LEVEL_BITS: u32 = 6;
const SLOTS: usize = 1 << LEVEL_BITS;
/// Six levels of six bits hold any distance of 32-bit ticks.
const LEVELS: usize = 6;
/// The heads of the slots' rings are the first nodes of the array; the node of a key follows them.
const HEADS: usize = SLOTS * LEVELS;
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
    /// For each level, which slots have timers.
    occupied: [u64; LEVELS],
    armed: u32,
    nodes: Vec<Node>,
}

impl Wheel {
    /// A wheel without timers, whose tick is `granularity_ms` long (at least 1). Time begins at 0 ms and ends 2^32 ticks later.
    pub fn new(granularity_ms: u64) -> Self {
        let head = |place| Node { next: place, previous: place, tick: 0 };
        let nodes = (0..HEADS as u32).map(head).collect();
        Self { granularity: granularity_ms.max(1), clock: 0, occupied: [0; LEVELS], armed: 0, nodes }
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

    /// Appends the keys that are due at `now_ms` to `due` and disarms them: earlier ticks first, in no order within one.
    pub fn expire(&mut self, now_ms: u64, due: &mut Vec<u32>) {
        let now = u32::try_from(now_ms / self.granularity).unwrap_or(u32::MAX);
        while let Some((level, slot, tick)) = self.next_slot() {
            if tick > now {
                break;
            }
            self.clock = self.clock.max(tick);
            self.empty(level, slot, due);
        }
        if now >= self.clock {
            self.clock = now.saturating_add(1);
            // The clock may have entered a slot of a higher level; its timers move down now, so that the order of `next_slot` holds.
            if let Some((level, slot, tick)) = self.next_slot()
                && level > 0
                && tick == self.clock
            {
                self.empty(level, slot, due);
            }
        }
    }

    /// The moment at which [`Wheel::expire`] should be called next, in milliseconds; it may have nothing to give then but timers to sort more finely.
    pub fn next_deadline(&self) -> Option<u64> {
        self.next_slot().map(|(_, _, tick)| u64::from(tick) * self.granularity)
    }

    /// The first slot that has timers, and the tick at which it begins. A lower level's slots all lie before a higher one's: they are what is left of the slot
    /// that the clock is in.
    fn next_slot(&self) -> Option<(usize, usize, u32)> {
        let level = self.occupied.iter().position(|occupied| *occupied != 0)?;
        let slot = self.occupied[level].trailing_zeros() as usize;
        let shift = LEVEL_BITS * level as u32;
        let beyond = u64::from(self.clock) >> (shift + LEVEL_BITS) << (shift + LEVEL_BITS);
        Some((level, slot, beyond as u32 | (slot as u32) << shift))
    }

    /// Takes all timers out of a slot: of the lowest level they are due, of the others they move down.
    fn empty(&mut self, level: usize, slot: usize, due: &mut Vec<u32>) {
        let head = (level * SLOTS + slot) as u32;
        self.occupied[level] &= !(1 << slot);
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

    /// The level is that of the highest bit in which the tick differs from the clock: the slot that the clock is in is never taken but on the lowest level.
    fn link(&mut self, place: u32, tick: u32) {
        let level = ((tick ^ self.clock) | 1).ilog2() / LEVEL_BITS;
        let slot = (tick >> (level * LEVEL_BITS)) as usize % SLOTS;
        let head = level as usize * SLOTS + slot;
        let first = self.nodes[head].next;
        self.nodes[place as usize] = Node { next: first, previous: head as u32, tick };
        self.nodes[head].next = place;
        self.nodes[first as usize].previous = place;
        self.occupied[level as usize] |= 1 << slot;
        self.armed += 1;
    }

    fn unlink(&mut self, place: u32) {
        let Node { next, previous, .. } = self.nodes[place as usize];
        self.nodes[previous as usize].next = next;
        self.nodes[next as usize].previous = previous;
        self.nodes[place as usize].next = UNARMED;
        if next == previous && (next as usize) < HEADS {
            self.occupied[next as usize / SLOTS] &= !(1 << (next as usize % SLOTS));
        }
        self.armed -= 1;
    }
}

fn place_of(key: u32) -> u32 {
    key.saturating_add(HEADS as u32)
}

const _: () = assert!(LEVELS as u32 * LEVEL_BITS >= u32::BITS, "any distance has a level");
const _: () = assert!(size_of::<Node>() == 12, "what a timer costs");

#[cfg(test)]
mod tests;
