//! Databases for the tests: a MariaDB server of our own, and files of SQLite. Statements run through plain PDO.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::ChildStdin;
use std::process::Command;
use std::process::Stdio;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;

use crate::daemon::eventually;
use crate::peers::skip;

pub const SCHEMA: &str = include_str!("../php/schema.sql");
pub const SHOP: &str = include_str!("../php/shop.sql");
pub const LARGE: &str = include_str!("../php/large.sql");

/// Which program holds the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    MariaDb,
    Sqlite,
}

pub const BOTH: [Kind; 2] = [Kind::MariaDb, Kind::Sqlite];

/// A database of one test.
pub struct Database {
    pub kind: Kind,
    /// SQLite's file, or the schema's name.
    name: String,
    _folder: Option<TempDir>,
}

/// A server that ends with this process, however that ends.
struct Server {
    socket: PathBuf,
    // The shell around the server reads this pipe, and stops the server when it closes.
    _alive: ChildStdin,
    _shell: Child,
}

/// Debian has the server where only root looks.
const SBIN: &str = "PATH=$PATH:/usr/sbin";

static SERVER: OnceLock<Option<Server>> = OnceLock::new();
static COUNT: AtomicU32 = AtomicU32::new(0);

/// Whether everything that these tests talk to is installed; says aloud what is not, in CI by failing.
pub fn ready() -> bool {
    let missing: Vec<&str> = [
        ("php", "php-cli"),
        ("mariadbd", "mariadb-server"),
        ("mariadb-install-db", "mariadb-server"),
    ]
    .into_iter()
    .filter(|(program, _)| !is_there(program))
    .map(|(_, package)| package)
    .chain(
        [
            ("extension_loaded('pdo_sqlite')", "php-sqlite3"),
            ("extension_loaded('pdo_mysql')", "php-mysql"),
            ("extension_loaded('curl')", "php-curl"),
            ("extension_loaded('mbstring')", "php-mbstring"),
            (
                "stream_resolve_include_path('Illuminate/Database/autoload.php')",
                "php-illuminate-database",
            ),
            (
                "stream_resolve_include_path('PhpParser/autoload.php')",
                "php-parser",
            ),
        ]
        .into_iter()
        .filter(|(test, _)| is_there("php") && !php_says(test))
        .map(|(_, package)| package),
    )
    .collect();
    if !missing.is_empty() {
        skip(&format!(
            "not installed: {} (scripts/test installs them)",
            missing.join(" ")
        ));
    }
    missing.is_empty()
}

