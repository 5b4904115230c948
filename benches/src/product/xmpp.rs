//! XMPP over WebSocket (RFC 7395): a stanza is a frame. Both sides use stream management (XEP-0198): who speaks asks for an acknowledgement of each message, who
//! listens answers when asked.

use std::io;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use proto::ws::Opcode;

use super::conn::{Socket, append};
use super::{Dialect, Ear, Heard, Who};

const OPEN: &str = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' version='1.0'/>";
const BIND: &str = "<iq xmlns='jabber:client' type='set' id='bind'>\
    <bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>bench</resource></bind></iq>";
const ENABLE: &str = "<enable xmlns='urn:xmpp:sm:3'/>";
const PRESENCE: &str = "<presence xmlns='jabber:client'/>";
const REQUEST: &str = "<r xmlns='urn:xmpp:sm:3'/>";
/// Stanzas since stream management began that a client hears before it has come in: its own presence.
const HEARD_BEFORE: u32 = 1;

pub(super) struct Xmpp;

impl Dialect for Xmpp {
    fn door(&self, _: Who) -> (String, Option<&'static str>) {
        ("/ws".into(), Some("xmpp"))
    }

    /// Stream, SASL PLAIN, stream again, bind, stream management, presence.
    fn enter(&self, who: Who, socket: &mut Socket) -> io::Result<()> {
        socket.say(Opcode::Text, OPEN.as_bytes())?;
        loop {
            let heard = String::from_utf8(socket.hear()?).map_err(io::Error::other)?;
            let say = if heard.contains("<mechanism>") {
                let plain = BASE64_STANDARD.encode(format!("\0{}\0secret", user(who)));
                format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{plain}</auth>")
            } else if heard.starts_with("<success") {
                OPEN.into()
            } else if heard.starts_with("<stream:features") {
                BIND.into()
            } else if heard.starts_with("<iq") && heard.contains("jid>") {
                ENABLE.into()
            } else if heard.starts_with("<enabled") {
                PRESENCE.into()
            } else if heard.starts_with("<presence") {
                // One's own: everything before it has been done.
                return Ok(());
            } else if heard.starts_with("<open") || heard.starts_with("<r ") {
                continue;
            } else {
                return Err(io::Error::other(heard));
            };
            socket.say(Opcode::Text, say.as_bytes())?;
        }
    }

    fn say(&self, who: Who, _: u64, body: &str, out: &mut Vec<u8>) {
        let to = user(Who { number: 1, ..who });
        let message = format!(
            "<message xmlns='jabber:client' type='chat' to='{to}@localhost/bench'><body>{body}</body></message>"
        );
        append(out, Opcode::Text, message.as_bytes());
        append(out, Opcode::Text, REQUEST.as_bytes());
    }

    fn hear(&self, ear: &mut Ear, message: &[u8], out: &mut Vec<u8>) -> io::Result<Heard> {
        let mut heard = Heard::default();
        if message.starts_with(b"<message") {
            ear.stanzas += 1;
            heard.delivered = 1;
        } else if message.starts_with(b"<r ") {
            let stanzas = HEARD_BEFORE + ear.stanzas;
            append(out, Opcode::Text, format!("<a xmlns='urn:xmpp:sm:3' h='{stanzas}'/>").as_bytes());
        } else if message.starts_with(b"<a ") {
            heard.acknowledged = 1;
        } else if message.starts_with(b"<presence") || message.starts_with(b"<iq") {
            ear.stanzas += 1;
        } else {
            return Err(io::Error::other(String::from_utf8_lossy(message).into_owned()));
        }
        Ok(heard)
    }
}

fn user(who: Who) -> String {
    format!("user-{}-{}", who.room, who.number)
}
