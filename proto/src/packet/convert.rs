//! Between the generated types and the domain types: the only file that touches both. Owns every check of a field.

mod presence;

use super::*;
use crate::r#gen::client as wire;
use crate::ids::NameError;
use crate::limits::{
    BODY_BYTES_MAX, CLIENT_NAME_BYTES_MAX, GROUP_MEMBERS_MAX, RESYNC_MISSED_MAX, SESSION_NAME_BYTES_MAX,
};

/// Commands are numbered from 1; what is no command has no number.
pub(super) fn check_client_id(client_id: u64, kind: ClientKind) -> Result<(), PacketError> {
    match (kind.is_command(), client_id) {
        (true, 0) => Err(PacketError::new("client_id", "is missing: a command is numbered 1, 2, 3, …")),
        (false, 1..) => Err(PacketError::new("client_id", "is given, but this packet is no command")),
        _ => Ok(()),
    }
}

fn name<T: TryFrom<String, Error = NameError>>(field: &'static str, name: String) -> Result<T, PacketError> {
    T::try_from(name).map_err(|error| PacketError::new(field, error))
}

fn body(field: &'static str, body: Body) -> Result<Body, PacketError> {
    if body.len() > BODY_BYTES_MAX {
        return Err(PacketError::new(field, format!("has {} bytes, more than {BODY_BYTES_MAX}", body.len())));
    }
    Ok(body)
}

impl TryFrom<wire::ClientPacket> for ClientPacket {
    type Error = PacketError;

    fn try_from(packet: wire::ClientPacket) -> Result<Self, PacketError> {
        use wire::client_packet::Body as Wire;
        let client_id = packet.client_id;
        let Some(body) = packet.body else { return Err(PacketError::new("packet", "has no body")) };
        let (kind, body) = match body {
            Wire::Heartbeat(_) => (ClientKind::Heartbeat, ClientBody::Heartbeat),
            Wire::Login(login) => (ClientKind::Login, ClientBody::Login(login.try_into()?)),
            Wire::Resume(resume) => (ClientKind::Resume, ClientBody::Resume(resume.try_into()?)),
            Wire::Submit(submit) => (ClientKind::Submit, ClientBody::Submit(submit.try_into()?)),
            Wire::Ack(ack) => (ClientKind::Ack, ClientBody::Ack { push_seq: ack.push_seq }),
            Wire::Pull(pull) => (ClientKind::Pull, ClientBody::Pull(pull.try_into()?)),
            Wire::CreateGroup(group) => (ClientKind::CreateGroup, ClientBody::CreateGroup(group.try_into()?)),
            Wire::Logout(_) => (ClientKind::Logout, ClientBody::Logout),
            Wire::Watch(watch) => (ClientKind::Watch, ClientBody::Watch(presence::watched(watch)?)),
        };
        check_client_id(client_id, kind)?;
        Ok(Self { client_id, body })
    }
}

impl TryFrom<wire::Login> for Login {
    type Error = PacketError;

    fn try_from(login: wire::Login) -> Result<Self, PacketError> {
        let client = login.client;
        if client.len() > CLIENT_NAME_BYTES_MAX || client.chars().any(char::is_control) {
            let text = format!("is longer than {CLIENT_NAME_BYTES_MAX} bytes or has a control character");
            return Err(PacketError::new("login.client", text));
        }
        Ok(Self {
            uid: name("login.uid", login.uid)?,
            device: name("login.device", login.device)?,
            token: login.token,
            client,
        })
    }
}

impl TryFrom<wire::Resume> for Resume {
    type Error = PacketError;

    fn try_from(resume: wire::Resume) -> Result<Self, PacketError> {
        if resume.session.len() > SESSION_NAME_BYTES_MAX {
            let text = format!("is longer than {SESSION_NAME_BYTES_MAX} bytes");
            return Err(PacketError::new("resume.session", text));
        }
        let secret = secret("resume.secret", &resume.secret)?;
        Ok(Self {
            uid: name("resume.uid", resume.uid)?,
            device: name("resume.device", resume.device)?,
            session: resume.session,
            secret: secret.ok_or_else(|| PacketError::new("resume.secret", "is missing"))?,
            last_push_seq: resume.last_push_seq,
        })
    }
}

