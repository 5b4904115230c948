//! Lines of a terminal chat: what a typed one means, and how a message reads. Owns the two syntaxes, which tests and scripts may rely on.

use proto::ids::{ConversationId, Uid};
use proto::packet::{Body, Message};

/// What a typed line wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Nothing.
    Empty,
    /// This said.
    Say(String),
    /// A group of these.
    Group(ConversationId, Vec<Uid>),
    /// The newest so many messages.
    History(u32),
    /// The end.
    Quit,
    /// It cannot be understood: why.
    Bad(String),
}

/// Reads a typed line. One that begins with `/` is a command, one that begins with `//` says the rest from the second slash on.
pub(super) fn read(line: &str) -> Line {
    let line = line.trim_end_matches(['\r', '\n']);
    let Some(command) = line.strip_prefix('/') else {
        return if line.is_empty() { Line::Empty } else { Line::Say(line.to_owned()) };
    };
    if command.starts_with('/') {
        return Line::Say(command.to_owned());
    }
    let mut words = command.split_whitespace();
    match (words.next(), words.next()) {
        (Some("quit"), None) => Line::Quit,
        (Some("history"), Some(count)) => {
            count.parse().map_or_else(|_| Line::Bad("/history wants a number".to_owned()), Line::History)
        }
        (Some("group"), Some(name)) => group(name, words),
        _ => Line::Bad("commands are /group g.NAME MEMBER…, /history N and /quit".to_owned()),
    }
}

fn group<'a>(name: &str, members: impl Iterator<Item = &'a str>) -> Line {
    let conversation: ConversationId = match name.parse() {
        Ok(conversation) => conversation,
        Err(error) => return Line::Bad(format!("the group's name {error}")),
    };
    let members = members.map(|member| member.parse().map_err(|error| format!("{member}: a uid {error}")));
    match members.collect() {
        Ok(members) => Line::Group(conversation, members),
        Err(why) => Line::Bad(why),
    }
}

/// How a message reads: `[seq] sender: text`.
pub(super) fn message(message: &Message) -> String {
    let Message { seq, sender, .. } = message;
    match &message.body {
        Body::Text(text) => format!("[{seq}] {sender}: {text}"),
        Body::Data(data) => format!("[{seq}] {sender}: ({} bytes of data)", data.len()),
    }
}

/// The line with its control characters escaped: nothing in it moves the cursor or begins another line.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            plain.extend(c.escape_default());
        } else {
            plain.push(c);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_lines_are_understood() {
        assert_eq!(read("hello there\r\n"), Line::Say("hello there".into()));
        assert_eq!(read("//quit is a command"), Line::Say("/quit is a command".into()));
        assert_eq!(read("\n"), Line::Empty);
        assert_eq!(read("/quit"), Line::Quit);
        assert_eq!(read("/history 5"), Line::History(5));
        let members = vec!["bob".parse().unwrap(), "carol".parse().unwrap()];
        assert_eq!(read("/group g.club bob carol"), Line::Group("g.club".parse().unwrap(), members));
        for bad in ["/", "/history", "/history x", "/group", "/group club", "/nonsense", "/quit now"] {
            assert!(matches!(read(bad), Line::Bad(_)), "{bad}");
        }
    }

    #[test]
    fn a_message_cannot_forge_a_line() {
        let message = Message {
            conversation: "g.club".parse().unwrap(),
            seq: 3,
            sender: "bob".parse().unwrap(),
            to: None,
            time_ms: 0,
            body: Body::Text("hé\n[4] alice: yes\u{1b}[2J".into()),
        };
        assert_eq!(plain(&super::message(&message)), "[3] bob: hé\\n[4] alice: yes\\u{1b}[2J");
    }
}
