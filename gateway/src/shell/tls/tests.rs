//! A rustls client against our side, without sockets: whatever is cut, broken or flooded.

use std::path::PathBuf;
use std::sync::Arc;
use std::{fs, process};

use proptest::prelude::*;
use reactor::wake;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use super::identity::{Identity, check};
use super::*;
use crate::shell::worker::Command;

/// A certificate and its key in a folder of their own, which goes with it.
struct Files {
    folder: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
    roots: Arc<RootCertStore>,
}

impl Files {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("holdfast-tls-{name}-{}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(&certificate, made.cert.pem()).unwrap();
        fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        Self { folder, certificate, key, roots: Arc::new(roots) }
    }

    fn identity(&self) -> Identity {
        Identity::load(&self.certificate, &self.key).unwrap()
    }

    fn client(&self, versions: &[&'static rustls::SupportedProtocolVersion]) -> ClientConnection {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
        let config = config.with_root_certificates(Arc::clone(&self.roots)).with_no_client_auth();
        ClientConnection::new(Arc::new(config), ServerName::try_from("localhost").unwrap()).unwrap()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// Our side of one connection, and what it was told and says.
struct Server {
    connection: UnbufferedServerConnection,
    incoming: Vec<u8>,
    plain: Vec<u8>,
    out: Vec<u8>,
    end: Option<Result<(), Error>>,
}

impl Server {
    fn new(identity: &Identity) -> Self {
        let connection = UnbufferedServerConnection::new(identity.current()).unwrap();
        Self { connection, incoming: Vec::new(), plain: Vec::new(), out: Vec::new(), end: None }
    }

    /// Feeds bytes in pieces of `size`.
    fn feed(&mut self, bytes: &[u8], size: usize) {
        for piece in bytes.chunks(size) {
            if self.end.is_some() {
                return;
            }
            self.incoming.extend_from_slice(piece);
            let Self { connection, incoming, plain, out, .. } = self;
            let opened = session::open(connection, incoming, plain, out);
            self.incoming.drain(..opened.consumed);
            self.end = opened.end;
            // A turn may have something to send whatever has come so far, unless it was no TLS.
            if !matches!(self.end, Some(Err(_))) {
                self.say(b"", false);
            }
        }
    }

    fn say(&mut self, plain: &[u8], ends: bool) {
        let Self { connection, incoming, out, .. } = self;
        session::seal(connection, incoming, plain, ends, out).unwrap();
    }
}

/// Carries bytes both ways, to the server in pieces of `size`, until nothing moves. What the client hears.
fn settle(client: &mut ClientConnection, server: &mut Server, size: usize) -> Result<Vec<u8>, Error> {
    let mut heard = Vec::new();
    loop {
        let mut bytes = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut bytes).unwrap();
        }
        if bytes.is_empty() && server.out.is_empty() {
            return Ok(heard);
        }
        server.feed(&bytes, size);
        let out = std::mem::take(&mut server.out);
        let mut out = &out[..];
        while !out.is_empty() {
            client.read_tls(&mut out).unwrap();
            client.process_new_packets()?;
            // The end of the stream is told as an error, unless the server has said so itself.
            drop(std::io::Read::read_to_end(&mut client.reader(), &mut heard));
        }
    }
}

#[test]
fn both_versions_are_spoken_however_the_bytes_are_cut() {
    let files = Files::new("versions");
    let identity = files.identity();
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        for size in [1, 2, 5, 100, 1000, usize::MAX] {
            let (mut client, mut server) = (files.client(&[version]), Server::new(&identity));
            client.set_buffer_limit(None);
            settle(&mut client, &mut server, size).unwrap();
            assert!(!client.is_handshaking() && !server.connection.is_handshaking());
            let large = vec![7; 100_000];
            std::io::Write::write_all(&mut client.writer(), &large).unwrap();
            server.say(&large, false);
            server.say(b"end", true);
            let heard = settle(&mut client, &mut server, size).unwrap();
            assert_eq!((heard.len(), &heard[100_000..], server.plain == large), (100_003, &b"end"[..], true));
            client.refresh_traffic_keys().ok();
            client.send_close_notify();
            settle(&mut client, &mut server, size).unwrap();
            assert!(matches!(server.end, Some(Ok(()))));
        }
    }
}

