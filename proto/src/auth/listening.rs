//! The end that listens: [`Listening`].

use super::{
    AuthError, CHALLENGE, CHALLENGE_BYTES, CLAIM_BYTES, Claim, DIALER_PROOF, DIALS, INTRODUCTION,
    INTRODUCTION_BYTES, Inlet, LISTENER_PROOF, LISTENS, NONCE_BYTES, PROOF_BYTES, Progress, Role, Secrets,
    Transcript, VERSION, say,
};

/// Has whoever dials prove itself, and then does the same.
#[derive(Debug)]
pub struct Listening {
    secrets: Secrets,
    role: Role,
    nonce: [u8; NONCE_BYTES],
    inlet: Inlet,
    /// Once the other end has introduced itself.
    introduced: Option<(Claim, Transcript)>,
}

impl Listening {
    /// Awaits an introduction for this kind of link. `nonce` must be fit for keys and never be used again.
    pub fn new(secrets: Secrets, role: Role, nonce: [u8; NONCE_BYTES]) -> Self {
        Self { secrets, role, nonce, inlet: Inlet::new(), introduced: None }
    }

    /// Takes what the other end says and appends what it is answered.
    pub fn receive(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<Progress<Claim>, AuthError> {
        let mut rest = bytes;
        let (claim, transcript) = match self.introduced {
            Some(introduced) => introduced,
            None => match self.inlet.frame::<INTRODUCTION_BYTES>(&mut rest, INTRODUCTION)? {
                Some(introduction) => self.challenge(introduction, out)?,
                None => return Ok(Progress::More),
            },
        };
        let Some(proof) = self.inlet.frame::<PROOF_BYTES>(&mut rest, DIALER_PROOF)? else {
            return Ok(Progress::More);
        };
        // The answer is made with the secret that the other end has used, for it may have no other.
        let Some(key) = self.secrets.0.iter().find(|key| transcript.is_proof(DIALS, key, &proof)) else {
            return Err(AuthError::Proof);
        };
        say(out, LISTENER_PROOF, transcript.prove(LISTENS, key).as_ref());
        Ok(Progress::Proved { value: claim, taken: bytes.len() - rest.len() })
    }

    fn challenge(
        &mut self,
        introduction: [u8; INTRODUCTION_BYTES],
        out: &mut Vec<u8>,
    ) -> Result<(Claim, Transcript), AuthError> {
        let [version, claim @ ..] = &introduction;
        if *version != VERSION {
            return Err(AuthError::Version(*version));
        }
        let claim = claim.first_chunk::<CLAIM_BYTES>().and_then(Claim::from_bytes);
        let claim = claim.filter(|claim| claim.role() == self.role).ok_or(AuthError::Claim)?;
        let mut challenge = [0; CHALLENGE_BYTES];
        challenge[0] = VERSION;
        challenge[1..].copy_from_slice(&self.nonce);
        say(out, CHALLENGE, &challenge);
        let introduced = (claim, Transcript { introduction, challenge });
        self.introduced = Some(introduced);
        Ok(introduced)
    }
}
