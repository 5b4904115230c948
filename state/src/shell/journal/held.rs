//! What a shard has said and must not be heard yet: [`Held`]. Owns the order, by link, and that nothing waits for a link that is gone; when a turn may go is the worker's
//! to say.

use std::collections::VecDeque;

/// Buffers that are kept for the next turns.
const SPARE_BUFFERS: usize = 64;
/// Capacity that a spare buffer may have.
const SPARE_BYTES: usize = 256 * 1024;

/// The turns that wait for a commit, in their order.
#[derive(Debug, Default)]
pub(in crate::shell) struct Held {
    turns: VecDeque<Turn>,
    bytes: usize,
    spare: Vec<Vec<u8>>,
}

/// What was said in one turn.
#[derive(Debug)]
struct Turn {
    /// The batch that must be durable first.
    needs: u64,
    /// Frames, by the place of their link.
    gateways: Vec<(usize, Vec<u8>)>,
    logic: Vec<u8>,
}

impl Held {
    /// Bytes that wait.
    pub(in crate::shell) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether nothing waits.
    pub(in crate::shell) fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    /// Takes what was said in a turn, leaving empty buffers behind; it waits for the batch `needs`.
    pub(in crate::shell) fn hold(&mut self, needs: u64, gateways: &mut [Vec<u8>], logic: &mut Vec<u8>) {
        let mut turn = Turn { needs, gateways: Vec::new(), logic: Vec::new() };
        for (place, said) in gateways.iter_mut().enumerate().filter(|(_, said)| !said.is_empty()) {
            self.bytes += said.len();
            let spare = self.spare.pop().unwrap_or_default();
            turn.gateways.push((place, std::mem::replace(said, spare)));
        }
        if !logic.is_empty() {
            self.bytes += logic.len();
            turn.logic = std::mem::replace(logic, self.spare.pop().unwrap_or_default());
        }
        if !turn.gateways.is_empty() || !turn.logic.is_empty() {
            self.turns.push_back(turn);
        }
    }

    /// Gives out what waited for no more than `committed`: to `gateways` by place, and to `logic`.
    pub(in crate::shell) fn release(
        &mut self,
        committed: u64,
        gateways: &mut [Vec<u8>],
        logic: &mut Vec<u8>,
    ) {
        while let Some(turn) = self.turns.pop_front_if(|turn| turn.needs <= committed) {
            for (place, said) in turn.gateways {
                if let Some(out) = gateways.get_mut(place) {
                    self.pass_on(said, out);
                }
            }
            self.pass_on(turn.logic, logic);
        }
    }

    /// A gateway's link is gone: what waits for it will never be sent, and not to the next link in its place.
    pub(in crate::shell) fn forget_gateway(&mut self, place: usize) {
        for turn in &mut self.turns {
            turn.gateways.retain(|(of, said)| {
                let keeps = *of != place;
                self.bytes -= if keeps { 0 } else { said.len() };
                keeps
            });
        }
    }

    /// The link to logic is gone.
    pub(in crate::shell) fn forget_logic(&mut self) {
        for turn in &mut self.turns {
            self.bytes -= turn.logic.len();
            turn.logic = Vec::new();
        }
    }

    fn pass_on(&mut self, mut said: Vec<u8>, out: &mut Vec<u8>) {
        self.bytes -= said.len();
        if out.is_empty() && out.capacity() <= said.capacity() {
            std::mem::swap(out, &mut said);
        } else {
            out.extend_from_slice(&said);
        }
        said.clear();
        if said.capacity() > 0 && said.capacity() <= SPARE_BYTES && self.spare.len() < SPARE_BUFFERS {
            self.spare.push(said);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_waits_for_its_commit_and_keeps_its_order() {
        let mut held = Held::default();
        held.hold(1, &mut [b"a".to_vec(), vec![]], &mut b"x".to_vec());
        held.hold(1, &mut [b"b".to_vec(), b"c".to_vec()], &mut vec![]);
        held.hold(3, &mut [vec![], b"d".to_vec()], &mut b"y".to_vec());
        let (mut gateways, mut logic) = ([vec![], vec![]], vec![]);
        held.release(0, &mut gateways, &mut logic);
        assert_eq!((&gateways, &logic, held.bytes()), (&[vec![], vec![]], &vec![], 6));
        held.release(2, &mut gateways, &mut logic);
        assert_eq!((&gateways, &logic), (&[b"ab".to_vec(), b"c".to_vec()], &b"x".to_vec()));
        held.forget_gateway(1);
        held.release(3, &mut gateways, &mut logic);
        assert_eq!((&gateways, &logic), (&[b"ab".to_vec(), b"c".to_vec()], &b"xy".to_vec()));
        assert!(held.is_empty() && held.bytes() == 0);
    }

    #[test]
    fn nothing_waits_for_a_link_that_is_gone() {
        let mut held = Held::default();
        held.hold(1, &mut [b"a".to_vec()], &mut b"x".to_vec());
        held.forget_gateway(0);
        held.forget_logic();
        assert_eq!(held.bytes(), 0);
    }
}
