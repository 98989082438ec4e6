//! A WHMCS that answers what the test says, on a thread of its own: products whose stock moves, hangs and refusals.

use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::thread;
use std::time::Instant;

use serde_json::Value;
use serde_json::json;

/// A product of the shop.
#[derive(Debug, Clone)]
pub struct Item {
    pub id: i64,
    pub name: String,
    /// `None` where this WHMCS sends no stock field.
    pub stock: Option<i64>,
}

/// How GetProducts is answered.
#[derive(Debug, Clone)]
pub enum Mode {
    Catalogue,
    /// Not a word; the connection stays.
    Hang,
    /// 403 and a page that quotes the request, as some firewalls do.
    Echo,
    /// 403 and an error of the API that quotes the credentials.
    EchoRefusal,
    /// This status, these header lines (each with its line end), this body.
    Plain(u16, String, String),
}

/// A request of the API.
#[derive(Debug, Clone)]
pub struct Asked {
    pub action: String,
    pub form: String,
    pub head: String,
    pub at: Instant,
}

#[derive(Debug)]
struct State {
    items: Vec<Item>,
    mode: Mode,
    asked: Vec<Asked>,
}

/// The shop; its threads end with the process.
#[derive(Debug, Clone)]
pub struct Shop {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

/// A product that sends its stock.
pub fn item(id: i64, name: &str, stock: i64) -> Item {
    Item {
        id,
        name: name.to_owned(),
        stock: Some(stock),
    }
}

impl Shop {
    /// Opens with these products.
    pub fn open(items: Vec<Item>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(Mutex::new(State {
            items,
            mode: Mode::Catalogue,
            asked: Vec::new(),
        }));
        let shop = Self { address, state };
        let serving = shop.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shop = serving.clone();
                // What a client that left makes of the answer is no concern of the shop.
                thread::spawn(move || shop.serve(stream));
            }
        });
        shop
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The `WHMCS_API_URL` of it.
    pub fn url(&self) -> String {
        format!("http://{}/includes/api.php", self.address)
    }

    /// Changes a product's stock.
    pub fn stock(&self, id: i64, stock: i64) {
        for item in self.state().items.iter_mut().filter(|item| item.id == id) {
            item.stock = Some(stock);
        }
    }

    /// Replaces the catalogue.
    pub fn catalogue(&self, items: Vec<Item>) {
        self.state().items = items;
    }

    /// Changes the catalogue.
    pub fn change(&self, change: impl FnOnce(&mut Vec<Item>)) {
        change(&mut self.state().items);
    }

    /// Answers so from now on.
    pub fn mode(&self, mode: Mode) {
        self.state().mode = mode;
    }

    /// What was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.state().asked.clone()
    }

    /// How often GetProducts was asked.
    pub fn polled(&self) -> usize {
        let state = self.state();
        state
            .asked
            .iter()
            .filter(|asked| asked.action == "GetProducts")
            .count()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        // A TLS client is answered as a plain server would, and at once.
        if reader.fill_buf()?.first() == Some(&0x16) {
            return (&stream).write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
        loop {
            let mut head = String::new();
            let mut length = 0;
            loop {
                let start = head.len();
                if reader.read_line(&mut head)? == 0 {
                    return Ok(());
                }
                let line = head[start..].trim_end().to_lowercase();
                if let Some(value) = line.strip_prefix("content-length:") {
                    length = value.trim().parse().map_err(io::Error::other)?;
                }
                if line.is_empty() {
                    break;
                }
            }
            let mut form = vec![0; length];
            reader.read_exact(&mut form)?;
            let form = String::from_utf8_lossy(&form).into_owned();
            if !self.answer(&stream, head, form)? {
                return Ok(());
            }
        }
    }

    /// Whether the connection goes on.
    fn answer(&self, mut stream: &TcpStream, head: String, form: String) -> io::Result<bool> {
        let action = form
            .split('&')
            .find_map(|pair| pair.strip_prefix("action="))
            .unwrap_or_default()
            .to_owned();
        let page = format!("<html><body>Access denied. Your request: {form}</body></html>");
        let credentials: Vec<(String, String)> = reqwest::Url::parse(&format!("form:?{form}"))
            .map(|url| url.query_pairs().into_owned().collect())
            .unwrap_or_default();
        let refusal =
            json!({"result": "error", "message": format!("Authentication Failed: {credentials:?}")});
        let (mode, catalogue) = {
            let mut state = self.state();
            state.asked.push(Asked {
                action: action.clone(),
                form,
                head,
                at: Instant::now(),
            });
            (state.mode.clone(), catalogue(&state.items))
        };
        let (status, headers, body) = match mode {
            Mode::Hang => {
                // Until the client closes.
                let _ = stream.read(&mut [0])?;
                return Ok(false);
            }
            Mode::Echo => (403, String::new(), page),
            Mode::EchoRefusal => (403, String::new(), refusal.to_string()),
            Mode::Plain(status, headers, body) => (status, headers, body),
            Mode::Catalogue if action == "GetProducts" => (200, String::new(), catalogue.to_string()),
            Mode::Catalogue => {
                let message = format!(
                    "Invalid API Action: \"{0}\" is not a valid API action",
                    action.to_lowercase()
                );
                let refused = json!({"result": "error", "message": message});
                (200, String::new(), refused.to_string())
            }
        };
        let length = body.len();
        write!(
            stream,
            "HTTP/1.1 {status} Answer\r\n{headers}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )?;
        Ok(true)
    }
}

/// GetProducts as WHMCS 8.12 answers it.
fn catalogue(items: &[Item]) -> Value {
    let products: Vec<Value> = items.iter().map(product).collect();
    json!({"result": "success", "totalresults": products.len(), "products": {"product": products}})
}

fn product(item: &Item) -> Value {
    let mut product = json!({
        "pid": item.id, "gid": 1, "type": "server", "name": item.name, "description": "Fast", "module": "",
        "paytype": "recurring", "allowqty": 0,
        "pricing": {"EUR": {"prefix": "", "suffix": " EUR", "monthly": "49.00"}},
        "customfields": {"customfield": []}, "configoptions": {"configoption": []},
    });
    if let Some(stock) = item.stock {
        product["quantity_available"] = stock.into();
    }
    product
}
