//! The web server: which path answers what, the checks before it, and its life from binding to a bounded stop.

use std::any::Any;
use std::io;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header;
use axum::middleware;
use axum::middleware::Next;
use axum::response::IntoResponse;
use axum::response::Response;
use axum::routing::get;
use axum::routing::post;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;
use hyper_util::service::TowerToHyperService;
use jiff::Timestamp;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_http::CompressionLevel;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::limit::RequestBodyLimitLayer;

use crate::service::beats::Beats;
use crate::web::access;
use crate::web::access::Asked;
use crate::web::access::Door;
use crate::web::access::headers;
use crate::web::access::headers::Way;
use crate::web::access::hosts;
use crate::web::access::sessions::Sessions;
use crate::web::actions;
use crate::web::api::routes;
use crate::web::asker::Peer;
use crate::web::assets;
use crate::web::body;
use crate::web::crowd::Crowd;
use crate::web::health;
use crate::web::hints;
use crate::web::hints::Sender;
use crate::web::idle::Idle;
use crate::web::idle::Turn;
use crate::web::lists;
use crate::web::lists::deliveries;
use crate::web::live;
use crate::web::page;
use crate::web::places::Closing;
use crate::web::posted;
use crate::web::problem;
use crate::web::problem::Problem;
use crate::web::product;
use crate::web::renewal;
use crate::web::scrape;
use crate::web::sign_in;
use crate::web::state::AppState;
use crate::web::state::Limits;
use crate::web::state::Settings;

/// What is still being answered at a stop may go on this long.
const STOP_TIMEOUT: Duration = Duration::from_secs(3);
/// Who sends a form hears that the database is busy rather than waiting longer; well within [`Limits::answer`].
const WRITE_PATIENCE: Duration = Duration::from_secs(5);
/// The most header lines of a request, and the most bytes of its head.
const HEADERS: usize = 64;
const HEAD_LIMIT: usize = 32 << 10;
/// The most bytes of a request's body.
const BODY_LIMIT: usize = hints::LARGEST;

/// Why the server could not listen.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another process has it.
    #[error("Port {port} is in use ({listen}). Is the monitor already running? HTTP_LISTEN chooses another.", port = .listen.port())]
    InUse { listen: SocketAddr },
    /// Anything else.
    #[error("Cannot listen on {listen} (HTTP_LISTEN): {source}")]
    Other { listen: SocketAddr, source: io::Error },
}

/// A server that listens and does not answer yet.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    router: Router,
    door: Door,
    beats: Beats,
}

/// Takes the port, so that a start can fail before anything else runs.
pub async fn bind(settings: &Settings, mut state: AppState) -> Result<Bound, BindError> {
    state.store = state.store.patient_for(WRITE_PATIENCE);
    let listen = settings.listen;
    let listener = TcpListener::bind(listen)
        .await
        .map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => BindError::InUse { listen },
            _ => BindError::Other {
                listen,
                source: error,
            },
        })?;
    let sessions = Sessions::of(&state.store, Timestamp::now()).await;
    let door = Door::new(settings, sessions);
    let beats = state.beats.clone();
    let router = router(door.clone(), state);
    Ok(Bound {
        listener,
        router,
        door,
        beats,
    })
}

impl Bound {
    /// The address it listens on; the port is the one that was found where 0 was asked for.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// The checks before every answer; they can be changed while it serves.
    #[must_use]
    pub fn door(&self) -> Door {
        self.door.clone()
    }

