//! Deadlines of many timers: a hierarchical timing wheel (Varghese and Lauck, SOSP 1987). Owns when each key is due and finds out which are, in
//! O(1) to arm, cancel and expire; what a key is and what its expiry means is left to the caller. It reads no clock.
//!
//! A timer has no allocation and no handle of its own: its key, an index of the caller's slab, is its place in an array of 8 bytes each. A slot has a list of the keys to be looked at
//! when its time comes, 4 bytes each. A timer that is set to a later time stays where it is listed, and moves when it is looked at; one that is cancelled is passed over then. So
//! both are a store to one place, and with a million timers cost one miss of the cache; and a slot is read from one end to the other, with no step that waits for the one before.
//! The next owner of an index cannot be reached by the timer of the one before: there is one deadline to each key.

/// The lowest level has a slot for each of the next 2^11 ticks: at 64 ms two minutes, so that a heartbeat's deadline never has to move down.
const FINE_BITS: u32 = 11;
const FINE_SLOTS: usize = 1 << FINE_BITS;
/// Each level above has 2^6 slots, each as long as the whole level below.
const COARSE_BITS: u32 = 6;
const COARSE_SLOTS: usize = 1 << COARSE_BITS;
/// With four of them any distance of 32-bit ticks has a level.
const LEVELS: usize = 5;
const SLOTS: usize = FINE_SLOTS + (LEVELS - 1) * COARSE_SLOTS;
/// No tick: of a timer that is not armed, or not listed.
const NEVER: u32 = u32::MAX;
/// The last tick.
const LAST: u32 = NEVER - 1;
/// Keys of one piece of a list: four lines of the cache with the number of the next piece.
const CHUNK_KEYS: usize = 63;
/// No piece.
const NONE: u32 = u32::MAX;

/// The largest number of keys.
pub const KEYS_MAX: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Timer {
    /// When it is due; [`NEVER`] if it is not armed.
    tick: u32,
    /// When it will be looked at, which is not later: the begin of the slot that lists it. Wherever else it is listed it is passed over.
    listed: u32,
}

/// A slot's list: its pieces are full but for the first.
#[derive(Clone, Copy, Debug)]
struct List {
    first: u32,
    /// Keys in the first piece.
    keys: u32,
}

#[derive(Clone, Copy, Debug)]
struct Chunk {
    keys: [u32; CHUNK_KEYS],
    next: u32,
}

/// Timers by key. A timer never fires before its deadline, and at most one tick after it, if [`Wheel::expire`] is called in time.
#[derive(Debug)]
pub struct Wheel {
    /// Milliseconds of a tick.
    granularity: u64,
    /// The first tick that has not been processed.
    clock: u32,
    /// No slot with a list begins before this tick.
    wake: u32,
    armed: u32,
    /// A bit for each slot: whether it has a list.
    occupied: [u64; SLOTS / 64],
    lists: Box<[List]>,
    timers: Vec<Timer>,
    chunks: Vec<Chunk>,
    /// The first chunk that no list has.
    free: u32,
}

/// A slot that has a list.
#[derive(Clone, Copy, Debug)]
struct Slot {
    place: usize,
    /// Its first tick.
    begin: u32,
}

impl Wheel {
    /// A wheel without timers, whose tick is `granularity_ms` long (at least 1). Time begins at 0 ms and ends 2^32 - 1 ticks later.
    pub fn new(granularity_ms: u64) -> Self {
        Self {
            granularity: granularity_ms.max(1),
            clock: 0,
            wake: NEVER,
            armed: 0,
            occupied: [0; SLOTS / 64],
            lists: vec![EMPTY; SLOTS].into_boxed_slice(),
            timers: Vec::new(),
            chunks: Vec::new(),
            free: NONE,
        }
    }

    /// How many timers are armed.
    pub fn armed(&self) -> u32 {
        self.armed
    }

    /// Whether this key's timer is armed.
    pub fn is_armed(&self, key: u32) -> bool {
        self.timers.get(key as usize).is_some_and(|timer| timer.tick != NEVER)
    }

    /// Sets the key's timer to `deadline_ms`, whether it was armed or not. One that is past already is due with the next tick. `key` is less than [`KEYS_MAX`];
    /// the array grows to the largest key ever armed.
    pub fn arm(&mut self, key: u32, deadline_ms: u64) {
        debug_assert!(key < KEYS_MAX, "key {key} of a timer");
        let place = key as usize;
        if place >= self.timers.len() {
            self.timers.resize(place + 1, Timer { tick: NEVER, listed: NEVER });
        }
        let timer = &mut self.timers[place];
        // Rounded up: never early.
        let tick = u32::try_from(deadline_ms.div_ceil(self.granularity)).unwrap_or(LAST);
        let tick = tick.min(LAST).max(self.clock);
        self.armed += u32::from(timer.tick == NEVER);
        timer.tick = tick;
        if timer.listed > tick {
            self.list(key, tick);
        }
    }

    /// Stops the key's timer, if it is armed.
    pub fn cancel(&mut self, key: u32) {
        if let Some(timer) = self.timers.get_mut(key as usize).filter(|timer| timer.tick != NEVER) {
            timer.tick = NEVER;
            self.armed -= 1;
        }
    }

    /// Appends the keys that are due at `now_ms` to `due` and disarms them, earlier ticks first. A tick with nothing to do costs one comparison.
    pub fn expire(&mut self, now_ms: u64, due: &mut Vec<u32>) {
        let now = u32::try_from(now_ms / self.granularity).unwrap_or(LAST).min(LAST);
        if now < self.clock {
            return;
        }
        if now >= self.wake {
            while let Some(slot) = self.next_slot().filter(|slot| slot.begin <= now) {
                self.clock = slot.begin;
                self.empty(slot, due);
            }
            self.clock = (now + 1).min(LAST);
            self.wake = self.next_slot().map_or(NEVER, |slot| slot.begin);
        }
        self.clock = (now + 1).min(LAST);
    }

