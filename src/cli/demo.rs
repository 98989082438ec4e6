//! `demo`: a simulated WHMCS, the real daemon on a temporary database, and the messages it sends, in the terminal.

use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio_util::sync::CancellationToken;

use crate::app;
use crate::app::Control;
use crate::cli::arguments::DemoArguments;
use crate::cli::exit::Exit;
use crate::cli::fail;
use crate::cli::past;
use crate::cli::print;
use crate::cli::run;
use crate::config::load::Config;
use crate::config::overlay::Sources;
use crate::domain::catalogue::Name;
use crate::observe::log;
use crate::observe::log::Format;
use crate::observe::log::Place;
use crate::observe::redact::Redactor;
use crate::scheduler;
use crate::simulator::mishap::mishap;
use crate::simulator::samples::KITS;
use crate::simulator::samples::KITS_LEFT;
use crate::simulator::server::Settings;
use crate::simulator::server::ShopHandle;
use crate::simulator::server::Simulator;
use crate::simulator::shop::Shop;
use crate::simulator::story::Story;
use crate::sinks::mail::MailSink;
use crate::sinks::mail_script::Mail;
use crate::sinks::webhook::Request;
use crate::sinks::webhook::WebhookSink;

/// A signing secret for the demo's webhook, like one an operator would make.
const WEBHOOK_SECRET: &str = "whsec_ZGVtby1zZWNyZXQtb2YtdGhlLXNpbXVsYXRlZC1zaG9w";
/// How fast the shop's story goes on.
const STEP: Duration = Duration::from_secs(1);
/// The most lines of a message's text that are shown.
const SHOWN_LINES: usize = 24;

/// Everything the demo runs against.
struct Stage {
    shop: Simulator,
    mail: MailSink,
    hook: WebhookSink,
    /// Whom the monitor tells each minute that it lives.
    watcher: WebhookSink,
    folder: Folder,
}

/// A temporary folder, gone with the demo.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs the demo until Ctrl-C, or for as long as asked.
pub async fn demo(options: &DemoArguments) -> Exit {
    let limit = match options.for_.as_deref().map(scheduler::parse_duration) {
        Some(None) => return fail(Exit::Usage, "--for takes a duration such as 60s or 5m."),
        Some(limit) => limit,
        None => None,
    };
    let Some(listen) = listen(options.listen.as_deref()) else {
        return fail(Exit::Usage, "--listen takes an address such as 127.0.0.1:9717.");
    };
    let stage = match Stage::set().await {
        Ok(stage) => stage,
        Err(error) => return fail(Exit::Internal, &format!("The demo cannot be set up: {error}")),
    };
    let place = Place::stderr(None, std::env::var_os("NO_COLOR").is_some());
    let _ = log::init(
        "warn,whmcs_stock_monitor::app::loops=warn",
        Format::Text,
        place,
        Redactor::default(),
    );
    let config = match stage.configured(listen).await {
        Ok(config) => config,
        Err(error) => return fail(Exit::Internal, &format!("The demo cannot be set up: {error}")),
    };
    let control = Control::default();
    if let Err(error) = run::listen_for_signals(&control) {
        return fail(Exit::Internal, &format!("Signals cannot be received: {error}"));
    }
    let story = Arc::new(Mutex::new(Story::demo(options.seed)));
    let telling = tokio::spawn(tell_all(
        stage.shows(),
        Arc::clone(&story),
        stage.shop.shop_handle(),
        control.stop.clone(),
    ));
    if let Some(limit) = limit {
        let stop = control.stop.clone();
        tokio::spawn(async move {
            tokio::time::sleep(limit).await;
            stop.cancel();
        });
    }
    let ended = app::run(config, &control, &mut || None, |address| print(&welcome(address))).await;
    control.stop.cancel();
    let _ = telling.await;
    run::exit_of(ended)
}

/// What was asked for, else the daemon's own address, else any free port beside a daemon that has it.
fn listen(asked: Option<&str>) -> Option<SocketAddr> {
    match asked {
        Some(text) => text.parse().ok(),
        None => {
            let usual = SocketAddr::from((Ipv4Addr::LOCALHOST, 9717));
            let free = std::net::TcpListener::bind(usual).is_ok();
            Some(if free {
                usual
            } else {
                SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
            })
        }
    }
}

