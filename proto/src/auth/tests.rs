//! Two ends that know the same secret believe one another, however their bytes are cut; nobody else is believed, whatever it says.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::link::{self, Hello};

const OLD: [u8; 32] = [1; 32];
const NEW: [u8; 32] = [2; 32];
const CLAIM: Claim = Claim::Gateway(Hello { gateway: 7, reactor: 3, boot_epoch: 1 << 40, shard: 5 });
const SHARD: Claim = Claim::State { shard: 1, shard_count: 2, boot_epoch: 9 };

fn secrets(secrets: &[[u8; 32]]) -> Secrets {
    Secrets::new(secrets).unwrap()
}

/// Both ends, and what each has said.
struct Pair {
    dialing: Dialing,
    listening: Listening,
    up: Vec<u8>,
    down: Vec<u8>,
}

impl Pair {
    fn new(dialer: &[[u8; 32]], listener: &[[u8; 32]], claim: Claim) -> Self {
        let mut up = Vec::new();
        let dialing = Dialing::new(secrets(dialer), claim, [0xD; 32], &mut up);
        let listening = Listening::new(secrets(listener), claim.role(), [0xA; 32]);
        Self { dialing, listening, up, down: Vec::new() }
    }

    /// Lets them talk, in pieces of these lengths, with what `tamper` makes of each piece by its place on the wire: what each has come to believe.
    fn talk(
        &mut self,
        mut cuts: impl Iterator<Item = usize>,
        mut tamper: impl FnMut(bool, usize, &mut [u8]),
    ) -> (Result<bool, AuthError>, Result<Option<Claim>, AuthError>) {
        let (mut dialer, mut listener) = (Ok(false), Ok(None));
        let (mut read_up, mut read_down) = (0, 0);
        loop {
            let mut moved = false;
            if listener == Ok(None) && read_up < self.up.len() {
                let end = self.up.len().min(read_up + cuts.next().unwrap_or(1).max(1));
                let mut piece = self.up[read_up..end].to_vec();
                tamper(true, read_up, &mut piece);
                (read_up, moved) = (end, true);
                listener = self.listening.receive(&piece, &mut self.down).map(|progress| match progress {
                    Progress::More => None,
                    Progress::Proved { value, taken } => {
                        assert_eq!(taken, piece.len(), "nothing follows the proof");
                        Some(value)
                    }
                });
            }
            if dialer == Ok(false) && read_down < self.down.len() {
                let end = self.down.len().min(read_down + cuts.next().unwrap_or(1).max(1));
                let mut piece = self.down[read_down..end].to_vec();
                tamper(false, read_down, &mut piece);
                (read_down, moved) = (end, true);
                dialer =
                    self.dialing.receive(&piece, &mut self.up).map(|progress| progress != Progress::More);
            }
            if !moved {
                return (dialer, listener);
            }
        }
    }

    fn simply_talk(&mut self) -> (Result<bool, AuthError>, Result<Option<Claim>, AuthError>) {
        self.talk(std::iter::repeat(usize::MAX / 2), |_, _, _| ())
    }
}

#[test]
fn who_knows_the_secret_is_believed_with_what_it_claims() {
    for claim in [CLAIM, SHARD] {
        assert_eq!(Pair::new(&[NEW], &[NEW], claim).simply_talk(), (Ok(true), Ok(Some(claim))));
    }
}

#[test]
fn a_secret_can_be_exchanged_for_another_without_a_moment_in_which_nobody_is_believed() {
    // Each end goes from old over both orders to new by itself; neighbours in these steps believe one another.
    let steps: [&[[u8; 32]]; 4] = [&[OLD], &[OLD, NEW], &[NEW, OLD], &[NEW]];
    for (place, step) in steps.iter().enumerate() {
        for other in &steps[place.saturating_sub(1)..(place + 2).min(steps.len())] {
            assert_eq!(Pair::new(step, other, CLAIM).simply_talk(), (Ok(true), Ok(Some(CLAIM))), "{place}");
        }
    }
}

#[test]
fn another_secret_is_not_believed_and_is_told_nothing() {
    let mut pair = Pair::new(&[OLD], &[NEW], CLAIM);
    assert_eq!(pair.simply_talk(), (Ok(false), Err(AuthError::Proof)));
    assert_eq!(pair.down.len(), HEAD_BYTES + CHALLENGE_BYTES, "no proof is given to one who has none");
}

#[test]
fn who_listens_without_the_secret_is_not_believed() {
    let mut up = Vec::new();
    let mut dialing = Dialing::new(secrets(&[NEW]), CLAIM, [0xD; 32], &mut up);
    let mut impostor = Vec::new();
    say(&mut impostor, CHALLENGE, &[&[VERSION][..], &[7; NONCE_BYTES]].concat());
    assert_eq!(dialing.receive(&impostor, &mut up), Ok(Progress::More));
    let proof = up[up.len() - PROOF_BYTES..].to_vec();
    let mut reflected = Vec::new();
    say(&mut reflected, LISTENER_PROOF, &proof);
    assert_eq!(
        dialing.receive(&reflected, &mut up),
        Err(AuthError::Proof),
        "its own proof is not taken back"
    );
}