/// A secret; none is no bytes.
fn secret(field: &'static str, bytes: &[u8]) -> Result<Option<Secret>, PacketError> {
    match (bytes, bytes.try_into()) {
        ([], _) => Ok(None),
        (_, Ok(secret)) => Ok(Some(Secret(secret))),
        (_, Err(_)) => Err(PacketError::new(field, format!("has {} bytes", bytes.len()))),
    }
}

fn secret_bytes(secret: Option<Secret>) -> Vec<u8> {
    secret.map_or_else(Vec::new, |secret| secret.0.to_vec())
}

impl TryFrom<wire::Submit> for Submit {
    type Error = PacketError;

    fn try_from(submit: wire::Submit) -> Result<Self, PacketError> {
        let target = match submit.target {
            Some(wire::submit::Target::Conversation(id)) => {
                Target::Conversation(name("submit.conversation", id)?)
            }
            Some(wire::submit::Target::To(uid)) => Target::User(name("submit.to", uid)?),
            None => return Err(PacketError::new("submit", "has neither conversation nor to")),
        };
        let said = match submit.body {
            Some(wire::submit::Body::Text(text)) => body("submit.text", Body::Text(text))?,
            Some(wire::submit::Body::Data(data)) => body("submit.data", Body::Data(data))?,
            None => return Err(PacketError::new("submit", "has neither text nor data")),
        };
        Ok(Self { target, body: said })
    }
}

impl TryFrom<wire::Pull> for Pull {
    type Error = PacketError;

    fn try_from(pull: wire::Pull) -> Result<Self, PacketError> {
        let conversation = name("pull.conversation", pull.conversation)?;
        Ok(Self { conversation, from_seq: pull.from_seq, limit: pull.limit })
    }
}

impl TryFrom<wire::CreateGroup> for CreateGroup {
    type Error = PacketError;

    fn try_from(group: wire::CreateGroup) -> Result<Self, PacketError> {
        let conversation: ConversationId = name("create_group.conversation", group.conversation)?;
        if !conversation.is_group() {
            return Err(PacketError::new("create_group.conversation", "must begin with \"g.\""));
        }
        if group.members.len() > GROUP_MEMBERS_MAX {
            let text = format!("has {} names, more than {GROUP_MEMBERS_MAX}", group.members.len());
            return Err(PacketError::new("create_group.members", text));
        }
        let members = group.members.into_iter().map(|uid| name("create_group.members", uid));
        Ok(Self { conversation, members: members.collect::<Result<_, _>>()? })
    }
}

impl From<ClientPacket> for wire::ClientPacket {
    fn from(packet: ClientPacket) -> Self {
        use wire::client_packet::Body as Wire;
        let body = match packet.body {
            ClientBody::Heartbeat => Wire::Heartbeat(wire::Heartbeat {}),
            ClientBody::Login(Login { uid, device, token, client }) => {
                Wire::Login(wire::Login { uid: uid.into(), device: device.into(), token, client })
            }
            ClientBody::Resume(Resume { uid, device, session, secret, last_push_seq }) => {
                let (uid, device, secret) = (uid.into(), device.into(), secret.0.to_vec());
                Wire::Resume(wire::Resume { uid, device, session, secret, last_push_seq })
            }
            ClientBody::Submit(submit) => Wire::Submit(wire::Submit {
                target: Some(match submit.target {
                    Target::Conversation(id) => wire::submit::Target::Conversation(id.into()),
                    Target::User(uid) => wire::submit::Target::To(uid.into()),
                }),
                body: Some(match submit.body {
                    Body::Text(text) => wire::submit::Body::Text(text),
                    Body::Data(data) => wire::submit::Body::Data(data),
                }),
            }),
            ClientBody::Ack { push_seq } => Wire::Ack(wire::Ack { push_seq }),
            ClientBody::Pull(Pull { conversation, from_seq, limit }) => {
                Wire::Pull(wire::Pull { conversation: conversation.into(), from_seq, limit })
            }
            ClientBody::CreateGroup(group) => Wire::CreateGroup(wire::CreateGroup {
                conversation: group.conversation.into(),
                members: group.members.into_iter().map(Into::into).collect(),
            }),
            ClientBody::Logout => Wire::Logout(wire::Logout {}),
            ClientBody::Watch(users) => Wire::Watch(presence::watch(users)),
        };
        Self { client_id: packet.client_id, body: Some(body) }
    }
}

