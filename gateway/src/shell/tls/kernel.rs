//! TLS whose records the kernel encrypts and decrypts: a socket that needs no keys in this process, and so can be handed to a successor like one without TLS. Owns
//! what the kernel is asked and told; who is given to it, and when, is [`super::Tls`]'s.
//!
//! Only with the feature `kernel-tls`, only TLS 1.3, and only where the kernel has it, which is tried out at the start. The kernel does not change keys (RFC 8446
//! section 4.6.3): a client that does is disconnected, and after 2^24 records of AES-GCM in one direction (section 5.5) we should, and do not.

use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::{AsFd as _, BorrowedFd};

use reactor::sys::{self, TlsWay};
use rustls::server::UnbufferedServerConnection;
use rustls::{CipherSuite, ConnectionTrafficSecrets, ProtocolVersion};
use zeroize::Zeroizing;

/// Type of an alert's record, and the alert that nothing more will be sent (RFC 8446 sections 5.1 and 6).
const ALERT: u8 = 21;
const CLOSE_NOTIFY: [u8; 2] = [1, 0];
/// TLS 1.3 as records name it.
const VERSION: u16 = 0x0304;
/// Bytes of the kernel's largest description of keys.
const KEYS_BYTES_MAX: usize = 56;

/// What the kernel can do.
#[derive(Clone, Debug)]
pub(crate) struct Kernel {
    ciphers: Vec<Cipher>,
}

/// Ciphers that both rustls and kernels have, by the kernel's numbers for them (linux/tls.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
enum Cipher {
    Aes128Gcm = 51,
    Aes256Gcm = 52,
    ChaCha20Poly1305 = 54,
}

impl Kernel {
    /// Tries out on connections of its own what the kernel can do. `None` where that is nothing, or the feature is not built in.
    pub(crate) fn probe() -> Option<Self> {
        if !cfg!(feature = "kernel-tls") {
            return None;
        }
        match try_out() {
            Ok(ciphers) => {
                tracing::info!(?ciphers, "the kernel encrypts for connections that speak TLS 1.3");
                Some(Self { ciphers })
            }
            Err(why) => {
                tracing::info!(%why, "the kernel has no TLS: all of it is done here, and a handover lets go of who speaks it");
                None
            }
        }
    }

    /// Whether it can go on with this connection.
    pub(super) fn takes(&self, connection: &UnbufferedServerConnection) -> bool {
        let suite = connection.negotiated_cipher_suite().map(|suite| suite.suite());
        connection.protocol_version() == Some(ProtocolVersion::TLSv1_3)
            && suite.and_then(Cipher::of).is_some_and(|cipher| self.ciphers.contains(&cipher))
    }
}

impl Cipher {
    const ALL: [Self; 3] = [Self::Aes128Gcm, Self::Aes256Gcm, Self::ChaCha20Poly1305];

    fn of(suite: CipherSuite) -> Option<Self> {
        match suite {
            CipherSuite::TLS13_AES_128_GCM_SHA256 => Some(Self::Aes128Gcm),
            CipherSuite::TLS13_AES_256_GCM_SHA384 => Some(Self::Aes256Gcm),
            CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => Some(Self::ChaCha20Poly1305),
            _ => None,
        }
    }

    fn key_bytes(self) -> usize {
        if self == Self::Aes128Gcm { 16 } else { 32 }
    }
}

/// The ciphers that it takes.
fn try_out() -> io::Result<Vec<Cipher>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let takes = |cipher: Cipher| {
        let near = TcpStream::connect(listener.local_addr()?)?;
        let _far = listener.accept()?;
        sys::attach_tls(near.as_fd())?;
        let keys = keys(cipher, &[0; 32][..cipher.key_bytes()], &[0; 12], 0);
        let both = [TlsWay::Out, TlsWay::In].map(|way| sys::set_tls_keys(near.as_fd(), way, &keys));
        io::Result::Ok(both.iter().all(Result::is_ok))
    };
    let mut taken = Vec::new();
    for cipher in Cipher::ALL {
        if takes(cipher)? {
            taken.push(cipher);
        }
    }
    if taken.is_empty() { Err(io::ErrorKind::Unsupported.into()) } else { Ok(taken) }
}