impl Stage {
    async fn set() -> std::io::Result<Self> {
        let folder = std::env::temp_dir().join(format!("whmcs-stock-monitor-demo-{}", std::process::id()));
        std::fs::create_dir(&folder)?;
        let folder = Folder(folder);
        Ok(Self {
            // Open for hours: what was asked each second is not kept.
            shop: Simulator::start_with(
                Shop::sample(),
                Settings {
                    record: false,
                    ..Settings::default()
                },
            )
            .await?,
            mail: MailSink::start().await?,
            hook: WebhookSink::start().await?,
            watcher: WebhookSink::start().await?,
            folder,
        })
    }

    /// The configuration, once the shop has its history.
    async fn configured(&self, listen: SocketAddr) -> anyhow::Result<Config> {
        let mut before = Config::load(&self.sources(listen)?)?;
        before.channels.clear();
        past::record(before, &self.shop.shop_handle(), Timestamp::now()).await?;
        // Anew: that took its time, and the first report is due soon after it.
        Ok(Config::load(&self.sources(listen)?)?)
    }

    /// The very configuration an operator would write, pointed at the stage.
    fn sources(&self, listen: SocketAddr) -> std::io::Result<Sources> {
        let folder: &Path = &self.folder.0;
        let file = folder.join("monitor.toml");
        std::fs::write(&file, self.pool())?;
        let settings = [
            ("WHMCS_API_URL", self.shop.url()),
            ("WHMCS_API_IDENTIFIER", self.shop.identifier().to_owned()),
            ("WHMCS_API_SECRET", self.shop.secret().to_owned()),
            ("POLL_SCHEDULE", "every 1s".to_owned()),
            ("LOW_STOCK", "5".to_owned()),
            ("CRITICAL_STOCK", "2".to_owned()),
            (
                "SMTP_URL",
                format!("{}?tls=none", self.mail.url().trim_end_matches("?tls=none")),
            ),
            ("SMTP_FROM", "Stock monitor <stock@shop.example>".to_owned()),
            ("ALERT_EMAIL_TO", "sales@shop.example".to_owned()),
            ("WEBHOOK_URL", self.hook.url()),
            ("WEBHOOK_SECRET", WEBHOOK_SECRET.to_owned()),
            ("HEARTBEAT_URL", self.watcher.url()),
            ("REPORT_SCHEDULE", report_schedule(Timestamp::now())),
            // A trouble lasts half a minute here, and a day's ups and downs are over in an hour.
            ("SOURCE_DOWN_AFTER", "15s".to_owned()),
            ("FLAP_LIMIT", "100".to_owned()),
            ("REPORT_EMAIL_TO", "sales@shop.example".to_owned()),
            ("HTTP_LISTEN", listen.to_string()),
            (
                "DATABASE_URL",
                format!("sqlite://{}", folder.join("stock.db").display()),
            ),
        ];
        Ok(Sources {
            env: settings
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect(),
            dir: folder.to_owned(),
            config_file: Some(file),
        })
    }

    /// What several servers share: their modules of 128 GB, those in use and a few more.
    fn pool(&self) -> String {
        format!(
            "[[pool]]\nname = \"128 GB modules\"\ncapacity = {}\n\
             uses = [{{ option = \"RAM\", choice = \"128 GB\" }}]\n",
            self.shop.shop().in_use_of(KITS) + KITS_LEFT
        )
    }

    fn shows(&self) -> Shows {
        Shows {
            mails: self.mail.subscribe(),
            hooks: self.hook.subscribe(),
        }
    }
}

/// Each week at the minute that begins in half a minute at the soonest, so that one sees the first report soon.
fn report_schedule(now: Timestamp) -> String {
    let first = now + SignedDuration::from_secs(90);
    first
        .to_zoned(TimeZone::UTC)
        .strftime("%-M %-H * * %w")
        .to_string()
}

/// What arrives at the demo's receivers.
struct Shows {
    mails: tokio::sync::watch::Receiver<Vec<Arc<Mail>>>,
    hooks: tokio::sync::watch::Receiver<Vec<Arc<Request>>>,
}

