//! The least that watching a catalogue can cost: asks for it, reads it as it streams in, keeps what changed.
//!
//! Printed beside the daemon's figures of the same run; it decides nothing, tells nobody and forgives nothing.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use anyhow::Context;
use anyhow::Result;
use anyhow::bail;
use clap::Parser;
use clap::ValueEnum;
use serde::Deserialize;
use serde_json::Deserializer;
use sqlx::AssertSqlSafe;
use sqlx::ConnectOptions;
use sqlx::Connection;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::sqlite::SqliteJournalMode;
use sqlx::sqlite::SqliteSynchronous;

const CHUNK: usize = 64 * 1024;
/// Rows of one INSERT.
const ROWS: usize = 500;

#[derive(Debug, Parser)]
struct Arguments {
    /// An http address of an API.
    url: String,
    #[arg(long, default_value_t = 1)]
    polls: u32,
    #[arg(long, default_value_t = 0)]
    pause_ms: u64,
    #[arg(long, value_enum, default_value_t = Depth::ChangedRows)]
    depth: Depth,
    /// Asks GetProductDetails for each product, one a call, after the first catalogue.
    #[arg(long)]
    details: bool,
    /// Where the changed rows go.
    #[arg(long, default_value = "floor.db")]
    database: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Depth {
    /// Reads the body and drops it.
    ReceiveOnly,
    /// And parses what is needed of each product.
    Parse,
    /// And writes what changed in one transaction.
    ChangedRows,
}

#[derive(Deserialize)]
struct Product<'a> {
    pid: i64,
    #[serde(borrow)]
    name: Cow<'a, str>,
    quantity_available: i64,
}

#[derive(Deserialize)]
struct Detail<'a> {
    #[serde(borrow)]
    pid: Cow<'a, str>,
    #[serde(borrow)]
    qty: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Details<'a> {
    #[serde(borrow)]
    products: DetailList<'a>,
}

#[derive(Deserialize)]
struct DetailList<'a> {
    #[serde(borrow)]
    product: Vec<Detail<'a>>,
}

struct Known {
    name: Box<str>,
    level: i64,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let mut database = match arguments.depth {
        Depth::ReceiveOnly | Depth::Parse => None,
        Depth::ChangedRows => Some(runtime.block_on(open(&arguments.database))?),
    };
    let mut source = Source::connect(&arguments.url)?;
    let mut floor = Floor {
        depth: arguments.depth,
        known: HashMap::new(),
        changed: Vec::new(),
        buffer: Vec::new(),
    };
    for poll in 1..=arguments.polls {
        let (began, cpu) = (Instant::now(), cpu_seconds()?);
        floor.poll(&mut source, arguments.details && poll == 1)?;
        let changed = floor.changed.len();
        if let Some(connection) = &mut database {
            runtime.block_on(write(connection, poll, &floor.changed))?;
        }
        let cpu = cpu_seconds()? - cpu;
        println!(
            "poll {poll} changed {changed} wall {:.6} cpu {cpu:.2}",
            began.elapsed().as_secs_f64()
        );
        thread::sleep(Duration::from_millis(arguments.pause_ms));
    }
    println!("cpu {:.2} peak_kb {}", cpu_seconds()?, peak_kilobytes()?);
    Ok(())
}

struct Floor {
    depth: Depth,
    known: HashMap<i64, Known>,
    changed: Vec<(i64, i64)>,
    buffer: Vec<u8>,
}

impl Floor {
    fn poll(&mut self, source: &mut Source, details: bool) -> Result<()> {
        self.changed.clear();
        let length = source.ask("action=GetProducts&responsetype=json")?;
        let mut body = source.reader.by_ref().take(length);
        match self.depth {
            Depth::ReceiveOnly => drop_all(&mut body, &mut self.buffer)?,
            Depth::Parse | Depth::ChangedRows => self.parse(&mut body)?,
        }
        if details {
            self.details(source)?;
        }
        Ok(())
    }

