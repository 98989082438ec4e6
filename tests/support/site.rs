//! The server as users reach it: over a socket, with a database beneath.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use whmcs_stock_monitor::domain::alerting::decision::Outcome;
use whmcs_stock_monitor::domain::alerting::state::Memory;
use whmcs_stock_monitor::hints::desk::Desk;
use whmcs_stock_monitor::hints::desk::HintedShop;
use whmcs_stock_monitor::observe::counters::Counters;
use whmcs_stock_monitor::observe::view::Instance;
use whmcs_stock_monitor::observe::view::LastPoll;
use whmcs_stock_monitor::observe::view::View;
use whmcs_stock_monitor::store::db::Store;
use whmcs_stock_monitor::store::db::StoreSettings;
use whmcs_stock_monitor::web::server;
use whmcs_stock_monitor::web::state::AppState;
use whmcs_stock_monitor::web::state::Settings;

use crate::fixture::minute;

/// A server on a port of its own, over a database of its own.
pub struct Site {
    pub address: SocketAddr,
    pub view: Arc<View>,
    pub store: Store,
    pub desk: Arc<Desk>,
    /// Where the database is.
    pub folder: tempfile::TempDir,
    pub cancel: CancellationToken,
    pub served: JoinHandle<()>,
}

/// An answer, its head in lower case.
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// Loopback, any port.
pub fn settings(token: Option<&str>) -> Settings {
    Settings {
        token: token.map(Into::into),
        ..Settings::on("127.0.0.1:0".parse().unwrap())
    }
}

/// A poll at minute 10.
pub fn accepted() -> LastPoll {
    LastPoll {
        observed_at: minute(10),
        outcome: Outcome::Accepted,
        detail: String::new(),
    }
}

/// Serves these shops, each polled once.
pub async fn site(settings: Settings, shops: Vec<(&str, Arc<Memory>)>) -> Site {
    let names: Vec<String> = shops.iter().map(|(name, _)| (*name).to_owned()).collect();
    let channels = ["email".to_owned()];
    let instances = shops
        .iter()
        .map(|(name, memory)| Instance::new(name, Arc::clone(memory)));
    let view = Arc::new(View::new(instances.collect(), &channels));
    for (name, memory) in shops {
        view.publish(name, memory, accepted());
    }
    let (store, folder) = database().await;
    let desk: Arc<Desk> = Arc::default();
    let hinted: Vec<HintedShop> = names
        .iter()
        .map(|name| HintedShop {
            name: name.clone(),
            key: None,
            distance: Duration::from_secs(10),
        })
        .collect();
    desk.configure(None, &hinted);
    let state = AppState {
        view: Arc::clone(&view),
        store: store.clone(),
        counters: Arc::new(Counters::new(&names, &channels).unwrap()),
        scrapes: Arc::default(),
        desk: Arc::clone(&desk),
        forms: Arc::default(),
        kept: Arc::default(),
        places: Default::default(),
        beats: Default::default(),
    };
    let bound = server::bind(&settings, state).await.unwrap();
    let cancel = CancellationToken::new();
    Site {
        address: bound.address().unwrap(),
        view,
        store,
        desk,
        folder,
        served: tokio::spawn(bound.serve(cancel.clone())),
        cancel,
    }
}

/// A new database, gone with the folder.
pub async fn database() -> (Store, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let settings = StoreSettings {
        path: folder.path().join("stock.db"),
    };
    (Store::open(&settings).await.unwrap().store, folder)
}

fn answer(bytes: Vec<u8>) -> Answer {
    let text = String::from_utf8(bytes).expect("UTF-8");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    Answer {
        status: status.expect("a status"),
        head: head.to_lowercase(),
        body: body.to_owned(),
    }
}

/// The fields of the page's form that is sent there and holds that text, as the page fills them in.
pub fn form(page: &str, action: &str, holding: &str) -> Vec<(String, String)> {
    let start = format!("action=\"{action}\"");
    let forms = page.split("<form").filter(|form| form.contains(&start));
    let forms = forms.map(|form| form.split("</form>").next().unwrap_or_default());
    let mut found = forms.filter(|form| form.contains(holding));
    let form = found
        .next()
        .unwrap_or_else(|| panic!("no form {action} with {holding}: {page}"));
    let attribute = |tag: &str, name: &str| -> Option<String> {
        let value = tag.split(&format!(" {name}=\"")).nth(1)?.split('"').next()?;
        Some(
            value
                .replace("&#38;", "&")
                .replace("&#34;", "\"")
                .replace("&#39;", "'"),
        )
    };
    let inputs = form
        .split("<input")
        .skip(1)
        .filter_map(|input| input.split('>').next());
    inputs
        .filter_map(|input| {
            Some((
                attribute(input, "name")?,
                attribute(input, "value").unwrap_or_default(),
            ))
        })
        .collect()
}

impl Site {
    pub async fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n"))
            .await
    }

    /// Sends the head (without its last, empty line) and reads to the end.
    pub async fn ask(&self, head: &str) -> Answer {
        let bytes = self.raw(&format!("{head}Connection: close\r\n\r\n")).await;
        answer(bytes)
    }

    /// Sends a form as a browser does that shows a page of this site.
    pub async fn send(&self, path: &str, fields: &[(String, String)]) -> Answer {
        let body = serde_urlencoded::to_string(fields).unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        answer(self.raw(&head).await)
    }

    pub async fn raw(&self, request: &str) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        answer
    }
}
