//! A TLS server in front of a plain one, with whatever certificate is asked for.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use std::time::SystemTime;

use rcgen::BasicConstraints;
use rcgen::CertificateParams;
use rcgen::CertifiedIssuer;
use rcgen::IsCa;
use rcgen::KeyPair;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::copy_bidirectional;
use tokio::net::TcpListener;
use tokio::net::TcpStream;

/// What its certificate is like; all are signed by an authority of our own.
#[derive(Debug, Clone, Copy)]
pub enum Made {
    /// For `localhost`, and valid.
    Well,
    /// For `localhost`, and valid until two days ago.
    Expired,
    /// For `localhost`, and valid for three more days.
    EndsSoon,
    /// For `localhost`, and valid from tomorrow on.
    NotYet,
    /// For `other.example`.
    ForAnother,
    /// The authority's own.
    Authority,
}

/// Listens on a free port of loopback and hands everything on; the port, and the authority's certificate as PEM.
pub async fn front(behind: SocketAddr, made: Made) -> (u16, String) {
    let mut authority = CertificateParams::new(Vec::new()).expect("parameters");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority =
        CertifiedIssuer::self_signed(authority, KeyPair::generate().expect("a key")).expect("an authority");
    let name = match made {
        Made::Well | Made::Expired | Made::EndsSoon | Made::NotYet | Made::Authority => "localhost",
        Made::ForAnother => "other.example",
    };
    let mut params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
    let (now, day) = (SystemTime::now(), Duration::from_secs(86_400));
    let (from, to) = match made {
        Made::Well | Made::ForAnother | Made::Authority => (now - 30 * day, now + 60 * day),
        Made::Expired => (now - 60 * day, now - 2 * day),
        Made::EndsSoon => (now - 60 * day, now + 3 * day),
        Made::NotYet => (now + day, now + 60 * day),
    };
    (params.not_before, params.not_after) = (from.into(), to.into());
    if matches!(made, Made::Authority) {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, &authority).expect("a certificate");
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).expect("a key"),
        )
        .expect("a configuration");
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // A client that does not like the certificate leaves.
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    return;
                };
                if let Ok(mut inner) = TcpStream::connect(behind).await {
                    let _ = copy_bidirectional(&mut stream, &mut inner).await;
                }
            });
        }
    });
    (port, authority.pem())
}