    /// Hands each element of the list to a typed parse; one that is not whole yet waits for the next chunk.
    fn parse(&mut self, body: &mut impl Read) -> Result<()> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let (mut filled, mut inside) = (0, false);
        loop {
            buffer.resize(buffer.len().max(filled + CHUNK), 0);
            let read = body.read(&mut buffer[filled..])?;
            if read == 0 {
                break;
            }
            filled += read;
            let mut used = 0;
            if !inside {
                let Some(at) = list_start(&buffer[..filled]) else {
                    continue;
                };
                (used, inside) = (at, true);
            }
            used += self.elements(&buffer[used..filled])?;
            buffer.copy_within(used..filled, 0);
            filled -= used;
        }
        if !inside {
            bail!("the answer holds no list of products");
        }
        self.buffer = buffer;
        Ok(())
    }

    /// How many bytes were whole elements.
    fn elements(&mut self, bytes: &[u8]) -> Result<usize> {
        let mut at = 0;
        loop {
            while bytes
                .get(at)
                .is_some_and(|byte| matches!(byte, b',' | b' ' | b'\r' | b'\n'))
            {
                at += 1;
            }
            if bytes.get(at) != Some(&b'{') {
                return Ok(at);
            }
            let mut stream = Deserializer::from_slice(&bytes[at..]).into_iter::<Product>();
            match stream.next() {
                Some(Ok(product)) => self.see(&product),
                Some(Err(error)) if error.is_eof() => return Ok(at),
                Some(Err(error)) => return Err(error.into()),
                None => return Ok(at),
            }
            at += stream.byte_offset();
        }
    }

    fn see(&mut self, product: &Product) {
        let changed = match self.known.get_mut(&product.pid) {
            Some(known) if known.level == product.quantity_available && *known.name == *product.name => false,
            Some(known) => {
                known.level = product.quantity_available;
                if *known.name != *product.name {
                    known.name = product.name.as_ref().into();
                }
                true
            }
            None => {
                let known = Known {
                    name: product.name.as_ref().into(),
                    level: product.quantity_available,
                };
                self.known.insert(product.pid, known);
                true
            }
        };
        if changed {
            self.changed.push((product.pid, product.quantity_available));
        }
    }

    fn details(&mut self, source: &mut Source) -> Result<()> {
        let mut body = Vec::new();
        let ids: Vec<i64> = self.known.keys().copied().collect();
        for id in ids {
            let question = format!("action=GetProductDetails&productid={id}&responsetype=json");
            let length = source.ask(&question)?;
            body.clear();
            source.reader.by_ref().take(length).read_to_end(&mut body)?;
            let answer: Details = serde_json::from_slice(&body)?;
            for detail in answer.products.product {
                let (pid, level) = (detail.pid.parse()?, detail.qty.parse()?);
                if let Some(known) = self.known.get_mut(&pid) {
                    known.level = level;
                }
            }
        }
        Ok(())
    }
}

fn list_start(buffer: &[u8]) -> Option<usize> {
    const KEY: &[u8] = b"\"product\":[";
    memchr::memmem::find(buffer, KEY).map(|at| at + KEY.len())
}

fn drop_all(body: &mut impl Read, buffer: &mut Vec<u8>) -> Result<()> {
    buffer.resize(CHUNK, 0);
    while body.read(buffer)? > 0 {}
    Ok(())
}

/// One connection that stays open.
struct Source {
    reader: BufReader<TcpStream>,
    host: String,
    path: String,
}

impl Source {
    fn connect(url: &str) -> Result<Self> {
        let rest = url
            .strip_prefix("http://")
            .context("the address must be http://…")?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let stream = TcpStream::connect(host)?;
        stream.set_nodelay(true)?;
        Ok(Self {
            reader: BufReader::with_capacity(16 * 1024, stream),
            host: host.to_owned(),
            path: format!("/{path}"),
        })
    }

    /// Asks, and reads up to the body, whose length it returns.
    fn ask(&mut self, form: &str) -> Result<u64> {
        let form = format!("{form}&identifier=bench&secret=bench");
        let request = format!(
            "POST {} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/x-www-form-urlencoded\r\n\
             content-length: {}\r\n\r\n{form}",
            self.path,
            self.host,
            form.len()
        );
        self.reader.get_mut().write_all(request.as_bytes())?;
        let (mut line, mut length) = (String::new(), None);
        loop {
            line.clear();
            if self.reader.read_line(&mut line)? == 0 {
                bail!("the source hung up");
            }
            let header = line.trim_end().to_ascii_lowercase();
            if let Some(value) = header.strip_prefix("content-length:") {
                length = Some(value.trim().parse()?);
            }
            if header.is_empty() {
                return length.context("an answer without a content-length");
            }
        }
    }
}

async fn open(path: &std::path::Path) -> Result<SqliteConnection> {
    let mut connection = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .connect()
        .await?;
    let table = "CREATE TABLE IF NOT EXISTS level (poll INTEGER, pid INTEGER, level INTEGER, PRIMARY KEY (poll, pid)) \
                 WITHOUT ROWID";
    sqlx::query(table).execute(&mut connection).await?;
    Ok(connection)
}

async fn write(connection: &mut SqliteConnection, poll: u32, changed: &[(i64, i64)]) -> Result<()> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    for rows in changed.chunks(ROWS) {
        let mut sql = String::from("INSERT OR REPLACE INTO level VALUES ");
        for (index, (pid, level)) in rows.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(sql, "{comma}({poll},{pid},{level})")?;
        }
        sqlx::query(AssertSqlSafe(sql))
            .persistent(false)
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// User and system time of this process so far; the kernel tells it in hundredths.
fn cpu_seconds() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat
        .rsplit_once(')')
        .context("no process name in /proc/self/stat")?;
    let ticks = fields
        .split_ascii_whitespace()
        .skip(11)
        .take(2)
        .map(str::parse::<u32>);
    Ok(ticks.sum::<Result<u32, _>>().map(f64::from)? / 100.0)
}

/// The most memory this process ever held.
fn peak_kilobytes() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .context("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse()?)
}