    /// Answers until cancelled, then for at most a few seconds more what was already asked.
    pub async fn serve(self, cancel: CancellationToken) {
        let limits = self.door.limits();
        let (room, crowd, idle) = (
            Arc::new(Semaphore::new(limits.connections)),
            Crowd::default(),
            Idle::default(),
        );
        let tasks = TaskTracker::new();
        let keeping = self.beats.begin("web configuration file");
        tasks.spawn(renewal::keep(self.door.clone(), keeping, cancel.clone()));
        let beat = self.beats.begin("web server");
        loop {
            let accepted = tokio::select! {
                () = cancel.cancelled() => break,
                accepted = beat.waiting(self.listener.accept()) => accepted,
            };
            match accepted {
                Ok((stream, from)) => {
                    let from = from.ip().to_canonical();
                    let is_proxy = from.is_loopback() || self.door.access().proxies().names(from);
                    let each = if is_proxy {
                        limits.connections_proxy
                    } else {
                        limits.connections_each
                    };
                    let own_place = match crowd.enter(from, each) {
                        Some(place) => place,
                        None if idle.dismiss(from, Instant::now()) => crowd.exchange(from),
                        // All are busy: closed without a word, which would cost what the limit saves.
                        None => continue,
                    };
                    let place = tokio::select! {
                        () = cancel.cancelled() => break,
                        place = beat.waiting(idle.place(&room)) => place,
                    };
                    let (router, door, cancel) = (self.router.clone(), self.door.clone(), cancel.clone());
                    let turn = idle.connected(from);
                    tasks.spawn(async move {
                        connection(stream, from, router, &door, (turn, cancel)).await;
                        drop((place, own_place));
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "A connection could not be accepted.");
                    // Out of descriptors, say: trying at once would only spin.
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            }
        }
        tasks.close();
        // A connection ends by itself within the time that it is given.
        tasks.wait().await;
    }
}

/// Binds and serves until cancelled.
pub async fn serve(settings: &Settings, state: AppState, cancel: CancellationToken) -> Result<(), BindError> {
    bind(settings, state).await?.serve(cancel).await;
    Ok(())
}

/// One connection, by TLS where that is spoken now.
async fn connection(
    stream: TcpStream,
    address: IpAddr,
    router: Router,
    door: &Door,
    (turn, cancel): (Turn, CancellationToken),
) {
    let limits = door.limits();
    let Some(config) = door.access().tls() else {
        let peer = Peer::over(address, false);
        return converse(stream, peer, router, limits, (turn, cancel)).await;
    };
    let handshake = timeout(limits.head, TlsAcceptor::from(config).accept(stream));
    let shaken = tokio::select! {
        () = cancel.cancelled() => return,
        () = turn.leave().cancelled() => return,
        shaken = handshake => shaken,
    };
    match shaken {
        Ok(Ok(stream)) => {
            let peer = Peer::over(address, true);
            converse(stream, peer, router, limits, (turn, cancel)).await;
        }
        // Somebody who speaks plain HTTP, or does not trust the certificate: theirs to mend.
        Ok(Err(error)) => tracing::debug!(%error, "A connection did not come to TLS."),
        Err(_) => {}
    }
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    peer: Peer,
    router: Router,
    limits: Limits,
    (turn, cancel): (Turn, CancellationToken),
) {
    let router = TowerToHyperService::new(router);
    let (asked, closing) = (turn.clone(), cancel.clone());
    let answer = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(Closing(closing.clone()));
        let answering = asked.answering();
        let answer = router.call(request.map(|body| asked.coming(body)));
        async move {
            let response = answer.await;
            response.map(|response| response.map(|body| answering.with(body)))
        }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_headers(HEADERS)
        .max_header_size(HEAD_LIMIT)
        .serve_connection(TokioIo::new(stream), answer);
    tokio::pin!(served);
    // What goes wrong with a connection is the client's business: it left, or it did not speak HTTP.
    tokio::select! {
        _ = served.as_mut() => return,
        () = cancel.cancelled() => {}
        () = turn.leave().cancelled() => {}
        () = tokio::time::sleep(limits.connection) => {}
    }
    served.as_mut().graceful_shutdown();
    // Others wait for the place of who is to leave; a request that came at that very moment is answered all the same.
    let patience = match turn.leave().is_cancelled() && turn.is_idle() {
        true => Duration::ZERO,
        false => STOP_TIMEOUT,
    };
    let _ = timeout(patience, served).await;
}

fn router(door: Door, state: AppState) -> Router {
    let routes = Router::new()
        .route("/", get(page::page))
        .route("/alerts", get(lists::alerts::page))
        .route("/pools", get(lists::pools::page))
        .route("/sources", get(lists::sources::page))
        .route("/do/poll", post(lists::sources::poll))
        .route("/products/{instance}/{pid}", get(product::product))
        .route("/deliveries", get(deliveries::page))
        .route("/deliveries/{id}", get(deliveries::one))
        .route("/do/replay", post(deliveries::replay))
        .route("/assets/{name}", get(assets::asset_file))
        .route("/live", get(live::live))
        .route("/metrics", get(scrape::metrics))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route(access::paths::SIGN_IN_PAGE, get(sign_in::page))
        .route(access::paths::SIGN_IN, post(sign_in::sign_in))
        .route(access::paths::SIGN_OUT, post(sign_in::sign_out))
        .merge(routes::router())
        .route("/do/ack", post(actions::ack))
        .route("/do/ack/end", post(actions::end_ack))
        .route("/do/silence", post(actions::silence))
        .route("/do/silence/end", post(actions::end_silence))
        .fallback(nothing_here)
        .with_state(state);
    guarded(routes, door)
}

/// Puts everything between a connection and the routes; the last layer is the outermost.
fn guarded(routes: Router, door: Door) -> Router {
    routes
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(RequestBodyLimitLayer::new(BODY_LIMIT))
        .layer(middleware::from_fn_with_state(door, guard))
}

/// Everything passes here first and last: the checks, the time limit, the headers.
async fn guard(State(door): State<Door>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>();
    if let Some(peer) = peer.map(|peer| door.access().proxies().behind(*peer, request.headers())) {
        request.extensions_mut().insert(Sender(peer.address));
        request.extensions_mut().insert(peer);
    }
    let path = request.uri().path();
    let (allowed, largest) = (access::paths::allowed(path), largest(path));
    let is_page = problem::is_page(path, request.headers());
    let asked = Asked::of(&request);
    let (tls, answer_limit) = (asked.peer.tls, door.limits().answer);
    let way = (is_page && asked.is_look()).then(|| sign_in::way(request.uri()));
    let passed = match hosts::check_line(request.version(), request.headers()) {
        Ok(()) => door.pass(asked, Timestamp::now()).await,
        Err(problem) => Err(problem),
    };
    let mut response = match passed {
        Err(problem) => refused(problem, way.filter(|_| !signs_by_header(request.headers()))),
        Ok(passed) => {
            request.extensions_mut().insert(passed.asker);
            request.extensions_mut().insert(door.clone());
            let answer = timeout(answer_limit, next.run(request)).await;
            let mut response = answer.unwrap_or_else(|_| {
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, "The answer took too long.").into_response()
            });
            if let Some(cookie) = passed
                .cookie
                .filter(|_| !response.headers().contains_key(header::SET_COOKIE))
            {
                response.headers_mut().insert(header::SET_COOKIE, cookie);
            }
            response
        }
    };
    let status = response.status();
    // The layer that limits bodies does not speak of problems.
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        let detail = format!("A request's body has at most {} KiB here.", largest >> 10);
        response = Problem::new(status, detail).into_response();
    }
    response = problem::whole(response);
    if is_page {
        response = problem::as_page(response);
    }
    let access = door.access();
    let way = Way {
        allowed,
        tls,
        is_page,
        own: access.headers(),
    };
    headers::harden(status, way, response.headers_mut());
    response
}

