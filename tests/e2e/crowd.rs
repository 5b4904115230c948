//! Many people who talk at once while something goes wrong, and what must hold of it afterwards: [`Crowd`]. Owns what is said, by whom, and the
//! bookkeeping of answers; what goes wrong and when is the tests'.

use std::collections::{BTreeMap, HashMap};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use client::{Answer, Event, Failure};
use proto::ids::ConversationId;
use proto::packet::{Body, Message, SubmitOk, Target};

use crate::cluster::Cluster;
use crate::device::{Device, Way, to_conversation, to_user};
use crate::metrics::metric;

/// People; each talks to a neighbour and to everybody, and the three ways to connect take turns.
const PEOPLE: usize = 8;
/// The group of all of them.
const EVERYBODY: &str = "g.everybody";
/// Every so many messages one is for everybody: each of those is delivered [`PEOPLE`] times.
const FOR_EVERYBODY: usize = 20;
/// Commands that a person has given and that have no answer yet, at most: more than the server's window, so that some always wait in the SDK.
const UNANSWERED: usize = 128;
/// From the first message to the last answer.
const DEADLINE: Duration = Duration::from_mins(2);

/// People who are talking.
pub(crate) struct Crowd {
    answers: Receiver<()>,
    people: Vec<JoinHandle<Person>>,
}

/// What one of them has been told.
pub(crate) struct Person {
    device: Device,
    /// Every message of this person, in the order in which it was said, and its acknowledgement.
    acknowledged: Vec<(String, SubmitOk)>,
    /// What was delivered, by conversation, in that order.
    delivered: BTreeMap<ConversationId, Vec<u64>>,
    /// How often the session was opened after the first time.
    pub(crate) logins: usize,
    /// How often it was taken up on another connection.
    pub(crate) resumes: usize,
    /// How often the connection was lost.
    pub(crate) disconnects: usize,
}

impl Crowd {
    /// Lets each say `messages` as fast as answers come.
    pub(crate) fn start(cluster: &Cluster, messages: usize) -> Self {
        let names: Vec<_> = (0..PEOPLE).map(|n| format!("person{n}")).collect();
        let others: Vec<_> = names[1..].iter().map(String::as_str).collect();
        let mut devices: Vec<_> = names
            .iter()
            .zip(Way::ALL.into_iter().cycle())
            .map(|(uid, way)| Device::online(cluster, uid, "phone", way))
            .collect();
        assert_eq!(devices[0].make_group(EVERYBODY, &others), Ok(PEOPLE as u32));
        let (answered, answers) = channel();
        let people = devices.into_iter().enumerate().map(|(n, device)| {
            let (answered, neighbour) = (answered.clone(), names[n ^ 1].clone());
            thread::spawn(move || Person::new(device).talk(messages, &neighbour, &answered))
        });
        Self { people: people.collect(), answers }
    }

    /// How many messages all of them have to say.
    pub(crate) fn total(messages: usize) -> usize {
        PEOPLE * messages
    }

    /// Waits until so many more messages have been acknowledged.
    pub(crate) fn await_answers(&self, count: usize) {
        let deadline = Instant::now() + DEADLINE;
        for n in 0..count {
            let wait = deadline.saturating_duration_since(Instant::now());
            let answer = self.answers.recv_timeout(wait);
            answer.unwrap_or_else(|error| panic!("{n} of {count} answers came: {error}"));
        }
    }

    /// Waits until everything is said and acknowledged. The people stay online.
    pub(crate) fn finish(self) -> Vec<Person> {
        self.people.into_iter().map(|person| person.join().expect("a person has failed")).collect()
    }
}

/// Lets a crowd talk, each so many messages, and does something to the servers so many times meanwhile: nobody is disconnected, nothing is lost, doubled or out of order.
pub(crate) fn nobody_notices(
    cluster: &mut Cluster,
    messages: usize,
    times: usize,
    mut mishap: impl FnMut(usize, &mut Cluster),
) {
    let crowd = Crowd::start(cluster, messages);
    for time in 0..times {
        crowd.await_answers(Crowd::total(messages) / (times + 1));
        mishap(time, cluster);
    }
    let people = crowd.finish();
    for person in &people {
        assert_eq!(person.disconnects, 0, "the connection stays open");
        assert_eq!((person.logins, person.resumes), (0, 0), "and so does the session");
    }
    let admin = cluster.gateway.address("admin");
    let count = people.len() as u64;
    assert_eq!(metric(admin, "holdfast_gateway_accepted_total"), count, "nobody connects twice");
    assert_eq!(metric(admin, "holdfast_gateway_connections"), count);
    check(cluster, &people);
}