fn is_there(program: &str) -> bool {
    Command::new("sh")
        .args(["-c", &format!("{SBIN}; command -v {program}")])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn php_says(test: &str) -> bool {
    Command::new("php")
        .args(["-r", &format!("exit({test} ? 0 : 1);")])
        .status()
        .is_ok_and(|status| status.success())
}

impl Database {
    /// An empty database.
    pub fn new(kind: Kind) -> Self {
        match kind {
            Kind::Sqlite => {
                let folder = tempfile::tempdir().unwrap();
                let name = folder.path().join("shop.db").display().to_string();
                Self {
                    kind,
                    name,
                    _folder: Some(folder),
                }
            }
            Kind::MariaDb => {
                let name = format!("shop{}", COUNT.fetch_add(1, Ordering::SeqCst));
                let dsn = format!("mysql:unix_socket={}", server().socket.display());
                run(&dsn, &[format!("CREATE DATABASE {name} CHARACTER SET utf8mb4")]);
                Self {
                    kind,
                    name,
                    _folder: None,
                }
            }
        }
    }

    /// A database with WHMCS's tables and these statements' rows.
    pub fn with(kind: Kind, statements: &[&str]) -> Self {
        let database = Self::new(kind);
        database.load(SCHEMA);
        statements.iter().for_each(|statements| database.load(statements));
        database
    }

    /// Runs a file of statements, each ended by a semicolon and a line break.
    pub fn load(&self, statements: &str) {
        let lines: String = statements
            .lines()
            .filter(|line| !line.trim_start().starts_with("--"))
            .map(|line| format!("{line}\n"))
            .collect();
        let statements: Vec<String> = lines
            .split(";\n")
            .map(|statement| statement.trim().to_owned())
            .filter(|statement| !statement.is_empty())
            .collect();
        run(&self.dsn(), &statements);
    }

    /// The rows of a query, as numbers; NULL is -1.
    pub fn numbers(&self, query: &str) -> Vec<Vec<i64>> {
        let cell = |cell: &Value| match cell {
            Value::Null => -1,
            Value::String(text) => text.parse().unwrap(),
            other => other.as_i64().unwrap(),
        };
        let rows = run(&self.dsn(), &[query.to_owned()]);
        let rows = rows[0].as_array().unwrap();
        rows.iter()
            .map(|row| row.as_array().unwrap().iter().map(cell).collect())
            .collect()
    }

    /// The number that a query answers.
    pub fn number(&self, query: &str) -> i64 {
        self.numbers(query)[0][0]
    }

    /// The connection's settings for Illuminate.
    pub fn settings(&self) -> Value {
        match self.kind {
            Kind::Sqlite => json!({"driver": "sqlite", "database": self.name, "prefix": ""}),
            Kind::MariaDb => json!({
                "driver": "mysql", "host": "localhost", "unix_socket": server().socket, "username": "root",
                "password": "", "database": self.name, "charset": "utf8mb4", "collation": "utf8mb4_unicode_ci",
                "prefix": "",
            }),
        }
    }

    fn dsn(&self) -> String {
        match self.kind {
            Kind::Sqlite => format!("sqlite:{}", self.name),
            Kind::MariaDb => format!(
                "mysql:unix_socket={};dbname={}",
                server().socket.display(),
                self.name
            ),
        }
    }
}

fn run(dsn: &str, statements: &[String]) -> Value {
    let mut php = Command::new("php")
        .arg(tests_php("sql.php"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let asked = json!({"dsn": dsn, "statements": statements}).to_string();
    php.stdin.take().unwrap().write_all(asked.as_bytes()).unwrap();
    let output = php.wait_with_output().unwrap();
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stdout)))
}

/// A file of `tests/php`.
pub fn tests_php(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/php").join(name)
}

fn server() -> &'static Server {
    SERVER
        .get_or_init(|| Some(start()))
        .as_ref()
        .expect("MariaDB is there")
}

fn start() -> Server {
    // Short, since a socket's path is at most 107 bytes.
    let folder = tempfile::Builder::new()
        .prefix("mariadb")
        .tempdir()
        .unwrap()
        .keep();
    let root = rustix::process::getuid().is_root();
    let user = if root { "--user=root" } else { "" };
    let script = format!(
        "{SBIN}; cd {folder} && mariadb-install-db --no-defaults --datadir={folder}/data {user} \
         --auth-root-authentication-method=normal --skip-test-db >install.log 2>&1 || exit 1
         mariadbd --no-defaults --datadir={folder}/data {user} --socket={folder}/socket --pid-file={folder}/pid \
         --skip-networking --innodb-flush-log-at-trx-commit=0 --innodb-buffer-pool-size=128M \
         --innodb-flush-method=nosync --innodb-doublewrite=OFF --innodb-log-file-size=16M --sync-frm=OFF >server.log 2>&1 &
         server=$!
         read -r _
         kill $server; wait $server; rm -rf {folder}",
        folder = folder.display()
    );
    let mut shell = Command::new("sh")
        .args(["-c", &script])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let alive = shell.stdin.take().unwrap();
    let socket = folder.join("socket");
    eventually("MariaDB listens", || {
        if shell.try_wait().unwrap().is_some() {
            let log = |name| fs::read_to_string(folder.join(name)).unwrap_or_default();
            panic!("MariaDB ended: {}{}", log("install.log"), log("server.log"));
        }
        socket.exists().then_some(())
    });
    Server {
        socket,
        _alive: alive,
        _shell: shell,
    }
}
