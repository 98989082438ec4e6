//! The simulator itself: listens on loopback, answers for its shop, misbehaves when told to, and keeps account.

use std::io;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::simulator::account::Account;
use crate::simulator::account::Request;
use crate::simulator::account::Served;
use crate::simulator::api;
use crate::simulator::api::Access;
use crate::simulator::api::Answer;
use crate::simulator::api::Params;
use crate::simulator::delivery;
use crate::simulator::delivery::Afterwards;
use crate::simulator::delivery::Coding;
use crate::simulator::faults::Asker;
use crate::simulator::faults::Fault;
use crate::simulator::faults::Faults;
use crate::simulator::faults::Refusal;
use crate::simulator::http;
use crate::simulator::http::HttpRequest;
use crate::simulator::shop::Shop;

/// Where the API stands on the simulated host.
pub const PATH: &str = "/includes/api.php";

/// How a simulator behaves, apart from its shop.
#[derive(Debug, Clone)]
pub struct Settings {
    pub access: Access,
    /// How sound answers are sent; gzip only to clients that take it, else plain.
    pub coding: Coding,
    /// Whether requests and served levels are remembered; a benchmark does without.
    pub record: bool,
    /// Where to listen; port 0 picks a free one.
    pub listen: SocketAddr,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            access: Access {
                identifier: "simulated-identifier".to_owned(),
                secret: "simulated-secret-0123456789".to_owned(),
                username: "simulated-admin".to_owned(),
                password: "simulated-password-0123456789".to_owned(),
                deactivated: false,
                access_key: None,
                denied: Vec::new(),
            },
            coding: Coding::Plain,
            record: true,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        }
    }
}

#[derive(Debug)]
struct Inside {
    settings: Settings,
    shop: Mutex<Shop>,
    faults: Mutex<Faults>,
    account: Account,
}

/// The shop of a running simulator, for a task of its own. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ShopHandle(Arc<Inside>);

impl ShopHandle {
    /// The shop; answers wait while it is held.
    pub fn lock(&self) -> MutexGuard<'_, Shop> {
        lock(&self.0.shop)
    }

    /// The fault happens to every request from now on; `None`: all is well again.
    pub fn suffer(&self, fault: Option<Fault>) {
        let mut faults = lock(&self.0.faults);
        match fault {
            Some(fault) => faults.keep(None, fault),
            None => faults.heal(),
        }
    }
}

/// A WHMCS on loopback. Dropping it ends it.
#[derive(Debug)]
pub struct Simulator {
    inside: Arc<Inside>,
    address: SocketAddr,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Simulator {
    /// Starts answering for a shop on a free port, with default settings.
    ///
    /// # Errors
    /// No port could be opened.
    pub async fn start(shop: Shop) -> io::Result<Self> {
        Self::start_with(shop, Settings::default()).await
    }

    /// Starts answering for a shop.
    ///
    /// # Errors
    /// The port could not be opened.
    pub async fn start_with(shop: Shop, settings: Settings) -> io::Result<Self> {
        let (address, record) = (settings.listen, settings.record);
        let inside = Arc::new(Inside {
            settings,
            shop: Mutex::new(shop),
            faults: Mutex::default(),
            account: Account::new(record),
        });
        let mut simulator = Self {
            inside,
            address,
            running: None,
        };
        simulator.come_up().await?;
        Ok(simulator)
    }

    /// The API's address, as `WHMCS_API_URL` has it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}{PATH}", self.address)
    }

    /// Where it listens, or listened.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The API identifier that it accepts.
    #[must_use]
    pub fn identifier(&self) -> &str {
        &self.inside.settings.access.identifier
    }

