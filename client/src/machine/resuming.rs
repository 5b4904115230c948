//! Taking a session up on a new connection, and what was missed meanwhile. Owns the secret and the choice between Resume and Login; what a gap is and how it is
//! filled is told in `inbox` and `pulls`.

use proto::limits::CLIENT_LOGIN_PATIENCE;
use proto::packet::{LoginOk, Refused, RefusedCode, ResumeOk, Resync, Secret, Verdict};
use proto::time::Now;

use super::inbox::Gap;
use super::{Machine, Phase, Want};
use crate::{Event, Output, Resumption};

/// What proves that a session is this client's.
#[derive(Debug)]
pub(super) struct Credential {
    session: String,
    secret: Secret,
}

impl Credential {
    /// That of a login, if the server lets its sessions be resumed.
    pub(super) fn of(ok: &LoginOk) -> Option<Box<Self>> {
        ok.secret.map(|secret| Box::new(Self { session: ok.session.clone(), secret }))
    }
}

impl Machine {
    /// Begins on a connection: takes the session up, if there is one, or logs in.
    pub(super) fn begin(&mut self, now: Now, out: &mut Vec<Output>) {
        let Some(credential) = &self.credential else { return self.log_in(now, out) };
        let Credential { session, secret } = &**credential;
        let last_push_seq = self.reading.as_ref().map_or(0, |reading| reading.acks.arrived());
        let resumption = Resumption { session: session.clone(), secret: *secret, last_push_seq };
        self.phase = Phase::Resuming { until_ms: now.after(CLIENT_LOGIN_PATIENCE) };
        out.push(Output::Resume(Box::new(resumption)));
    }

    /// The server has answered a resume: the session goes on, or another must be begun.
    pub(super) fn resumed(&mut self, now: Now, ok: ResumeOk, out: &mut Vec<Output>) {
        match self.phase {
            Phase::Resuming { .. } => {}
            Phase::Online if ok.verdict != Verdict::Reset => return self.goes_on(&ok, out),
            _ => return,
        }
        if ok.verdict == Verdict::Reset {
            self.credential = None;
            return self.log_in(now, out);
        }
        self.learn_secret(&ok);
        self.phase = Phase::Online;
        self.backoff.reset();
        self.submits.resumed();
        if let Some(reading) = &mut self.reading {
            reading.acks.resumed();
            reading.pulls.resumed();
        }
        self.sent_ms = now.mono_ms;
        out.push(Output::Event(Event::Resumed { server_time_ms: ok.server_time_ms }));
        self.watch(out);
    }

    /// Said without being asked: the session goes on, on this connection, but something behind the edge has failed. What is unanswered may be lost, and is sent again; so may be the
    /// newest state of those who are watched.
    fn goes_on(&mut self, ok: &ResumeOk, out: &mut Vec<Output>) {
        self.learn_secret(ok);
        self.submits.resumed();
        if let Some(reading) = &mut self.reading {
            reading.pulls.resumed();
        }
        self.watch(out);
    }

    fn learn_secret(&mut self, ok: &ResumeOk) {
        if let (Some(credential), Some(secret)) = (&mut self.credential, ok.secret) {
            credential.secret = secret;
        }
    }

    /// A server that refuses a resume, rather than answering it, knows no resume, or has no room.
    pub(super) fn resume_refused(&mut self, now: Now, refused: &Refused, out: &mut Vec<Output>) {
        if refused.code != RefusedCode::Unavailable {
            self.credential = None;
        }
        self.give_up_connection(now, u64::from(refused.retry_after_ms), out);
    }

    /// Pushes were not kept for us: what they were about is pulled.
    pub(super) fn resync(&mut self, now: Now, resync: Resync) {
        let reading = self.reading();
        for missed in resync.missed {
            match reading.inbox.missed(&missed) {
                Gap::None => {}
                Gap::Pull => reading.pulls.want(missed.conversation),
                Gap::PullLater => reading.pulls.retry(now, Want::Gap(missed.conversation), 0),
            }
        }
        if resync.everything {
            reading.pulls.want_all(&mut reading.inbox);
        }
    }
}