#[test]
fn a_broken_record_is_answered_with_an_alert_and_ends_it() {
    let files = Files::new("alerts");
    let identity = files.identity();
    for (bytes, alert) in [
        (&b"\x16\x03\x01\0\x04\x01\0\0\0"[..], 50),
        (b"\x16\x03\x01\xFF\xFF", 50),
        (b"\x16\x03\x01\0\0", 50),
        (b"\x17\x03\x03\0\x01x", 10),
    ] {
        let mut server = Server::new(&identity);
        server.feed(bytes, usize::MAX);
        assert!(matches!(server.end, Some(Err(_))), "{bytes:?}");
        assert_eq!((server.out[0], server.out[5..].to_vec()), (21, vec![2, alert]), "{bytes:?}");
    }
    // Broken when it is open.
    let (mut client, mut server) = (files.client(&[&rustls::version::TLS13]), Server::new(&identity));
    settle(&mut client, &mut server, usize::MAX).unwrap();
    server.feed(&[&[0x17, 3, 3, 0, 32][..], &[0; 32]].concat(), usize::MAX);
    assert!(matches!(server.end, Some(Err(Error::DecryptError))), "{:?}", server.end);
    let told = settle(&mut client, &mut server, usize::MAX).unwrap_err();
    assert!(matches!(told, Error::AlertReceived(rustls::AlertDescription::BadRecordMac)), "{told:?}");
}

#[test]
fn a_record_is_awaited_whole_and_what_is_none_is_not_awaited() {
    assert_eq!(session::record(b""), None);
    assert_eq!(session::record(b"\x16\x03\x01\0"), None);
    assert_eq!(session::record(b"\x16\x03\x01\0\x02a"), None);
    assert_eq!(session::record(b"\x16\x03\x01\0\x02ab?"), Some(7));
    assert_eq!(session::record(b"\x16\x03\x01\xFF\xFF"), Some(5));
    assert_eq!(session::record(b"\x16GET /"), Some(6));
}

#[test]
fn over_the_bound_of_the_pool_a_handshake_is_refused_and_one_that_drags_on_is_ended() {
    // A pool that does nothing.
    let (jobs, queue) = crossbeam_channel::bounded(2 * TLS_JOBS_MAX);
    let (mailbox, _inbox) = wake::unregistered(TLS_JOBS_MAX).unwrap();
    let (mut tls, mut sockets) = (Tls::new(Crew { jobs, mailbox, kernel: None }), Sockets::default());
    let mut receive =
        |tls: &mut Tls, index, bytes: &[u8]| tls.receive(index, &mut bytes.to_vec(), &mut sockets).end;
    for index in 0..=TLS_JOBS_MAX as u32 {
        tls.begin(index);
        assert_eq!(receive(&mut tls, index, b"\x16\x03\x01\0\x02a"), None, "no record yet, no job");
    }
    for index in 0..TLS_JOBS_MAX as u32 {
        assert_eq!(receive(&mut tls, index, b"b"), None);
        assert!(tls.is_busy(index));
    }
    assert_eq!(receive(&mut tls, TLS_JOBS_MAX as u32, b"b"), Some(CloseReason::TlsBusy));
    assert_eq!(tls.sizes(), (TLS_JOBS_MAX + 1, TLS_JOBS_MAX));
    // Without a whole record there is a bound, too.
    tls.begin(9999);
    let endless = [&b"\x16\x03\x01\x40\0"[..], &[0; 16_000]].concat();
    assert_eq!(receive(&mut tls, 9999, &endless), None);
    let too_much = vec![0; TLS_HANDSHAKE_BYTES_MAX];
    assert_eq!(receive(&mut tls, 9999, &too_much), Some(CloseReason::TlsFailed));
    assert_eq!(queue.len(), TLS_JOBS_MAX);
}

