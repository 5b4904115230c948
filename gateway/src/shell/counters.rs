//! The gateway's metrics. Owns their names; what they count is the machine's.

use proto::close::CloseReason;
use reactor::histogram::{Amounts, Times};
use reactor::traffic::Traffic;

use super::tls::Tls;
use crate::{Counts, Gateway, TurnedAway};

reactor::counters! {
    /// One reactor's counters.
    pub(super) struct Counters {
        /// Connections that are open, in whatever stage.
        gauge connections = "holdfast_gateway_connections";
        /// Shards whose link is up, summed over the reactors.
        gauge shards_up = "holdfast_gateway_shards_up";
        /// Shards there should be a link to, summed over the reactors; 0 until a state server has answered.
        gauge shards = "holdfast_gateway_shards";
        /// Reactors that let their clients go because the gateway is stopping.
        gauge draining = "holdfast_gateway_draining_reactors";
        /// Reactors that do not listen because they are full.
        gauge full = "holdfast_gateway_full_reactors";
        /// Bytes that wait for clients.
        gauge client_queue_bytes = "holdfast_gateway_client_queue_bytes";
        /// Connections that speak TLS.
        gauge tls_connections = "holdfast_gateway_tls_connections";
        /// TLS handshakes whose next step is being done, or waits for it.
        gauge tls_pending = "holdfast_gateway_tls_handshakes_pending";
        /// Connections that began with TLS.
        counter secured = "holdfast_gateway_tls_begun";
        /// TLS handshakes that were done.
        counter tls_handshakes = "holdfast_gateway_tls_handshakes";
        /// TLS handshakes of clients that came back with a ticket.
        counter tls_resumed = "holdfast_gateway_tls_resumed";
        /// TLS connections whose records the kernel has taken over.
        counter tls_in_kernel = "holdfast_gateway_tls_given_to_kernel";
        /// Bytes of memory that are held for clients: what waits for them, and parts of messages.
        gauge client_memory = "holdfast_gateway_client_memory_bytes";
        /// Connections that were taken in.
        counter accepted = "holdfast_gateway_accepted";
        /// Connections that were turned away at accept, by reason.
        counter turned_away["why"; TurnedAway::LABELS] = "holdfast_gateway_turned_away";
        /// Connections whose source was not counted, because as many sources are remembered as can be.
        counter uncounted_sources = "holdfast_gateway_uncounted_sources";
        /// Sources of connections that are remembered.
        gauge sources = "holdfast_gateway_sources";
        /// Connections that have not yet sent their first packet.
        gauge handshakes = "holdfast_gateway_handshakes";
        /// WebSocket upgrades.
        counter upgraded = "holdfast_gateway_upgraded";
        /// Connections whose first packet was a login.
        counter opened = "holdfast_gateway_opened";
        /// Packets forwarded to state shards.
        counter uplinks = "holdfast_gateway_uplink_packets";
        /// Bytes of packets forwarded to state shards.
        counter uplink_bytes = "holdfast_gateway_uplink_bytes";
        /// Packets sent to clients.
        counter downlinks = "holdfast_gateway_downlink_packets";
        /// Bytes of packets sent to clients.
        counter downlink_bytes = "holdfast_gateway_downlink_bytes";
        /// Compressed messages that came from clients.
        counter inflated = "holdfast_gateway_inflated_messages";
        /// Compressed messages that were sent to clients.
        counter deflated = "holdfast_gateway_deflated_messages";
        /// Bytes that these had less.
        counter deflate_saved_bytes = "holdfast_gateway_deflate_saved_bytes";
        /// Messages of clients that came whole.
        counter messages = "holdfast_gateway_client_messages";
        /// Pings and pongs of clients.
        counter controls = "holdfast_gateway_client_control_frames";
        /// Times that a client was not read from for a while because it sent too fast.
        counter throttled = "holdfast_gateway_clients_throttled";
        /// Packets for connections that had gone.
        counter stale = "holdfast_gateway_stale_packets";
        /// Heartbeats and pings that were answered.
        counter heartbeats = "holdfast_gateway_heartbeats";
        /// Times that a client stopped taking what it was sent.
        counter blocked = "holdfast_gateway_clients_blocked";
        /// Links to state shards that were lost.
        counter links_lost = "holdfast_gateway_links_lost";
        /// Links that were given up because the state server did not prove to know the secret, or did not believe us.
        counter links_unproved = "holdfast_gateway_links_unproved";
        /// Bytes that came from clients, as they stood on the wire.
        counter bytes_in = "holdfast_gateway_client_bytes_received";
        /// Bytes that clients' sockets took, as they stand on the wire.
        counter bytes_out = "holdfast_gateway_client_bytes_sent";
        /// Bytes that came from state shards.
        counter link_bytes_in = "holdfast_gateway_link_bytes_received";
        /// Bytes that links to state shards took.
        counter link_bytes_out = "holdfast_gateway_link_bytes_sent";
        /// Time from an event loop's waking to the end of its flush: nobody who was ready waited longer.
        histogram turn_time: Times = "holdfast_gateway_turn_seconds";
        /// Events that one turn of an event loop handled.
        histogram turn_events: Amounts = "holdfast_gateway_turn_events";
        /// Packets that one turn of an event loop moved up and down, if any.
        histogram turn_packets: Amounts = "holdfast_gateway_turn_packets";
        /// Connections that ended, by reason.
        counter closed["reason"; CloseReason::LABELS] = "holdfast_gateway_closed";
    }
}