#[test]
fn a_recorded_conversation_is_worth_nothing() {
    let mut pair = Pair::new(&[NEW], &[NEW], CLAIM);
    assert_eq!(pair.simply_talk(), (Ok(true), Ok(Some(CLAIM))));
    let mut listening = Listening::new(secrets(&[NEW]), Role::Gateway, [0xB; 32]);
    assert_eq!(listening.receive(&pair.up, &mut Vec::new()), Err(AuthError::Proof), "another nonce");
    let mut dialing = Dialing::new(secrets(&[NEW]), CLAIM, [0xE; 32], &mut Vec::new());
    assert_eq!(dialing.receive(&pair.down, &mut Vec::new()), Err(AuthError::Proof), "another nonce");
}

#[test]
fn a_proof_for_one_kind_of_link_is_none_for_another() {
    let mut pair = Pair::new(&[NEW], &[NEW], CLAIM);
    pair.listening = Listening::new(secrets(&[NEW]), Role::State, [0xA; 32]);
    assert_eq!(pair.simply_talk(), (Ok(false), Err(AuthError::Claim)));
}

#[test]
fn what_is_no_proof_is_found_from_its_first_bytes() {
    let fresh = || Listening::new(secrets(&[NEW]), Role::Gateway, [0xA; 32]);
    let mut hello = Vec::new();
    link::hello(&mut hello, Hello { gateway: 1, reactor: 0, boot_epoch: 1, shard: 0 });
    assert_eq!(fresh().receive(&hello, &mut Vec::new()), Err(AuthError::Unproved(1)));
    assert_eq!(fresh().receive(&[0xFF; 4], &mut Vec::new()), Err(AuthError::Length(u32::MAX)));
    assert_eq!(fresh().receive(b"GET / HTTP/1.1\r\n", &mut Vec::new()), Err(AuthError::Unproved(b'/')));
    let mut later = Vec::new();
    say(&mut later, INTRODUCTION, &[2; INTRODUCTION_BYTES]);
    assert_eq!(fresh().receive(&later, &mut Vec::new()), Err(AuthError::Version(2)));
    let mut nobody = Vec::new();
    say(&mut nobody, INTRODUCTION, &[&[VERSION][..], &[0xFF; INTRODUCTION_BYTES - 1]].concat());
    assert_eq!(fresh().receive(&nobody, &mut Vec::new()), Err(AuthError::Claim));
}

#[test]
fn a_secret_has_bounds_and_is_never_shown() {
    let told = |secrets: &[&[u8]]| Secrets::new(secrets).map(|secrets| format!("{secrets:?}"));
    assert_eq!(told(&[&[7; 31]]), Err(BadSecret::Short(31)));
    assert_eq!(told(&[&[7; 1025]]), Err(BadSecret::Long(1025)));
    assert_eq!(told(&[&[7; 32][..]; 3]), Err(BadSecret::Many(3)));
    assert_eq!(told(&[]), Err(BadSecret::None));
    assert_eq!(told(&[&[7; 32], &[8; 1024]]), Ok("2 secrets".into()));
}

proptest! {
    #[test]
    fn however_the_bytes_are_cut_the_same_is_believed(cuts in vec(1_usize..70, 0..300)) {
        let mut pair = Pair::new(&[OLD, NEW], &[NEW, OLD], CLAIM);
        prop_assert_eq!(pair.talk(cuts.into_iter(), |_, _, _| ()), (Ok(true), Ok(Some(CLAIM))));
    }

    #[test]
    fn a_change_of_any_byte_on_the_way_has_nobody_believed(up: bool, place in 0_usize..130, flip in 1_u8..) {
        let mut pair = Pair::new(&[NEW], &[NEW], CLAIM);
        let length = if up { FRAME_BYTES_MAX + HEAD_BYTES + PROOF_BYTES }
            else { 2 * HEAD_BYTES + CHALLENGE_BYTES + PROOF_BYTES };
        let place = place % length;
        let (dialer, listener) = pair.talk(std::iter::repeat(usize::MAX / 2), |is_up, at, piece| {
            if is_up == up && (at..at + piece.len()).contains(&place) {
                piece[place - at] ^= flip;
            }
        });
        prop_assert_ne!(dialer, Ok(true));
        // The last proof is the listener's, which it has earned by believing; only the dialer can find it spoilt.
        let last = !up && place >= HEAD_BYTES + CHALLENGE_BYTES;
        prop_assert_eq!(listener == Ok(Some(CLAIM)), last);
    }

    #[test]
    fn no_bytes_of_a_stranger_are_believed(bytes in vec(any::<u8>(), 0..300), cut in 1_usize..64) {
        let mut listening = Listening::new(secrets(&[NEW]), Role::Gateway, [0xA; 32]);
        let mut out = Vec::new();
        for piece in bytes.chunks(cut) {
            match listening.receive(piece, &mut out) {
                Ok(progress) => prop_assert_eq!(progress, Progress::More),
                Err(_) => break,
            }
        }
        prop_assert!(out.len() <= HEAD_BYTES + CHALLENGE_BYTES);
    }
}
