//! Between a client's machine and its connection: what the one says is carried out, what comes is handed over. Owns the translation; decides nothing.

use super::*;

impl Talkers {
    /// Gives a client something to do or to know.
    pub(super) fn give(&mut self, client: u32, input: Input, turn: &mut Turn) {
        let now = self.moment(turn);
        self.clients[client as usize].machine.handle(now, input, &mut self.outputs);
        self.carry_out(client, turn);
    }

    /// Lets the accounts know what clients have told.
    pub(super) fn take_events(&mut self, turn: &mut Turn) {
        while let Some((client, event)) = self.events.pop_front() {
            self.event(client, event, turn);
        }
    }

    /// A connection stands: the wire says its first word.
    pub(super) fn connected(&mut self, client: u32, turn: &mut Turn) {
        let one = &mut self.clients[client as usize];
        one.dialled += 1;
        // Masks need not be unpredictable here: nobody else's bytes are in these messages.
        let mut wire = Wire::new(self.talk.transport, u64::from(client) << 32 | u64::from(one.dialled));
        turn.say(client, |out| wire.start(&self.talk.address, out, &mut self.received));
        one.wire = Some(wire);
        self.take_received(client, turn);
    }

    pub(super) fn take_bytes(&mut self, client: u32, bytes: &mut [u8], turn: &mut Turn) -> usize {
        let Some(wire) = &mut self.clients[client as usize].wire else { return bytes.len() };
        let mut result = Ok(0);
        turn.say(client, |out| result = wire.receive(bytes, out, &mut self.received));
        self.take_received(client, turn);
        result.unwrap_or_else(|error| {
            turn.hang_up(client);
            self.disconnected(client, &format!("protocol: {error}"), turn);
            bytes.len()
        })
    }

    fn take_received(&mut self, client: u32, turn: &mut Turn) {
        let mut received = std::mem::take(&mut self.received);
        for received in received.drain(..) {
            if self.clients[client as usize].wire.is_none() {
                break;
            }
            match received {
                Received::Open => self.give(client, Input::Connected, turn),
                Received::Packet(packet) => self.give(client, Input::Packet(packet), turn),
                Received::Closed { code, reason } => {
                    let code = code.map_or_else(|| "no code".to_owned(), |code| code.to_string());
                    turn.hang_up(client);
                    let why = format!("closed by the server: {code} {reason}");
                    self.disconnected(client, why.trim_end(), turn);
                }
            }
        }
        self.received = received;
    }

    /// A connection, or an attempt, has come to its end without the client's doing.
    pub(super) fn disconnected(&mut self, client: u32, why: &str, turn: &mut Turn) {
        let one = &mut self.clients[client as usize];
        let was_online = one.online;
        one.wire = None;
        turn.count(if was_online { Count::Disconnects } else { Count::Failures }, 1);
        turn.error(&if was_online { why.to_owned() } else { format!("connect: {why}") });
        self.give(client, Input::Disconnected, turn);
    }

    /// Does what a machine has said.
    pub(super) fn carry_out(&mut self, client: u32, turn: &mut Turn) {
        let mut outputs = std::mem::take(&mut self.outputs);
        let was_online = self.clients[client as usize].online;
        for output in outputs.drain(..) {
            match output {
                Output::Dial => turn.dial(client),
                Output::Login => {
                    let login = self.talk.identity.login(self.uid(client));
                    self.send(client, ClientPacket { client_id: 0, body: ClientBody::Login(login) }, turn);
                }
                Output::Resume(resumption) => {
                    let packet = resumption.packet(self.uid(client), device());
                    self.send(client, packet, turn);
                }
                Output::Send(packet) => self.send(client, packet, turn),
                Output::Hangup => {
                    self.clients[client as usize].wire = None;
                    turn.hang_up(client);
                    if was_online {
                        turn.count(Count::Disconnects, 1);
                        turn.error("left by the client: told to move or to go, or it heard nothing");
                    }
                }
                // A load test has no other target than the one that it was given.
                Output::Moved(_) => {}
                Output::Event(event) => self.events.push_back((client, event)),
            }
        }
        self.outputs = outputs;
        let now = self.moment(turn);
        let one = &mut self.clients[client as usize];
        one.online = one.machine.is_online();
        self.online = self.online + u32::from(one.online) - u32::from(was_online);
        self.timers.set(client, one.machine.next_deadline(now));
    }

    fn uid(&self, client: u32) -> proto::ids::Uid {
        self.talk.identity.uid(self.first + u64::from(client)).expect("checked for the longest")
    }

    fn send(&mut self, client: u32, packet: ClientPacket, turn: &mut Turn) {
        if let Some(wire) = &mut self.clients[client as usize].wire {
            turn.say(client, |out| wire.send(packet, out));
        }
    }
}