reactor::counters! {
    /// What became of handovers: one block for the process, written by its main thread.
    pub(super) struct Handovers {
        /// Times that the gateway was handed over to a new process since it was first started.
        counter done = "holdfast_gateway_handovers";
        /// Handovers that this process has tried and given up.
        counter failed = "holdfast_gateway_handovers_failed";
        /// Connections that this process took over.
        gauge connections = "holdfast_gateway_handover_connections";
        /// Bytes of what it was told of them.
        gauge bytes = "holdfast_gateway_handover_bytes";
        /// Microseconds for which the clients of a reactor were not served then; the longest.
        gauge silence = "holdfast_gateway_handover_silence_microseconds";
    }
}

impl Counters {
    /// Makes the numbers of a reactor's TLS visible. Called once a turn.
    pub(super) fn tls(&self, tls: &Tls) {
        let (connections, pending) = tls.sizes();
        self.tls_connections.set(connections as u64);
        self.tls_pending.set(pending as u64);
        self.tls_handshakes.set(tls.counts().handshakes);
        self.tls_resumed.set(tls.counts().resumed);
        self.tls_in_kernel.set(tls.counts().kernels);
    }

    /// Makes the machine's numbers visible. Called once a turn by the thread that owns both.
    pub(super) fn publish(&self, machine: &Gateway, shed: u64) {
        let Counts {
            accepted,
            turned_away,
            upgraded,
            secured,
            opened,
            uplinks,
            uplink_bytes,
            downlinks,
            downlink_bytes,
            inflated,
            deflated,
            deflate_saved_bytes,
            messages,
            controls,
            throttled,
            stale,
            heartbeats,
            blocked,
            closed,
        } = machine.counts();
        let (up, all) = machine.shards();
        self.connections.set(machine.connections() as u64);
        self.shards_up.set(up as u64);
        self.shards.set(all as u64);
        self.accepted.set(*accepted);
        for (cell, count) in self.turned_away.iter().zip(turned_away) {
            cell.set(*count);
        }
        self.turned_away[TurnedAway::Descriptors as usize].set(shed);
        self.handshakes.set(machine.handshakes() as u64);
        let (known, uncounted) = machine.sources();
        self.sources.set(known as u64);
        self.uncounted_sources.set(uncounted);
        self.upgraded.set(*upgraded);
        self.secured.set(*secured);
        self.opened.set(*opened);
        self.uplinks.set(*uplinks);
        self.uplink_bytes.set(*uplink_bytes);
        self.downlinks.set(*downlinks);
        self.downlink_bytes.set(*downlink_bytes);
        self.inflated.set(*inflated);
        self.deflated.set(*deflated);
        self.deflate_saved_bytes.set(*deflate_saved_bytes);
        self.messages.set(*messages);
        self.controls.set(*controls);
        self.throttled.set(*throttled);
        self.stale.set(*stale);
        self.heartbeats.set(*heartbeats);
        self.blocked.set(*blocked);
        for (cell, count) in self.closed.iter().zip(closed.iter()) {
            cell.set(*count);
        }
    }

    /// Takes a turn into the histograms. To be called before the machine's numbers of this turn are published.
    #[inline]
    pub(super) fn turn(&self, machine: &Gateway, events: usize, micros: u64) {
        self.turn_time.observe(micros);
        self.turn_events.observe(events as u64);
        let Counts { uplinks, downlinks, heartbeats, .. } = machine.counts();
        let before = self.uplinks.get() + self.downlinks.get() + self.heartbeats.get();
        let packets = uplinks + downlinks + heartbeats - before;
        if packets > 0 {
            self.turn_packets.observe(packets);
        }
    }

    /// All bytes of clients so far.
    #[inline]
    pub(super) fn traffic(&self, traffic: Traffic) {
        self.bytes_in.set(traffic.read);
        self.bytes_out.set(traffic.written);
    }

    /// Bytes that a link has moved in this turn.
    #[inline]
    pub(super) fn link_traffic(&self, traffic: Traffic) {
        self.link_bytes_in.add(traffic.read);
        self.link_bytes_out.add(traffic.written);
    }
}