/// The most bytes of a body there.
fn largest(path: &str) -> usize {
    match path {
        access::paths::ACKS | access::paths::SILENCES => body::LARGEST,
        path if path.starts_with(access::paths::FORMS) => posted::LARGEST,
        _ => BODY_LIMIT,
    }
}

fn signs_by_header(headers: &HeaderMap) -> bool {
    headers.contains_key(header::AUTHORIZATION)
}

/// A person who looks for a page is led to the sign-in; all others are told that it is missing.
fn refused(problem: Problem, way: Option<HeaderValue>) -> Response {
    match way {
        Some(way) if problem.status == StatusCode::UNAUTHORIZED => {
            (StatusCode::SEE_OTHER, [(header::LOCATION, way)]).into_response()
        }
        Some(_) | None => problem.into_response(),
    }
}

async fn nothing_here() -> Problem {
    Problem::not_found(
        "There is nothing here. The page is at /, the metrics at /metrics, the API at /api/v1/stock.",
    )
}

fn panicked(_: Box<dyn Any + Send>) -> Response {
    tracing::error!("A request could not be answered because of a fault in the monitor; please report it.");
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "The monitor has a fault; its log says more.",
    )
    .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;
    use tokio::io::AsyncWriteExt;

    async fn faulty() -> &'static str {
        panic!("a fault with particulars")
    }

    #[tokio::test]
    async fn a_fault_is_a_problem_for_one_request_and_not_for_the_next() {
        let settings = Settings::on("127.0.0.1:0".parse().unwrap());
        let routes = Router::new()
            .route("/faulty", get(faulty))
            .route("/healthz", get(async || "ok\n"));
        let listener = TcpListener::bind(settings.listen).await.unwrap();
        let address = listener.local_addr().unwrap();
        let door = Door::new(&settings, Sessions::default());
        let router = guarded(routes, door.clone());
        tokio::spawn(
            Bound {
                listener,
                router,
                door,
                beats: Beats::default(),
            }
            .serve(CancellationToken::new()),
        );
        for (path, status) in [("/faulty", "500"), ("/healthz", "200")] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let ask = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
            stream.write_all(ask.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
            assert!(
                !answer.contains("particulars") && answer.contains("nosniff"),
                "{answer}"
            );
        }
    }
}