impl TryFrom<wire::ServerPacket> for ServerPacket {
    type Error = PacketError;

    fn try_from(packet: wire::ServerPacket) -> Result<Self, PacketError> {
        use wire::server_packet::Body as Wire;
        let Some(body) = packet.body else { return Err(PacketError::new("packet", "has no body")) };
        let body = match body {
            Wire::Heartbeat(_) => ServerBody::Heartbeat,
            Wire::LoginOk(ok) => ServerBody::LoginOk(ok.try_into()?),
            Wire::ResumeOk(ok) => ServerBody::ResumeOk(ok.try_into()?),
            Wire::LoginRequired(_) => ServerBody::LoginRequired,
            Wire::SubmitOk(ok) => ServerBody::SubmitOk(SubmitOk {
                conversation: name("submit_ok.conversation", ok.conversation)?,
                seq: ok.seq,
                time_ms: ok.time_ms,
            }),
            Wire::GroupOk(ok) => ServerBody::GroupOk {
                conversation: name("group_ok.conversation", ok.conversation)?,
                members: ok.members,
            },
            Wire::Pulled(pulled) => ServerBody::Pulled(pulled.try_into()?),
            Wire::Push(push) => match push.message {
                Some(message) => ServerBody::Push(message.try_into()?),
                None => return Err(PacketError::new("push", "has no message")),
            },
            Wire::Refused(refused) => ServerBody::Refused(refused.try_into()?),
            Wire::Kicked(kicked) => ServerBody::Kicked {
                reason: match kicked.reason {
                    1 => KickedReason::Replaced,
                    3 => KickedReason::DeviceLimit,
                    4 => KickedReason::Revoked,
                    5 => KickedReason::SignedOut,
                    other => return Err(PacketError::new("kicked.reason", format!("is {other}"))),
                },
                text: kicked.text,
            },
            Wire::Resync(resync) => ServerBody::Resync(resync.try_into()?),
            Wire::Move(wire::Move { address, after_ms }) => ServerBody::Move { address, after_ms },
            Wire::Presence(users) => ServerBody::Presence(presence::users(users)?),
        };
        Ok(Self { push_seq: packet.push_seq, client_id: packet.client_id, body })
    }
}

impl TryFrom<wire::LoginOk> for LoginOk {
    type Error = PacketError;

    fn try_from(ok: wire::LoginOk) -> Result<Self, PacketError> {
        Ok(Self {
            session: ok.session,
            last_client_id: ok.last_client_id,
            heartbeat_interval_ms: ok.heartbeat_interval_ms,
            ack_delay_ms: ok.ack_delay_ms,
            ack_every: ok.ack_every,
            submit_timeout_ms: ok.submit_timeout_ms,
            uplink_window: ok.uplink_window,
            reconnect_base_ms: ok.reconnect_base_ms,
            reconnect_max_ms: ok.reconnect_max_ms,
            max_packet_bytes: ok.max_packet_bytes,
            server_time_ms: ok.server_time_ms,
            secret: secret("login_ok.secret", &ok.secret)?,
            resume_within_ms: ok.resume_within_ms,
        })
    }
}

