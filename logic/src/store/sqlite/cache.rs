//! A bounded map that forgets what has not been used for long. Owns the choice of what to forget; what is forgotten can be read again.
//!
//! Two generations: what is used moves to the young one; when that is half as large as all may be, it becomes the old one and the old one is dropped.
//! So what was used since the last change stays, at the cost of a hash look-up, without a list to keep in order.

use std::hash::Hash;

use foldhash::{HashMap, HashMapExt as _};

#[derive(Debug)]
pub(super) struct Cache<K, V> {
    young: HashMap<K, (V, usize)>,
    old: HashMap<K, (V, usize)>,
    /// Of the young generation.
    weight: usize,
    limit: usize,
}

impl<K: Eq + Hash, V> Cache<K, V> {
    /// Holds entries up to a sum of weights; a single one may weigh at most half of it.
    pub(super) fn new(limit: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), weight: 0, limit }
    }

    pub(super) fn get(&mut self, key: &K) -> Option<&mut V> {
        if !self.young.contains_key(key) {
            let (key, (value, weight)) = self.old.remove_entry(key)?;
            return Some(self.insert(key, value, weight));
        }
        self.young.get_mut(key).map(|(value, _)| value)
    }

    /// Adds an entry that is not there.
    pub(super) fn insert(&mut self, key: K, value: V, weight: usize) -> &mut V {
        if self.weight + weight > self.limit / 2 {
            self.old = std::mem::take(&mut self.young);
            self.weight = 0;
        }
        self.weight += weight;
        &mut self.young.entry(key).insert_entry((value, weight)).into_mut().0
    }

    pub(super) fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
        self.weight = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_the_rest_is_bounded() {
        let mut cache = Cache::new(8);
        for key in 0..100 {
            cache.insert(key, key * 2, 1);
            assert_eq!(cache.get(&0), Some(&mut 0));
            assert!(cache.young.len() + cache.old.len() <= 8);
        }
        assert_eq!(cache.get(&99), Some(&mut 198));
        assert_eq!(cache.get(&50), None);
        cache.clear();
        assert_eq!(cache.get(&0), None);
    }

    #[test]
    fn a_heavy_entry_pushes_out_light_ones() {
        let mut cache = Cache::new(8);
        for key in 0..4 {
            cache.insert(key, (), 1);
        }
        cache.insert(10, (), 4);
        cache.insert(11, (), 4);
        assert_eq!(cache.get(&0), None);
        assert!(cache.get(&11).is_some());
    }
}
