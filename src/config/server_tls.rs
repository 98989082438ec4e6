//! TLS of our own: the certificate, the key, and whose certificates of clients are taken.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem;
use rustls::pki_types::pem::PemObject;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

use crate::config::findings::Wrong;

/// Whether clients show certificates; those that do are verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientAuth {
    #[default]
    None,
    IfGiven,
    Required,
}

/// Where everything stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsFiles {
    pub cert: PathBuf,
    pub key: PathBuf,
    pub client_ca: Option<PathBuf>,
    pub client_auth: ClientAuth,
    /// TLS 1.3 alone.
    pub newest_only: bool,
    /// TLS 1.2 alone.
    pub oldest_only: bool,
}

impl TlsFiles {
    /// The files.
    pub fn paths(&self) -> impl Iterator<Item = PathBuf> {
        let all = [Some(&self.cert), Some(&self.key), self.client_ca.as_ref()];
        all.into_iter().flatten().cloned().collect::<Vec<_>>().into_iter()
    }
}

/// Ready to serve by.
#[derive(Debug, Clone)]
pub struct ServerTls {
    pub files: TlsFiles,
    pub config: Arc<ServerConfig>,
    /// The certificate and what stands behind it.
    pub chain: Vec<CertificateDer<'static>>,
}

/// Reads the files; with what to be wary of.
///
/// # Errors
/// What is wrong with them.
pub fn load(files: TlsFiles) -> Result<(ServerTls, Option<Wrong>), Wrong> {
    let named = |path: &Path| path.file_name().is_some();
    if !named(&files.cert) || !named(&files.key) {
        return Err(Wrong::new(
            "names a file in which tls_server_config lacks cert_file or key_file",
            "Name both, as PEM.",
        ));
    }
    let versions: &[&rustls::SupportedProtocolVersion] = match (files.newest_only, files.oldest_only) {
        (false, false) => rustls::ALL_VERSIONS,
        (true, false) => &[&rustls::version::TLS13],
        (false, true) => &[&rustls::version::TLS12],
        (true, true) => {
            return Err(Wrong::new(
                "names a file in which min_version is above max_version",
                "Write min_version: TLS12.",
            ));
        }
    };
    let chain = certificates(&files.cert, "cert_file")?;
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|error| unreadable("key_file", &files.key, &error))?;
    let unusable = |error: rustls::Error| {
        Wrong::new(
            format!("names a file whose certificate cannot be used: {error}"),
            "Check that cert_file and key_file belong together.",
        )
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .map_err(unusable)?;
    let builder = match client_verifier(&files, provider)? {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_single_cert(chain.clone(), key).map_err(unusable)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let warning = is_open(&files.key).then(|| {
        Wrong::new(
            "names a file whose key_file can be read by others on this machine",
            format!("Run: chmod 600 {}", files.key.display()),
        )
    });
    let tls = ServerTls {
        files,
        config: Arc::new(config),
        chain,
    };
    Ok((tls, warning))
}

fn client_verifier(
    files: &TlsFiles,
    provider: Arc<rustls::crypto::CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, Wrong> {
    let path = match (&files.client_ca, files.client_auth) {
        (None, ClientAuth::None) => return Ok(None),
        (Some(_), ClientAuth::None) => {
            return Err(Wrong::new(
                "names a file with client_ca_file and without a client_auth_type",
                "Write client_auth_type: RequireAndVerifyClientCert, or remove client_ca_file.",
            ));
        }
        (None, ClientAuth::IfGiven | ClientAuth::Required) => {
            return Err(Wrong::new(
                "names a file with a client_auth_type and without client_ca_file",
                "Name the certificates of those who sign clients' certificates.",
            ));
        }
        (Some(path), ClientAuth::IfGiven | ClientAuth::Required) => path,
    };
    let mut roots = RootCertStore::empty();
    let unusable = |error: &dyn std::fmt::Display| {
        Wrong::new(
            format!("names a file whose client_ca_file cannot be used: {error}"),
            "Check that it holds certificates of authorities, as PEM.",
        )
    };
    for certificate in certificates(path, "client_ca_file")? {
        roots.add(certificate).map_err(|error| unusable(&error))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let builder = match files.client_auth {
        ClientAuth::IfGiven => builder.allow_unauthenticated(),
        ClientAuth::None | ClientAuth::Required => builder,
    };
    builder.build().map(Some).map_err(|error| unusable(&error))
}

fn certificates(path: &Path, key: &str) -> Result<Vec<CertificateDer<'static>>, Wrong> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(unreadable(key, path, &pem::Error::NoItemsFound)),
        Err(error) => Err(unreadable(key, path, &error)),
    }
}

/// Says of the file's content only whether there is any of use.
fn unreadable(key: &str, path: &Path, error: &pem::Error) -> Wrong {
    let (what, mend) = match error {
        pem::Error::Io(error) if error.kind() == io::ErrorKind::NotFound => (
            "is not there",
            "Check the path; it begins in the folder of that file.",
        ),
        pem::Error::Io(_) => ("cannot be read", "Check its permissions."),
        _ => (
            "holds none, or not as PEM",
            "Give certificates, and a key without a password, as PEM.",
        ),
    };
    Wrong::new(
        format!("names a file whose {key} ({}) {what}", path.display()),
        mend,
    )
}

fn is_open(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o007 != 0)
}
