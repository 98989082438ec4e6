//! What all pages share: the head with its links and warnings, who is asking, and the keys of their forms.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::http::StatusCode;
use axum::response::Html;
use axum::response::IntoResponse;
use axum::response::Response;
use jiff::Timestamp;
use tokio::time::timeout;

use crate::observe::view::Seen;
use crate::store::error::StoreError;
use crate::web::asker::Asker;
use crate::web::asker::Proof;
use crate::web::assets;
use crate::web::forms::Forms;
use crate::web::params::Params;
use crate::web::problem::Problem;
use crate::web::reading;
use crate::web::reading::Unread;
use crate::web::show::At;
use crate::web::state::AppState;

/// A page goes without what the database does not tell by then.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(1);

/// The parameter of a page that says what came of a form.
pub const NOTICE: &str = "notice";

/// What came of a form, in words.
fn notice(key: &str) -> Option<&'static str> {
    match key {
        "acked" => Some("Taken on: no reminders until it rises, or until it is overdue."),
        "ack_ended" => Some("No longer taken on: reminders come again."),
        "silenced" => Some("Silenced."),
        "silence_ended" => Some("The silence is over."),
        "replayed" => Some("It will be sent again now."),
        "replayed_all" => Some("All that the channel gave up is sent again now."),
        "not_dead" => Some("Nothing to send again: it is not given up any more."),
        "polled" => Some("The shop is asked now."),
        "poll_soon" => Some("The shop is asked as soon as may be: the one before was only just."),
        _ => None,
    }
}

/// The pages that the head links to, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Here {
    Overview,
    Alerts,
    Pools,
    Deliveries,
    Sources,
}

impl Here {
    const ALL: [Self; 5] = [
        Self::Overview,
        Self::Alerts,
        Self::Pools,
        Self::Deliveries,
        Self::Sources,
    ];

    /// The page's address.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::Overview => "/",
            Self::Alerts => "/alerts",
            Self::Pools => "/pools",
            Self::Deliveries => "/deliveries",
            Self::Sources => "/sources",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Alerts => "Alerts",
            Self::Pools => "Pools",
            Self::Deliveries => "Deliveries",
            Self::Sources => "Sources",
        }
    }
}

/// A link of the head.
pub struct Link {
    pub path: &'static str,
    pub title: &'static str,
    pub is_here: bool,
    /// What waits there for somebody; 0 for nothing.
    pub waiting: u64,
    /// What it is that waits, for who does not see the badge's place.
    pub what: &'static str,
}

/// What is wrong with the database, in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trouble {
    pub words: &'static str,
    pub mend: &'static str,
    /// Nothing is recorded: what the shops say now is not shown either.
    pub unrecorded: bool,
}

impl Trouble {
    /// As far as that is known without waiting for a write; `read` is what became of reading.
    fn of(app: &AppState, read: Option<Unread>) -> Option<Self> {
        let unwritable = app.store.unwritable().map(|why| Self {
            words: why.words,
            mend: why.mend,
            unrecorded: true,
        });
        unwritable.or_else(|| {
            Some(Self {
                words: read?,
                mend: "What it holds is left out here; the monitor's log says more.",
                unrecorded: false,
            })
        })
    }
}

/// What stands around a page's own part.
pub struct Frame {
    /// The page's name, first in the window's title.
    pub title: String,
    pub links: Vec<Link>,
    pub asker: Asker,
    pub now: At,
    /// What came of the form that led here.
    pub notice: Option<&'static str>,
    /// What is wrong with the database, said on every page.
    pub trouble: Option<Trouble>,
    forms: Arc<Forms>,
    at: Timestamp,
}

impl Frame {
    /// The frame of a page for that asker. A database that does not answer takes nothing off the page.
    pub async fn new(
        app: &AppState,
        seen: &Seen,
        asker: Asker,
        here: Option<Here>,
        title: String,
        params: &Params,
    ) -> Self {
        let (dead, unread) = match timeout(DATABASE_TIMEOUT, dead(app)).await {
            Ok(Ok(dead)) => (dead, None),
            Ok(Err(error)) => (0, Some(reading::why(&error))),
            Err(_) => (0, Some("The database does not answer in time.")),
        };
        let now = Timestamp::now();
        Self {
            title,
            links: links(seen, here, app.kept.index(seen).await.alerts, dead),
            asker,
            now: At(now),
            notice: params.get(NOTICE).and_then(notice),
            trouble: Trouble::of(app, unread),
            forms: Arc::clone(&app.forms),
            at: now,
        }
    }

    /// A key for one form of the page.
    #[must_use]
    pub fn key(&self) -> String {
        self.forms.issue(&self.asker, self.at)
    }

    /// Whether what the shops say is recorded, as far as that is known.
    #[must_use]
    pub fn is_recording(&self) -> bool {
        !self.trouble.is_some_and(|trouble| trouble.unrecorded)
    }

    /// Whether there is a sign-in that can be ended.
    #[must_use]
    pub fn is_signed_in(&self) -> bool {
        self.asker.proof == Proof::Session
    }

    /// The program's version.
    #[must_use]
    pub fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    /// The style sheet's address.
    #[must_use]
    pub fn style(&self) -> String {
        assets::address("style.css")
    }

    /// The script's address.
    #[must_use]
    pub fn script(&self) -> String {
        assets::address("script.js")
    }
}

/// How many deliveries were given up.
async fn dead(app: &AppState) -> Result<u64, StoreError> {
    let read = async {
        let counts = app.store.reader().outbox_counts().await?;
        Ok(counts.iter().map(|count| count.dead).sum())
    };
    app.kept.dead.get(app.view.moment(), read).await
}

fn links(seen: &Seen, here: Option<Here>, open: usize, dead: u64) -> Vec<Link> {
    let failing = seen
        .instances
        .iter()
        .filter(|shop| shop.up() == Some(false))
        .count();
    let pools = !seen.pools.pools.is_empty();
    let shown = Here::ALL
        .into_iter()
        .filter(|link| pools || *link != Here::Pools || here == Some(Here::Pools));
    shown
        .map(|link| Link {
            path: link.path(),
            title: link.title(),
            is_here: here == Some(link),
            waiting: match link {
                Here::Alerts => open as u64,
                Here::Deliveries => dead,
                Here::Sources => failing as u64,
                Here::Overview | Here::Pools => 0,
            },
            what: match link {
                Here::Alerts => "open",
                Here::Deliveries => "given up",
                Here::Sources => "failing",
                Here::Overview | Here::Pools => "",
            },
        })
        .collect()
}

/// A template as an answer.
pub fn html(template: &impl Template) -> Result<Response, Problem> {
    let html = template.render().map_err(|error| {
        tracing::error!(%error, "The page could not be made.");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "The page could not be made.")
    })?;
    Ok(Html(html).into_response())
}