/// Moves the shop step by step, and shows what happens there and what arrives.
async fn tell_all(mut shows: Shows, story: Arc<Mutex<Story>>, shop: ShopHandle, stop: CancellationToken) {
    let (mut mails, mut hooks) = (0, 0);
    let mut beat = tokio::time::interval(STEP);
    beat.tick().await;
    while !stop.is_cancelled() {
        tokio::select! {
            () = stop.cancelled() => {}
            _ = beat.tick() => {
                let mut story = story.lock().unwrap_or_else(PoisonError::into_inner);
                tell(&mut story, &shop);
            }
            Ok(()) = shows.mails.changed() => {
                let arrived = shows.mails.borrow_and_update().clone();
                for mail in arrived.iter().skip(mails) {
                    print(&mail_text(mail));
                }
                mails = arrived.len();
            }
            Ok(()) = shows.hooks.changed() => {
                let arrived = shows.hooks.borrow_and_update().clone();
                for request in arrived.iter().skip(hooks) {
                    print(&hook_text(request));
                }
                hooks = arrived.len();
            }
            else => break,
        }
    }
}

/// The next step of the story, printed.
fn tell(story: &mut Story, shop: &ShopHandle) {
    let garbled = |shop: &Shop| -> Option<String> {
        let product = shop.products().find(|product| product.garbled)?;
        Some(Name::new(&product.name).shown().to_owned())
    };
    let before = mishap(story.steps());
    let unread = garbled(&shop.lock());
    let changes = story.step(&mut shop.lock());
    match (unread, garbled(&shop.lock())) {
        (None, Some(name)) => print(&format!("shop     {name}: WHMCS tells no number for its stock")),
        (Some(name), None) => print(&format!("shop     {name}: its stock can be read again")),
        (None, None) | (Some(_), Some(_)) => {}
    }
    for change in changes {
        let name = Name::new(&change.name);
        print(&format!(
            "shop     {}: {} -> {}",
            name.shown(),
            change.from,
            change.to
        ));
    }
    match (before, mishap(story.steps())) {
        (None, Some((fault, words))) => {
            shop.suffer(Some(fault));
            print(&format!("shop     {words}"));
        }
        (Some(_), None) => {
            shop.suffer(None);
            print("shop     answers again");
        }
        (None, None) | (Some(_), Some(_)) => {}
    }
}

fn mail_text(mail: &Mail) -> String {
    let text = mail.text();
    let lines: Vec<&str> = text.lines().collect();
    let mut shown = format!(
        "\nmail     to {}\n         {}\n",
        mail.to.join(", "),
        mail.subject()
    );
    for line in lines.iter().take(SHOWN_LINES) {
        shown.push_str(&format!("       | {line}\n"));
    }
    if lines.len() > SHOWN_LINES {
        shown.push_str(&format!("       | … {} more lines\n", lines.len() - SHOWN_LINES));
    }
    shown
}

fn hook_text(request: &Request) -> String {
    let id = request.header("webhook-id").unwrap_or_default();
    let signed = if request.header("webhook-signature").is_some() {
        "signed"
    } else {
        "not signed"
    };
    let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let kind = body["type"].as_str().unwrap_or_default();
    let data = &body["data"];
    let mut shown = format!("\nwebhook  {kind} ({signed}, id {id})\n");
    for alert in data["alerts"].as_array().into_iter().flatten() {
        shown.push_str(&format!("       | {alert}\n"));
    }
    if data["alerts"].as_array().is_none_or(Vec::is_empty) {
        let text: String = body.to_string().chars().take(400).collect();
        shown.push_str(&format!("       | {text}\n"));
    }
    shown
}

fn welcome(address: SocketAddr) -> String {
    format!(
        "A simulated WHMCS sells; the real daemon watches it, with a mail server and a webhook of the demo's own.\n\
         \n\
         page     http://{address}/\n\
         metrics  http://{address}/metrics\n\
         API      http://{address}/api/v1/stock\n\
         \n\
         DS-64 sells out and comes back within the next half a minute; a pool that several servers share, 128 GB modules,\n\
         runs out. Then trouble: for a while one figure cannot be read, and for half a minute WHMCS refuses the credentials.\n\
         A first report comes within two minutes. After five it sells as slowly as a busy shop, for as long as you like.\n\
         Ctrl-C ends it; nothing is kept.\n"
    )
}
