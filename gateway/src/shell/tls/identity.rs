//! Who the gateway is to clients that speak TLS: [`Identity`]. Owns the certificate, its key, and what is negotiated; all of it can be exchanged while the gateway
//! runs, and holds for the handshakes that begin from then on.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, ProducesTickets};
use rustls::sign::CertifiedKey;

use super::kernel::Kernel;

/// What is spoken inside, for clients that ask (RFC 7301). Who asks for anything else is refused; who does not ask may speak raw TCP, too.
const ALPN: &[u8] = b"http/1.1";

/// Why a certificate cannot be used, as a sentence whose subject is the setting `tls_cert`.
#[derive(Debug)]
pub(crate) struct IdentityError(String);

impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for IdentityError {}

/// What every handshake takes its settings from.
pub(crate) struct Identity {
    config: RwLock<Arc<ServerConfig>>,
    /// Seals what a client needs to come back with less work (RFC 8446 section 4.6.1). The key is changed every 6 hours, is the same for all reactors, and
    /// outlives the certificate.
    tickets: Arc<dyn ProducesTickets>,
    /// Who may be told the keys of a connection.
    kernel: Option<Kernel>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

impl Identity {
    /// Reads a certificate chain and its key, both PEM.
    pub(crate) fn load(certificate: &Path, key: &Path) -> Result<Self, IdentityError> {
        let tickets = aws_lc_rs::Ticketer::new()
            .map_err(|error| IdentityError(format!("has no key for session tickets: {error}")))?;
        let kernel = Kernel::probe();
        let config = RwLock::new(Arc::new(config(certificate, key, &tickets, kernel.is_some())?));
        Ok(Self { config, tickets, kernel })
    }

    /// What of TLS the kernel can do.
    pub(super) fn kernel(&self) -> Option<Kernel> {
        self.kernel.clone()
    }

    /// Reads them again; the new ones hold for the handshakes to come, and connections that are open keep theirs. With a mistake in them everything stays as it
    /// is.
    pub(crate) fn reload(&self, certificate: &Path, key: &Path) -> Result<(), IdentityError> {
        let config = Arc::new(config(certificate, key, &self.tickets, self.kernel.is_some())?);
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    /// What holds for the next handshake.
    pub(crate) fn current(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Says what is wrong with a certificate and its key, without using them.
pub(crate) fn check(certificate: &Path, key: &Path) -> Result<(), IdentityError> {
    certified(certificate, key).map(drop)
}

fn config(
    certificate: &Path,
    key: &Path,
    tickets: &Arc<dyn ProducesTickets>,
    kernel: bool,
) -> Result<ServerConfig, IdentityError> {
    let certified = certified(certificate, key)?;
    let versions = [&rustls::version::TLS13, &rustls::version::TLS12];
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&versions)
        .map_err(|error| IdentityError(format!("cannot be offered: {error}")))?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(certified)));
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.ticketer = Arc::clone(tickets);
    // Whoever comes back brings a ticket; here nothing is kept.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    // One is enough for the next connection, which is given the next.
    config.send_tls13_tickets = 1;
    config.enable_secret_extraction = kernel;
    Ok(config)
}

/// The chain and its key, which must belong together.
fn certified(certificate: &Path, key: &Path) -> Result<CertifiedKey, IdentityError> {
    let unreadable = |what: &str, path: &Path, error: pem::Error| {
        let path = PathBuf::from(path);
        IdentityError(format!("cannot be used: {what} {}: {}", path.display(), pem_error(&error)))
    };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect);
    let chain = chain.map_err(|error| unreadable("the certificate", certificate, error))?;
    if chain.is_empty() {
        return Err(unreadable("the certificate", certificate, pem::Error::NoItemsFound));
    }
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable("its key", key, error))?;
    CertifiedKey::from_der(chain, secret, &aws_lc_rs::default_provider()).map_err(|error| {
        let files = format!("{} with {}", certificate.display(), key.display());
        IdentityError(format!("cannot be used: {files}: {error}"))
    })
}

/// What an operator can do something about; never what stands in the file.
fn pem_error(error: &pem::Error) -> String {
    match error {
        pem::Error::Io(error) => error.to_string(),
        pem::Error::NoItemsFound => "there is none in the file (expected PEM)".into(),
        _ => "is no PEM".into(),
    }
}