/// Gives a connection to the kernel, whose socket is [attached](sys::attach_tls) and has sent all that was encrypted here.
///
/// # Errors
/// After one there are no keys any more, and the socket can only be closed.
pub(super) fn give(connection: UnbufferedServerConnection, socket: BorrowedFd<'_>) -> io::Result<()> {
    let (secrets, _) = connection.dangerous_into_kernel_connection().map_err(io::Error::other)?;
    for (way, (sequence, secrets)) in [(TlsWay::Out, &secrets.tx), (TlsWay::In, &secrets.rx)] {
        let (cipher, key, iv) = match secrets {
            ConnectionTrafficSecrets::Aes128Gcm { key, iv } => (Cipher::Aes128Gcm, key, iv),
            ConnectionTrafficSecrets::Aes256Gcm { key, iv } => (Cipher::Aes256Gcm, key, iv),
            ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => (Cipher::ChaCha20Poly1305, key, iv),
            _ => return Err(io::ErrorKind::Unsupported.into()),
        };
        sys::set_tls_keys(socket, way, &keys(cipher, key.as_ref(), iv.as_ref(), *sequence))?;
    }
    Ok(())
}

/// Tells a client whose TLS is the kernel's that nothing more will be sent, if it can be without waiting; to others nothing is said.
pub(super) fn say_the_end(socket: BorrowedFd<'_>) {
    if sys::has_tls(socket) {
        // Whose socket is full or gone does not hear it.
        drop(sys::send_tls_record(socket, ALERT, &CLOSE_NOTIFY));
    }
}

/// Whether what cannot be read as data is the client's word that nothing more will come.
pub(super) fn has_ended(socket: BorrowedFd<'_>) -> bool {
    let mut record = [0; 64];
    matches!(sys::receive_tls_record(socket, &mut record), Ok((ALERT, 2)) if record[1] == CLOSE_NOTIFY[1])
}

/// Keys as the kernel wants to be told them: its `tls12_crypto_info_*` (linux/tls.h), whose name holds for TLS 1.3, too.
fn keys(cipher: Cipher, key: &[u8], iv: &[u8], sequence: u64) -> Zeroizing<Vec<u8>> {
    let mut keys = Zeroizing::new(Vec::with_capacity(KEYS_BYTES_MAX));
    keys.extend_from_slice(&VERSION.to_ne_bytes());
    keys.extend_from_slice(&(cipher as u16).to_ne_bytes());
    // For AES-GCM the first four bytes of the nonce's base are called salt, and stand behind the key.
    let (salt, iv) = if cipher == Cipher::ChaCha20Poly1305 { (&[][..], iv) } else { iv.split_at(4) };
    for part in [iv, key, salt, &sequence.to_be_bytes()] {
        keys.extend_from_slice(part);
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_laid_out_as_the_kernel_wants_them() {
        let (key, iv): (Vec<u8>, Vec<u8>) = ((100..132).collect(), (1..13).collect());
        let [version_0, version_1] = VERSION.to_ne_bytes();
        for (cipher, number, told) in [
            (Cipher::Aes128Gcm, 51_u16, [&iv[4..], &key[..16], &iv[..4]].concat()),
            (Cipher::Aes256Gcm, 52, [&iv[4..], &key[..], &iv[..4]].concat()),
            (Cipher::ChaCha20Poly1305, 54, [&iv[..], &key[..]].concat()),
        ] {
            let [cipher_0, cipher_1] = number.to_ne_bytes();
            let head = [version_0, version_1, cipher_0, cipher_1];
            let expected = [&head[..], &told, &[0, 0, 0, 0, 0, 0, 1, 2]].concat();
            assert_eq!(*keys(cipher, &key[..cipher.key_bytes()], &iv, 0x0102), expected, "{cipher:?}");
            assert!(expected.len() <= KEYS_BYTES_MAX);
        }
    }

    #[test]
    fn what_the_kernel_does_not_have_is_found_out_without_harm() {
        match try_out() {
            Ok(ciphers) => assert!(!ciphers.is_empty()),
            Err(error) => assert!(
                [io::ErrorKind::NotFound, io::ErrorKind::Unsupported].contains(&error.kind()),
                "{error:?}"
            ),
        }
    }
}
