//! A server with credentials, over a database of its own, with the door at hand.

use std::net::SocketAddr;
use std::sync::Arc;

use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::sqlite::SqlitePool;
use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use whmcs_stock_monitor::observe::counters::Counters;
use whmcs_stock_monitor::observe::view::View;
use whmcs_stock_monitor::store::db::Store;
use whmcs_stock_monitor::store::db::StoreSettings;
use whmcs_stock_monitor::web::access::Door;
use whmcs_stock_monitor::web::asker::Role;
use whmcs_stock_monitor::web::server;
use whmcs_stock_monitor::web::state::AppState;
use whmcs_stock_monitor::web::state::Settings;
use whmcs_stock_monitor::web::state::User;

pub const TOKEN: &str = "a-token-that-acts";
pub const READ: &str = "a-token-that-looks";

/// Both tokens, Anna who acts and Ben who looks; on loopback.
pub fn everybody() -> Settings {
    Settings {
        token: Some(TOKEN.into()),
        read_token: Some(READ.into()),
        users: vec![
            user("anna", "anna's password", Role::Act),
            user("ben", "ben's password", Role::Look),
        ],
        ..Settings::on("127.0.0.1:0".parse().unwrap())
    }
}

/// The same, reached from elsewhere too, by these names.
pub fn beyond() -> Settings {
    Settings {
        allowed_hosts: vec!["stock.example".to_owned()],
        listen: "0.0.0.0:0".parse().unwrap(),
        ..everybody()
    }
}

fn user(name: &str, password: &str, role: Role) -> User {
    User {
        name: Arc::from(name),
        role,
        hash: bcrypt::hash(password, 4).unwrap().into(),
    }
}

/// A server.
pub struct World {
    pub address: SocketAddr,
    pub door: Door,
    pub store: Store,
    folder: TempDir,
    cancel: CancellationToken,
    served: JoinHandle<()>,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    /// The values of a header.
    pub fn header(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let named = lines.filter(|line| line.0.eq_ignore_ascii_case(name));
        named.map(|line| line.1).collect()
    }

    /// From what came over the wire.
    pub fn read(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{text:?}"));
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        Self {
            status: status.expect("a status"),
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }
}

impl World {
    pub async fn open(settings: Settings) -> Self {
        Self::over(settings, tempfile::tempdir().unwrap()).await
    }

    /// Over the database in that folder.
    pub async fn over(settings: Settings, folder: TempDir) -> Self {
        let place = StoreSettings {
            path: folder.path().join("stock.db"),
        };
        let store = Store::open(&place).await.unwrap().store;
        let state = AppState {
            view: Arc::new(View::new(Vec::new(), &[])),
            store: store.clone(),
            counters: Arc::new(Counters::new(&[], &[]).unwrap()),
            scrapes: Arc::default(),
            desk: Arc::default(),
            forms: Arc::default(),
            kept: Arc::default(),
            places: Default::default(),
            beats: Default::default(),
        };
        let bound = server::bind(&settings, state).await.unwrap();
        let (address, door) = (bound.address().unwrap(), bound.door());
        let cancel = CancellationToken::new();
        let served = tokio::spawn(bound.serve(cancel.clone()));
        Self {
            address,
            door,
            store,
            folder,
            cancel,
            served,
        }
    }

    /// Ends it; the database stays.
    pub async fn close(self) -> TempDir {
        self.cancel.cancel();
        self.served.await.unwrap();
        self.store.close().await;
        self.folder
    }

    /// Sends the head (without its last lines) and the body, and reads to the end.
    pub async fn send(&self, head: &str, body: &str) -> Answer {
        let length = format!(
            "Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream
            .write_all(format!("{head}{length}").as_bytes())
            .await
            .unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        Answer::read(&answer)
    }

    /// GET with these header lines.
    pub async fn get(&self, path: &str, headers: &str) -> Answer {
        let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}");
        self.send(&head, "").await
    }

    /// Everything in the database.
    pub async fn contents(&self) -> Vec<String> {
        let options = SqliteConnectOptions::new()
            .filename(self.folder.path().join("stock.db"))
            .read_only(true);
        let pool = SqlitePool::connect_with(options).await.unwrap();
        let tables: Vec<String> =
            sqlx::query_scalar("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
                .fetch_all(&pool)
                .await
                .unwrap();
        assert!(tables.len() > 10, "{tables:?}");
        let mut contents = Vec::new();
        for table in tables {
            let columns: Vec<String> =
                sqlx::query_scalar("SELECT name FROM pragma_table_info(?) ORDER BY cid")
                    .bind(&table)
                    .fetch_all(&pool)
                    .await
                    .unwrap();
            let quoted: Vec<String> = columns
                .iter()
                .map(|column| format!("quote(\"{column}\")"))
                .collect();
            let rows = format!(
                "SELECT '{table}: ' || {} FROM \"{table}\" ORDER BY 1",
                quoted.join(" || ',' || ")
            );
            let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(rows))
                .fetch_all(&pool)
                .await
                .unwrap();
            contents.extend(rows);
        }
        pool.close().await;
        contents
    }
}