/// What must hold: each acknowledged message is in its conversation once, at the acknowledged place, in the order it was said, without gaps; and it
/// was delivered in that order, without gaps or doubles.
pub(crate) fn check(cluster: &Cluster, people: &[Person]) {
    let mut expected: BTreeMap<ConversationId, Log> = BTreeMap::new();
    for person in people {
        for (text, ok) in &person.acknowledged {
            let log = expected.entry(ok.conversation.clone()).or_default();
            let said = (person.device.uid.to_string(), text.clone());
            let before = log.insert(ok.seq, said.clone());
            assert_eq!(before, None, "{} {} was acknowledged before {said:?}", ok.conversation, ok.seq);
        }
        for (conversation, seqs) in &person.delivered {
            let gap = seqs.windows(2).find(|pair| pair[1] != pair[0] + 1);
            assert_eq!(gap, None, "delivered to {} of {conversation}", person.device.uid);
        }
    }
    check_logs(cluster, &expected);
    check_order(people);
}

/// Who has said what, by seq.
type Log = BTreeMap<u64, (String, String)>;

/// What a newcomer pulls is what was acknowledged, all of it and nothing else.
fn check_logs(cluster: &Cluster, expected: &BTreeMap<ConversationId, Log>) {
    assert_eq!(expected.len(), PEOPLE / 2 + 1, "a conversation for each pair, and one for everybody");
    for (conversation, expected) in expected {
        let member = &expected.first_key_value().expect("it has a message").1.0;
        let history = Device::online(cluster, member, "archive", Way::Tcp).history(conversation).unwrap();
        let found: Log = history.iter().map(entry).collect();
        assert_eq!(found.len(), history.len(), "{conversation} has a seq twice");
        let difference = found.iter().zip(expected).find(|(found, expected)| found != expected);
        assert_eq!((difference, found.len()), (None, expected.len()), "{conversation}: found, acknowledged");
        assert!(found.keys().copied().eq(1..=found.len() as u64), "{conversation} has gaps");
    }
}

/// Within a conversation, what one person has said later stands later.
fn check_order(people: &[Person]) {
    for person in people {
        let mut last: HashMap<&ConversationId, u64> = HashMap::new();
        for (text, ok) in &person.acknowledged {
            let before = last.insert(&ok.conversation, ok.seq).unwrap_or_default();
            assert!(before < ok.seq, "{text:?} stands at {}, behind {before}", ok.seq);
        }
    }
}

fn entry(message: &Message) -> (u64, (String, String)) {
    let Body::Text(text) = &message.body else { panic!("nobody has said {:?}", message.body) };
    (message.seq, (message.sender.to_string(), text.clone()))
}

impl Person {
    fn new(device: Device) -> Self {
        Self {
            device,
            acknowledged: Vec::new(),
            delivered: BTreeMap::new(),
            logins: 0,
            resumes: 0,
            disconnects: 0,
        }
    }

    /// Says everything, and takes what comes until everything is answered.
    fn talk(mut self, messages: usize, neighbour: &str, answered: &Sender<()>) -> Self {
        let deadline = Instant::now() + DEADLINE;
        let mut open = HashMap::new();
        let mut said = 0;
        let mut answers: Vec<Option<(String, SubmitOk)>> = vec![None; messages];
        while said < messages || !open.is_empty() {
            while said < messages && self.device.unanswered() < UNANSWERED {
                let text = format!("message {said}");
                let ticket = self.device.submit(target(said, neighbour), &text);
                open.insert(ticket.expect("there is room"), (said, text));
                said += 1;
            }
            let event = self.device.next(deadline);
            match event.unwrap_or_else(|| panic!("{}: {} answers are missing", self.device.uid, open.len())) {
                Event::Answered(ticket, answer) => {
                    let (n, text) = open.remove(&ticket).expect("each command is answered once");
                    answers[n] = Some((text, submitted(answer)));
                    // The test may have seen enough.
                    let _ = answered.send(());
                }
                event => self.note(event),
            }
        }
        self.acknowledged = answers.into_iter().flatten().collect();
        assert_eq!(self.acknowledged.len(), messages);
        self
    }

    fn note(&mut self, event: Event) {
        match event {
            Event::Delivered(message) => {
                self.delivered.entry(message.conversation).or_default().push(message.seq);
            }
            Event::LoggedIn { .. } => self.logins += 1,
            Event::Resumed { .. } => self.resumes += 1,
            Event::Offline { .. } => self.disconnects += 1,
            event => panic!("{} was told {event:?}", self.device.uid),
        }
    }
}

fn target(n: usize, neighbour: &str) -> Target {
    if n.is_multiple_of(FOR_EVERYBODY) { to_conversation(EVERYBODY) } else { to_user(neighbour) }
}

fn submitted(answer: Result<Answer, Failure>) -> SubmitOk {
    match answer {
        Ok(Answer::Submitted(ok)) => ok,
        other => panic!("{other:?} to a message"),
    }
}
