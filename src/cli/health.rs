//! `healthcheck`: asks a running daemon's `/healthz`, for containers.

use std::io;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::CertificateError;
use rustls::ClientConfig;
use rustls::DigitallySignedStruct;
use rustls::SignatureScheme;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::client::danger::ServerCertVerified;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring;
use rustls::crypto::verify_tls12_signature;
use rustls::crypto::verify_tls13_signature;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::ServerName;
use rustls::pki_types::UnixTime;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::cli::configured_quietly;
use crate::cli::exit::Exit;
use crate::cli::fail;
use crate::cli::print;
use crate::config::overlay::Sources;
use crate::config::server_tls::ClientAuth;
use crate::config::server_tls::ServerTls;

/// Long enough for a busy machine, shorter than a container's patience.
const PATIENCE: Duration = Duration::from_secs(4);

/// 0 where the daemon answers, else 1.
pub async fn check(sources: &Sources) -> Exit {
    let http = match configured_quietly(sources) {
        Ok(config) => config.http,
        Err(exit) => return exit,
    };
    let address = reachable(http.listen);
    let tls = http.access.web.and_then(|web| web.tls);
    match tokio::time::timeout(PATIENCE, ask(address, tls.as_ref())).await {
        Ok(Ok(true)) => {
            print("healthy");
            Exit::Ok
        }
        Ok(Ok(false)) => fail(
            Exit::Low,
            &format!("{address} answers, but not as the monitor does."),
        ),
        Ok(Err(error)) => fail(Exit::Low, &format!("{address} does not answer: {error}")),
        Err(_) => fail(Exit::Low, &format!("{address} does not answer in time.")),
    }
}

/// Where "every address" listens, loopback answers.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        other => other,
    };
    SocketAddr::new(ip, listen.port())
}

async fn ask(address: SocketAddr, tls: Option<&ServerTls>) -> io::Result<bool> {
    let stream = TcpStream::connect(address).await?;
    let Some(tls) = tls else {
        return is_healthy(stream, address).await;
    };
    let connector = TlsConnector::from(Arc::new(trusting(tls)?));
    let shaken = connector.connect(ServerName::from(address.ip()), stream).await;
    match (shaken, tls.files.client_auth) {
        // It shows the right certificate and wants one of us, which only its clients have: it is at work.
        (Ok(_), ClientAuth::Required) => Ok(true),
        (Err(error), ClientAuth::Required) if is_alert(&error) => Ok(true),
        (Ok(stream), ClientAuth::None | ClientAuth::IfGiven) => is_healthy(stream, address).await,
        (Err(error), _) => Err(error),
    }
}

async fn is_healthy(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    address: SocketAddr,
) -> io::Result<bool> {
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(4096).read_to_end(&mut answer).await?;
    Ok(answer.starts_with(b"HTTP/1.1 200"))
}

/// Whether the other side refused us in TLS's own words.
fn is_alert(error: &io::Error) -> bool {
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    matches!(inner, Some(rustls::Error::AlertReceived(_)))
}

/// Takes the configured certificate, whatever name and date it has, and no other.
fn trusting(tls: &ServerTls) -> io::Result<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let own = tls.chain.first().cloned();
    let verifier = Own {
        certificate: own.ok_or_else(|| io::Error::other("there is no certificate"))?,
        provider: Arc::clone(&provider),
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    let builder = builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    Ok(builder.with_no_client_auth())
}

#[derive(Debug)]
struct Own {
    certificate: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Own {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if *shown == self.certificate {
            return Ok(ServerCertVerified::assertion());
        }
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, shown, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, shown, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
