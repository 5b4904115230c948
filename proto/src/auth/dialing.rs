//! The end that dials: [`Dialing`].

use super::{
    AuthError, CHALLENGE, CHALLENGE_BYTES, CLAIM_BYTES, Claim, DIALER_PROOF, DIALS, INTRODUCTION,
    INTRODUCTION_BYTES, Inlet, LISTENER_PROOF, LISTENS, NONCE_BYTES, PROOF_BYTES, Progress, Secrets,
    Transcript, VERSION, say,
};

/// Proves itself to whoever listens, and believes that one when it has done the same.
#[derive(Debug)]
pub struct Dialing {
    secrets: Secrets,
    transcript: Transcript,
    inlet: Inlet,
    /// The challenge has come and was answered.
    challenged: bool,
}

impl Dialing {
    /// Begins: the introduction is appended to `out`. `nonce` must be fit for keys and never be used again.
    pub fn new(secrets: Secrets, claim: Claim, nonce: [u8; NONCE_BYTES], out: &mut Vec<u8>) -> Self {
        let mut introduction = [0; INTRODUCTION_BYTES];
        introduction[0] = VERSION;
        introduction[1..=CLAIM_BYTES].copy_from_slice(&claim.to_bytes());
        introduction[1 + CLAIM_BYTES..].copy_from_slice(&nonce);
        say(out, INTRODUCTION, &introduction);
        let transcript = Transcript { introduction, challenge: [0; CHALLENGE_BYTES] };
        Self { secrets, transcript, inlet: Inlet::new(), challenged: false }
    }

    /// Takes what the other end says and appends what it is answered.
    pub fn receive(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<Progress<()>, AuthError> {
        let key = &self.secrets.0[0];
        let mut rest = bytes;
        if !self.challenged {
            let Some(challenge) = self.inlet.frame::<CHALLENGE_BYTES>(&mut rest, CHALLENGE)? else {
                return Ok(Progress::More);
            };
            if challenge[0] != VERSION {
                return Err(AuthError::Version(challenge[0]));
            }
            self.transcript.challenge = challenge;
            say(out, DIALER_PROOF, self.transcript.prove(DIALS, key).as_ref());
            self.challenged = true;
        }
        let Some(proof) = self.inlet.frame::<PROOF_BYTES>(&mut rest, LISTENER_PROOF)? else {
            return Ok(Progress::More);
        };
        if !self.transcript.is_proof(LISTENS, key, &proof) {
            return Err(AuthError::Proof);
        }
        Ok(Progress::Proved { value: (), taken: bytes.len() - rest.len() })
    }
}