impl From<LoginOk> for wire::LoginOk {
    fn from(ok: LoginOk) -> Self {
        Self {
            session: ok.session,
            last_client_id: ok.last_client_id,
            heartbeat_interval_ms: ok.heartbeat_interval_ms,
            ack_delay_ms: ok.ack_delay_ms,
            ack_every: ok.ack_every,
            submit_timeout_ms: ok.submit_timeout_ms,
            uplink_window: ok.uplink_window,
            reconnect_base_ms: ok.reconnect_base_ms,
            reconnect_max_ms: ok.reconnect_max_ms,
            max_packet_bytes: ok.max_packet_bytes,
            server_time_ms: ok.server_time_ms,
            secret: secret_bytes(ok.secret),
            resume_within_ms: ok.resume_within_ms,
        }
    }
}

impl TryFrom<wire::ResumeOk> for ResumeOk {
    type Error = PacketError;

    fn try_from(ok: wire::ResumeOk) -> Result<Self, PacketError> {
        Ok(Self {
            verdict: match ok.verdict {
                1 => Verdict::Complete,
                2 => Verdict::Gap,
                3 => Verdict::Reset,
                other => return Err(PacketError::new("resume_ok.verdict", format!("is {other}"))),
            },
            secret: secret("resume_ok.secret", &ok.secret)?,
            last_client_id: ok.last_client_id,
            server_time_ms: ok.server_time_ms,
        })
    }
}

impl From<ResumeOk> for wire::ResumeOk {
    fn from(ok: ResumeOk) -> Self {
        let ResumeOk { verdict, secret, last_client_id, server_time_ms } = ok;
        Self { verdict: verdict as i32, secret: secret_bytes(secret), last_client_id, server_time_ms }
    }
}

impl TryFrom<wire::Resync> for Resync {
    type Error = PacketError;

    fn try_from(resync: wire::Resync) -> Result<Self, PacketError> {
        if resync.missed.len() > RESYNC_MISSED_MAX {
            let text = format!("has {} entries, more than {RESYNC_MISSED_MAX}", resync.missed.len());
            return Err(PacketError::new("resync.missed", text));
        }
        let missed = resync.missed.into_iter().map(|missed| {
            let wire::Missed { conversation, from_seq, to_seq } = missed;
            Ok(Missed { conversation: name("resync.missed.conversation", conversation)?, from_seq, to_seq })
        });
        Ok(Self { missed: missed.collect::<Result<_, PacketError>>()?, everything: resync.everything })
    }
}

impl From<Resync> for wire::Resync {
    fn from(resync: Resync) -> Self {
        let missed = resync.missed.into_iter().map(|missed| {
            let Missed { conversation, from_seq, to_seq } = missed;
            wire::Missed { conversation: conversation.into(), from_seq, to_seq }
        });
        Self { missed: missed.collect(), everything: resync.everything }
    }
}

impl TryFrom<wire::Pulled> for Pulled {
    type Error = PacketError;

    fn try_from(pulled: wire::Pulled) -> Result<Self, PacketError> {
        Ok(Self {
            conversation: name("pulled.conversation", pulled.conversation)?,
            from_seq: pulled.from_seq,
            next_seq: pulled.next_seq,
            head: pulled.head,
            messages: pulled.messages.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
        })
    }
}

impl TryFrom<wire::Message> for Message {
    type Error = PacketError;

    fn try_from(message: wire::Message) -> Result<Self, PacketError> {
        Ok(Self {
            conversation: name("message.conversation", message.conversation)?,
            seq: message.seq,
            sender: name("message.sender", message.sender)?,
            to: match message.to {
                to if to.is_empty() => None,
                to => Some(name("message.to", to)?),
            },
            time_ms: message.time_ms,
            body: match message.body {
                Some(wire::message::Body::Text(text)) => body("message.text", Body::Text(text))?,
                Some(wire::message::Body::Data(data)) => body("message.data", Body::Data(data))?,
                None => return Err(PacketError::new("message", "has neither text nor data")),
            },
        })
    }
}