    /// The secret that it accepts.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.inside.settings.access.secret
    }

    /// The shop, to look at or to change; answers wait while it is held.
    pub fn shop(&self) -> MutexGuard<'_, Shop> {
        lock(&self.inside.shop)
    }

    /// The shop for another task.
    #[must_use]
    pub fn shop_handle(&self) -> ShopHandle {
        ShopHandle(Arc::clone(&self.inside))
    }

    /// The faults, to queue or keep some for particular actions.
    pub fn faults(&self) -> MutexGuard<'_, Faults> {
        lock(&self.inside.faults)
    }

    /// The fault happens to the next `count` requests, behind those that wait already.
    pub fn fail_next(&self, count: usize, fault: Fault) {
        self.faults().queue(None, count, fault);
    }

    /// The fault happens to every request from now on, until `heal`.
    pub fn fail_always(&self, fault: Fault) {
        self.faults().keep(None, fault);
    }

    /// Forgets all faults; answers under way go wrong to their end.
    pub fn heal(&self) {
        self.faults().heal();
    }

    /// Every request so far, in the order of arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.inside.account.requests()
    }

    /// How many requests there were, remembered or not.
    #[must_use]
    pub fn request_count(&self) -> usize {
        self.inside.account.request_count()
    }

    /// How many connections were accepted.
    #[must_use]
    pub fn connection_count(&self) -> usize {
        self.inside.account.connection_count()
    }

    /// Every stock value that a sound answer told, in the order of the requests.
    #[must_use]
    pub fn served(&self) -> Vec<Served> {
        self.inside.account.served()
    }

    /// Forgets the requests and served values so far; the numbers go on.
    pub fn forget(&self) {
        self.inside.account.forget();
    }

    /// Stops listening and cuts every connection: the next attempt to connect is refused.
    pub async fn go_down(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop.cancel();
            // It ends by itself once cancelled; that it panicked would show in the test's own output.
            let _ = running.task.await;
        }
    }

    /// Listens again, on the same port. Nothing happens if it does already.
    ///
    /// # Errors
    /// The port was taken meanwhile.
    pub async fn come_up(&mut self) -> io::Result<()> {
        if self.running.is_some() {
            return Ok(());
        }
        let listener = TcpListener::bind(self.address).await?;
        self.address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let task = tokio::spawn(listen(listener, Arc::clone(&self.inside), stop.clone()));
        self.running = Some(Running { stop, task });
        Ok(())
    }

    /// Ends it, answers under way included.
    pub async fn stop(mut self) {
        self.go_down().await;
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        if let Some(running) = &self.running {
            running.stop.cancel();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn listen(listener: TcpListener, inside: Arc<Inside>, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => {
                // A failed accept concerns that client alone; it sees its connection end.
                if let Ok((stream, _)) = accepted {
                    inside.account.note_connection();
                    connections.spawn(converse(stream, Arc::clone(&inside)));
                }
            }
        }
    }
    connections.shutdown().await;
}

/// Answers the requests of a connection until either side ends it. What breaks it is the client's to notice.
async fn converse(mut stream: TcpStream, inside: Arc<Inside>) {
    let _ = stream.set_nodelay(true);
    let mut buffer = Vec::new();
    while let Ok(Some(request)) = http::read_request(&mut stream, &mut buffer).await {
        let last = request.header("connection").eq_ignore_ascii_case("close");
        match inside.answer(&mut stream, &request).await {
            Ok(Afterwards::Keep) if !last => {}
            Ok(Afterwards::Keep | Afterwards::Close) | Err(_) => break,
        }
    }
}

impl Inside {
    async fn answer(&self, stream: &mut TcpStream, request: &HttpRequest) -> io::Result<Afterwards> {
        let params = request.form();
        let action = params.get("action").cloned().unwrap_or_default();
        let is_signed = ["identifier", "username"]
            .iter()
            .any(|name| params.contains_key(*name));
        let asker = if is_signed { Asker::Signed } else { Asker::Unsigned };
        let fault = lock(&self.faults).take(&action, asker);
        let under_way = self.account.begin(request, &params, fault.as_ref());
        let answer = self.compose(request, &params, fault.as_ref());
        if fault.as_ref().is_none_or(|fault| tells_the_truth(fault, &answer)) && !answer.levels.is_empty() {
            under_way.note_served(&action, &answer.levels);
        }
        let coding = match self.settings.coding {
            Coding::Gzip if !request.accepts_gzip() => Coding::Plain,
            coding => coding,
        };
        let afterwards = match &fault {
            None => delivery::send(stream, &answer, coding).await?,
            Some(fault) => delivery::send_with(stream, fault, &answer, &action, coding).await?,
        };
        under_way.finish();
        Ok(afterwards)
    }

    fn compose(&self, request: &HttpRequest, params: &Params, fault: Option<&Fault>) -> Answer {
        if request.path != PATH {
            return Answer::new(404, "text/html", "<h1>Not Found</h1>");
        }
        if request.method != "POST" {
            return Answer::new(405, "text/html", "<h1>Method Not Allowed</h1>");
        }
        api::respond(&mut lock(&self.shop), &self.settings.access, params, fault)
    }
}

/// Whether a client that waits long enough gets the true answer in the end.
fn tells_the_truth(fault: &Fault, answer: &Answer) -> bool {
    let late = matches!(fault, Fault::Delay(_) | Fault::Drip(_) | Fault::DripFromStart(_));
    late || answer.is_xml() && *fault == Fault::Refused(Refusal::MalformedUtf8)
}