#[test]
fn what_is_held_for_clients_is_counted_and_given_back() {
    let (jobs, _queue) = crossbeam_channel::bounded(TLS_JOBS_MAX);
    let (mailbox, _inbox) = wake::unregistered(TLS_JOBS_MAX).unwrap();
    let (mut tls, mut sockets) = (Tls::new(Crew { jobs, mailbox, kernel: None }), Sockets::default());
    for index in 0..2 {
        tls.begin(index);
        let half = [&b"\x16\x03\x01\x40\0"[..], &[0; 16_000]].concat();
        let opened = tls.receive(index, &mut half.clone(), &mut sockets);
        tls.keep(index, opened.plain, 0);
        assert!(tls.held_for(index) >= half.len());
        tls.keep(index, vec![0; 10_000], 1000);
        assert!(tls.held_for(index) >= half.len() + 9000);
    }
    assert_eq!(tls.held(), tls.held_for(0) + tls.held_for(1));
    tls.close(0, &mut sockets);
    assert_eq!(tls.held(), tls.held_for(1));
    tls.close(1, &mut sockets);
    assert_eq!((tls.held(), tls.held_for(0)), (0, 0));
}

#[test]
fn an_outcome_for_a_connection_that_has_gone_reaches_nobody() {
    let files = Files::new("stale");
    let pool = Pool::start(1, 1, &Arc::new(files.identity())).unwrap();
    let (mailbox, inbox) = wake::unregistered(TLS_JOBS_MAX).unwrap();
    let mut poller = reactor::poll::Poller::new(8).unwrap();
    let outcomes = inbox.register(poller.registry(), mio::Token(1)).unwrap();
    let (mut tls, mut sockets) = (Tls::new(pool.crew(mailbox)), Sockets::default());
    tls.begin(7);
    tls.receive(7, &mut b"\x16\x03\x01\0\x02ab".to_vec(), &mut sockets);
    tls.close(7, &mut sockets);
    tls.begin(7);
    poller.turn(None, &mut Vec::new()).unwrap();
    let Ok(Command::Shaken(outcome)) = outcomes.try_recv() else { panic!("it has woken for something") };
    assert!(tls.settle(*outcome, &mut sockets).is_none());
    assert_eq!(tls.sizes(), (1, 0));
    drop(tls);
    pool.join();
}

#[test]
fn a_bad_certificate_says_what_is_wrong_and_leaves_the_one_before() {
    let (files, other) = (Files::new("good"), Files::new("other"));
    let identity = files.identity();
    let before = identity.current();
    let nothing = files.folder.join("nothing.pem");
    let garbage = files.folder.join("garbage.pem");
    fs::write(&garbage, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    for (certificate, key, says) in [
        (&nothing, &files.key, "No such file"),
        (&files.certificate, &nothing, "No such file"),
        (&files.key, &files.key, "there is none in the file"),
        (&files.certificate, &files.certificate, "there is none in the file"),
        (&files.certificate, &other.key, "KeyMismatch"),
        (&garbage, &files.key, "invalid"),
    ] {
        let told = check(certificate, key).unwrap_err().to_string();
        assert!(told.starts_with("cannot be used: ") && told.contains(says), "{told}");
        assert_eq!(identity.reload(certificate, key).unwrap_err().to_string(), told);
        assert!(Arc::ptr_eq(&before, &identity.current()));
    }
    identity.reload(&other.certificate, &other.key).unwrap();
    assert!(!Arc::ptr_eq(&before, &identity.current()));
}

proptest! {
    #[test]
    fn whatever_a_client_sends_nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..600), at in any::<usize>(), size in 1..700_usize) {
        use std::sync::LazyLock;
        static FILES: LazyLock<(Files, Identity)> = LazyLock::new(|| {
            let files = Files::new("any");
            let identity = files.identity();
            (files, identity)
        });
        let (files, identity) = &*FILES;
        let mut server = Server::new(identity);
        server.feed(&bytes, size);
        // A good hello with some bytes changed, then the same inside of an open connection.
        let (mut client, mut server) = (files.client(&[&rustls::version::TLS13]), Server::new(identity));
        let mut hello = Vec::new();
        client.write_tls(&mut hello).unwrap();
        let place = at % hello.len();
        hello.splice(place..(place + bytes.len() / 100).min(hello.len()), bytes[..bytes.len() / 100].iter().copied());
        server.feed(&hello, size);
        let (mut client, mut server) = (files.client(&[&rustls::version::TLS12]), Server::new(identity));
        settle(&mut client, &mut server, size).unwrap();
        server.feed(&bytes, size);
    }
}