impl From<Message> for wire::Message {
    fn from(message: Message) -> Self {
        Self {
            conversation: message.conversation.into(),
            seq: message.seq,
            sender: message.sender.into(),
            to: message.to.map(Into::into).unwrap_or_default(),
            time_ms: message.time_ms,
            body: Some(match message.body {
                Body::Text(text) => wire::message::Body::Text(text),
                Body::Data(data) => wire::message::Body::Data(data),
            }),
        }
    }
}

impl TryFrom<wire::Refused> for Refused {
    type Error = PacketError;

    fn try_from(refused: wire::Refused) -> Result<Self, PacketError> {
        Ok(Self {
            code: refused_code(refused.code)?,
            field: refused.field,
            text: refused.text,
            expected_client_id: refused.expected_client_id,
            retry_after_ms: refused.retry_after_ms,
        })
    }
}

pub(super) fn refused_code(code: i32) -> Result<RefusedCode, PacketError> {
    use wire::RefusedCode as Wire;
    Ok(match Wire::try_from(code) {
        Ok(Wire::Invalid) => RefusedCode::Invalid,
        Ok(Wire::LoginFirst) => RefusedCode::LoginFirst,
        Ok(Wire::TokenInvalid) => RefusedCode::TokenInvalid,
        Ok(Wire::TokenExpired) => RefusedCode::TokenExpired,
        Ok(Wire::UnknownConversation) => RefusedCode::UnknownConversation,
        Ok(Wire::NotAMember) => RefusedCode::NotAMember,
        Ok(Wire::OutOfOrder) => RefusedCode::OutOfOrder,
        Ok(Wire::ClientIdReused) => RefusedCode::ClientIdReused,
        Ok(Wire::ConversationExists) => RefusedCode::ConversationExists,
        Ok(Wire::Unavailable) => RefusedCode::Unavailable,
        Ok(Wire::Unspecified) | Err(_) => return Err(PacketError::new("refused.code", format!("is {code}"))),
    })
}

impl From<ServerPacket> for wire::ServerPacket {
    fn from(packet: ServerPacket) -> Self {
        use wire::server_packet::Body as Wire;
        let body = match packet.body {
            ServerBody::Heartbeat => Wire::Heartbeat(wire::Heartbeat {}),
            ServerBody::LoginOk(ok) => Wire::LoginOk(ok.into()),
            ServerBody::ResumeOk(ok) => Wire::ResumeOk(ok.into()),
            ServerBody::LoginRequired => Wire::LoginRequired(wire::LoginRequired {}),
            ServerBody::SubmitOk(SubmitOk { conversation, seq, time_ms }) => {
                Wire::SubmitOk(wire::SubmitOk { conversation: conversation.into(), seq, time_ms })
            }
            ServerBody::GroupOk { conversation, members } => {
                Wire::GroupOk(wire::GroupOk { conversation: conversation.into(), members })
            }
            ServerBody::Pulled(pulled) => Wire::Pulled(wire::Pulled {
                conversation: pulled.conversation.into(),
                from_seq: pulled.from_seq,
                next_seq: pulled.next_seq,
                head: pulled.head,
                messages: pulled.messages.into_iter().map(Into::into).collect(),
            }),
            ServerBody::Push(message) => Wire::Push(wire::Push { message: Some(message.into()) }),
            ServerBody::Refused(refused) => Wire::Refused(wire::Refused {
                code: refused.code as i32,
                field: refused.field,
                text: refused.text,
                expected_client_id: refused.expected_client_id,
                retry_after_ms: refused.retry_after_ms,
            }),
            ServerBody::Kicked { reason, text } => Wire::Kicked(wire::Kicked { reason: reason as i32, text }),
            ServerBody::Resync(resync) => Wire::Resync(resync.into()),
            ServerBody::Move { address, after_ms } => Wire::Move(wire::Move { address, after_ms }),
            ServerBody::Presence(users) => Wire::Presence(presence::presence(users)),
        };
        Self { push_seq: packet.push_seq, client_id: packet.client_id, body: Some(body) }
    }
}