    /// The moment at which [`Wheel::expire`] should be called next, in milliseconds; it may have nothing to give then but timers to list anew.
    pub fn next_deadline(&self) -> Option<u64> {
        (self.armed > 0).then(|| u64::from(self.wake) * self.granularity)
    }

    /// The slot with a list that begins first; of several, the one of the highest level, whose timers may belong in the others.
    fn next_slot(&self) -> Option<Slot> {
        (0..LEVELS).rev().filter_map(|level| self.next_of_level(level)).min_by_key(|slot| slot.begin)
    }

    /// The first slot of a level that has a list. The slots run in a circle that begins where the clock is.
    fn next_of_level(&self, level: usize) -> Option<Slot> {
        let (first, slots) = (first_of(level), slots(level));
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
                return Some(Slot { place: first + slot, begin });
            }
        }
        None
    }

    /// Looks at all timers that a slot lists: those that are due are, the others are listed anew.
    fn empty(&mut self, slot: Slot, due: &mut Vec<u32>) {
        self.occupied[slot.place / 64] &= !(1 << (slot.place % 64));
        let List { mut first, keys } = std::mem::replace(&mut self.lists[slot.place], EMPTY);
        let mut count = keys as usize;
        while first != NONE {
            let Chunk { keys, next } = self.chunks[first as usize];
            let keys = &keys[..count];
            // All are fetched before the first is judged, so that none waits for another.
            let mut timers = [Timer { tick: NEVER, listed: NEVER }; CHUNK_KEYS];
            for (timer, key) in timers.iter_mut().zip(keys) {
                *timer = self.timers[*key as usize];
            }
            for (timer, key) in timers.iter().zip(keys) {
                // A key that was listed twice here has been looked at.
                if timer.listed == slot.begin && self.timers[*key as usize].listed == slot.begin {
                    self.look_at(*key, slot.begin, due);
                }
            }
            self.chunks[first as usize].next = std::mem::replace(&mut self.free, first);
            (first, count) = (next, CHUNK_KEYS);
        }
    }

    fn look_at(&mut self, key: u32, now: u32, due: &mut Vec<u32>) {
        let timer = &mut self.timers[key as usize];
        timer.listed = NEVER;
        if timer.tick == NEVER {
            return;
        }
        if timer.tick <= now {
            timer.tick = NEVER;
            self.armed -= 1;
            due.push(key);
        } else {
            let tick = timer.tick;
            self.list(key, tick);
        }
    }

    /// A slot above the lowest level, and its begin: the level is the first whose circle reaches so far, and the slot never that which the clock is in.
    fn coarse(&self, tick: u32) -> (usize, u32) {
        let reaches =
            |level: &usize| ((tick >> shift(*level)) - (self.clock >> shift(*level))) < slots(*level) as u32;
        let level = (1..LEVELS).find(reaches).unwrap_or(LEVELS - 1);
        let block = tick >> shift(level);
        (first_of(level) + block as usize % slots(level), block << shift(level))
    }

    /// Has a key looked at when its tick comes, or before.
    fn list(&mut self, key: u32, tick: u32) {
        let (place, begin) = if tick - self.clock < FINE_SLOTS as u32 {
            (tick as usize % FINE_SLOTS, tick)
        } else {
            self.coarse(tick)
        };
        self.wake = self.wake.min(begin);
        self.timers[key as usize].listed = begin;
        if self.lists[place].keys as usize == CHUNK_KEYS {
            self.lists[place] = List { first: self.chunk(self.lists[place].first), keys: 0 };
            self.occupied[place / 64] |= 1 << (place % 64);
        }
        let List { first, keys } = &mut self.lists[place];
        self.chunks[*first as usize].keys[*keys as usize] = key;
        *keys += 1;
    }

    /// A piece of a list, before another.
    fn chunk(&mut self, next: u32) -> u32 {
        if self.free == NONE {
            self.chunks.push(Chunk { keys: [0; CHUNK_KEYS], next });
            return self.chunks.len() as u32 - 1;
        }
        let chunk = self.free;
        self.free = std::mem::replace(&mut self.chunks[chunk as usize].next, next);
        chunk
    }
}

/// As if there were a full piece: the first key asks for one.
const EMPTY: List = List { first: NONE, keys: CHUNK_KEYS as u32 };

/// How many slots a level has.
const fn slots(level: usize) -> usize {
    if level == 0 { FINE_SLOTS } else { COARSE_SLOTS }
}

/// The place of a level's first slot.
const fn first_of(level: usize) -> usize {
    if level == 0 { 0 } else { FINE_SLOTS + (level - 1) * COARSE_SLOTS }
}

/// A slot of a level is 2 to the power of this many ticks long.
const fn shift(level: usize) -> u32 {
    if level == 0 { 0 } else { FINE_BITS + (level as u32 - 1) * COARSE_BITS }
}

const _: () = assert!(shift(LEVELS - 1) + COARSE_BITS >= u32::BITS, "any distance has a level");
const _: () = assert!(first_of(LEVELS) == SLOTS && SLOTS.is_multiple_of(64));
const _: () = assert!(size_of::<Timer>() == 8 && size_of::<Chunk>() == 256, "what a timer costs");

#[cfg(test)]
mod tests;
