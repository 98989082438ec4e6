//! The page of a product: how it stands and why, its past, its combinations, what happened, and what can be done about it.

use std::sync::Arc;

use askama::Template;
use axum::extract::Path;
use axum::extract::State;
use axum::response::Response;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::domain::alerting::rules::Rules;
use crate::domain::alerting::state::Memory;
use crate::domain::alerting::state::Tracked;
use crate::domain::catalogue::CombinationKey;
use crate::domain::limit::Part;
use crate::domain::nameless::called;
use crate::domain::offer;
use crate::domain::people::Silence;
use crate::maintenance;
use crate::notify::people;
use crate::observe::items::Entry;
use crate::observe::items::of_product;
use crate::observe::lines::Line;
use crate::observe::lines::lines;
use crate::observe::said::Said;
use crate::observe::said::concerns;
use crate::observe::view::Seen;
use crate::store::error::StoreError;
use crate::store::past_levels::Happening;
use crate::store::value::InstanceId;
use crate::web::addresses;
use crate::web::asker::Asker;
use crate::web::fields::AckForm;
use crate::web::fields::SilenceForm;
use crate::web::frame;
use crate::web::frame::Frame;
use crate::web::frame::NOTICE;
use crate::web::made::Looked;
use crate::web::params::Params;
use crate::web::problem::Problem;
use crate::web::problem::unreadable;
use crate::web::product_choices;
use crate::web::product_choices::Choices;
use crate::web::product_choices::Shape;
use crate::web::product_events;
use crate::web::product_head;
use crate::web::product_head::Head;
use crate::web::product_past;
use crate::web::product_past::Past;
use crate::web::product_past::Range;
use crate::web::show::Ago;
use crate::web::show::Words;
use crate::web::state::AppState;
use crate::web::stock::said;
use crate::web::together;
use crate::web::zone::ReaderZone;

/// Events on one page.
const EVENTS: usize = 25;
/// The most silences of the past that are looked through for a picture.
const SILENCES: usize = 500;
/// The most open alerts of combinations that are named.
const OPEN: usize = 12;

#[derive(Template)]
#[template(path = "product.html")]
struct Page<'a> {
    frame: Frame,
    head: Head<'a>,
    /// The page of the product itself.
    own: String,
    /// The chosen combination, as people call it.
    combination: Option<String>,
    /// It has no figure of its own.
    derived: bool,
    past: Option<Past>,
    /// Why there is no picture; "" where there is one.
    pastless: &'static str,
    /// What happened is not known: the database does not tell it.
    unreadable: bool,
    ranges: Vec<Link>,
    csv: String,
    choices: Option<Choices>,
    events: Vec<product_events::Row>,
    older: Option<String>,
    newest: Option<String>,
    open: Vec<Open>,
    more_open: usize,
    silences: Vec<InForce>,
    ack: Option<AckForm>,
    silence: Option<SilenceForm>,
    /// The number of the ack in force.
    acked: Option<i64>,
    back: String,
}

struct Link {
    title: &'static str,
    address: String,
    is_here: bool,
}

/// An alert of the product that is open.
struct Open {
    label: Option<String>,
    tone: &'static str,
    severity: &'static str,
    level: Option<i64>,
    started: Option<Ago>,
    ack: Option<Words>,
    address: String,
}

/// A silence in force; of a maintenance window there is no number.
struct InForce {
    id: Option<i64>,
    words: Words,
}

/// The product that is asked for.
struct Subject {
    instance: String,
    /// Its number in the database; `None` where it was never polled.
    id: Option<InstanceId>,
    /// The shop is in the configuration.
    configured: bool,
    /// Its number could not be read.
    unreadable: bool,
    memory: Arc<Memory>,
    place: usize,
}

impl Subject {
    fn product(&self) -> &Tracked {
        &self.memory.products[self.place]
    }
}

/// `GET /products/{instance}/{pid}?range=&combination=&cq=&cp=&before=`
pub async fn product(
    State(app): State<AppState>,
    Path((instance, pid)): Path<(String, String)>,
    asker: Asker,
    ReaderZone(reader): ReaderZone,
    params: Params,
) -> Result<Response, Problem> {
    params.only(&["range", "combination", "cq", "cp", "before", NOTICE])?;
    let asked = Asked::of(&params)?;
    let now = Timestamp::now();
    let seen = app.view.seen();
    let subject = subject(&app, &seen, instance, &pid).await?;
    let product = subject.product();
    let lines = lines(&subject.instance, &subject.memory, product);
    let chosen = chosen(product, &lines, asked.combination.as_ref())?;
    // Levels matter more: a database that cannot be read takes nothing else off the page.
    let said = said(&app, &seen).await.unwrap_or_default();
    let frame = Frame::new(
        &app,
        &seen,
        asker,
        None,
        called(product.name.shown(), product.id).into_owned(),
        &params,
    )
    .await;
    let context = Context {
        seen: &seen,
        subject: &subject,
        chosen: &chosen,
        asked: &asked,
        now,
        zone: seen.zone(),
        reader,
    };
    let stored = context.stored(&app).await;
    frame::html(&context.page(frame, &lines, &said, stored))
}

/// What the address asks for.
struct Asked {
    range: Range,
    /// `&range=7d`; "" where the address does not say it.
    range_text: String,
    combination: Option<CombinationKey>,
    query: String,
    page: usize,
    before: Option<i64>,
}

impl Asked {
    fn of(params: &Params) -> Result<Self, Problem> {
        let range = params.chosen("range", "1h, 24h, 7d, 28d, 90d or 1y", Range::parse)?;
        let page = params.chosen("cp", "a whole number from 1", |page| {
            page.parse().ok().filter(|page| *page >= 1)
        })?;
        Ok(Self {
            range: range.unwrap_or(Range::Month),
            range_text: range.map_or_else(String::new, |range| format!("&range={}", range.key())),
            combination: params.parsed("combination", "a key such as 4=11;5=20")?,
            query: params.get("cq").unwrap_or_default().trim().to_owned(),
            page: page.unwrap_or(1),
            before: params.parsed("before", "the number of an event")?,
        })
    }
}

/// The shop as it is watched, or as the database remembers it.
async fn subject(app: &AppState, seen: &Seen, instance: String, pid: &str) -> Result<Subject, Problem> {
    let pid: i64 = pid
        .parse()
        .map_err(|_| Problem::not_found("A product is named by its number, as WHMCS gives it."))?;
    let reader = app.store.reader();
    let mut is_unread = false;
    let (id, configured, memory) = match seen.instance(&instance) {
        // What the database does not say is left off the page.
        Some(shop) => {
            let id = reader.instance(&instance).await.inspect_err(|error| {
                tracing::error!(%error, "The past of a product could not be read for its page.");
            });
            is_unread = id.is_err();
            (id.unwrap_or_default(), true, Arc::clone(&shop.memory))
        }
        None => {
            let id = reader.instance(&instance).await.map_err(unreadable)?;
            let Some(id) = id else {
                return Err(Problem::not_found(
                    "No shop of that name is watched, or ever was.",
                ));
            };
            let none = Rules::new(0, 0, Vec::new(), Vec::new());
            let memory = reader.memory(id, &none.global()).await.map_err(unreadable)?;
            (Some(id), false, Arc::new(memory))
        }
    };
    let place = memory.products.binary_search_by_key(&pid, |product| product.id);
    let place = place.map_err(|_| {
        Problem::not_found(if memory.source.last_accepted_at.is_some() || !configured {
            "No product of that number was ever seen in this shop."
        } else {
            "This shop was not read yet: what it sells is not known."
        })
    })?;
    Ok(Subject {
        unreadable: is_unread,
        instance,
        id,
        configured,
        memory,
        place,
    })
}

/// The series that the page is about.
struct Chosen<'a> {
    entry: Entry<'a>,
    /// The combination, where one is asked for: its key and its label.
    combination: Option<(CombinationKey, String)>,
    derived: bool,
}

fn chosen<'a>(
    product: &'a Tracked,
    lines: &[Line<'a>],
    key: Option<&CombinationKey>,
) -> Result<Chosen<'a>, Problem> {
    let line = |key: Option<&CombinationKey>| lines.iter().find(|line| line.key() == key);
    let none = || Problem::not_found("This product never had such a combination, and has no such options.");
    if let Some(line) = line(key) {
        return Ok(Chosen {
            entry: line.entry,
            combination: key.cloned().zip(line.label().map(str::to_owned)),
            derived: line.derived.is_some(),
        });
    }
    // Not offered any more, and never with a figure of its own.
    let (key, whole) = key.zip(line(None)).ok_or_else(none)?;
    let effective = &product.effective;
    let label = product
        .seen
        .as_ref()
        .and_then(|seen| offer::label_of(seen, &effective.combine, effective.max_combinations, key));
    Ok(Chosen {
        entry: whole.entry,
        combination: Some((key.clone(), label.ok_or_else(none)?)),
        derived: true,
    })
}

/// What a page is made from.
struct Context<'a> {
    seen: &'a Seen,
    subject: &'a Subject,
    chosen: &'a Chosen<'a>,
    asked: &'a Asked,
    now: Timestamp,
    /// Of what is typed into the forms.
    zone: TimeZone,
    /// Of what the pictures show.
    reader: TimeZone,
}

/// What the database told for it.
#[derive(Default)]
struct Stored {
    past: Option<Past>,
    events: Vec<product_events::Row>,
    more: bool,
    silences: Vec<Silence>,
    unreadable: bool,
}

impl<'a> Context<'a> {
    /// The key of the series whose levels are shown: none where the combination has none of its own.
    fn key(&self) -> Option<&CombinationKey> {
        let combination = self.chosen.combination.as_ref();
        combination.map(|(key, _)| key).filter(|_| !self.chosen.derived)
    }

    async fn stored(&self, app: &AppState) -> Stored {
        let Some(id) = self.subject.id else {
            return Stored {
                unreadable: self.subject.unreadable,
                ..Stored::default()
            };
        };
        self.read(app, id).await.unwrap_or_else(|error| {
            tracing::error!(%error, "The past of a product could not be read for its page.");
            Stored {
                unreadable: true,
                ..Stored::default()
            }
        })
    }

    async fn read(&self, app: &AppState, id: InstanceId) -> Result<Stored, StoreError> {
        let reader = app.store.reader();
        let product = self.subject.product();
        let silences = reader.silences_before(None, None, SILENCES).await?;
        let silences = silences
            .into_iter()
            .filter(|silence| concerns(&silence.matcher, &self.chosen.entry))
            .collect::<Vec<Silence>>();
        let past = product_past::Wanted {
            instance: id,
            product,
            combination: self.key(),
            thresholds: self.subject.configured.then(|| self.chosen.entry.thresholds()),
            range: self.asked.range,
            silences: &silences,
            zone: &self.reader,
            now: self.now,
        };
        let past = product_past::read(reader, &past).await?;
        let happening = Happening {
            instance: id,
            product: product.id,
            series: self.key().map(Some),
            since: None,
            before: self.asked.before,
            limit: together::READ + 1,
        };
        let mut events = reader.happenings(&happening).await?;
        let shown = together::first(&events, EVENTS);
        let more = events.len() > shown;
        events.truncate(shown);
        Ok(Stored {
            past,
            events: product_events::rows(&events, product, self.now),
            more,
            silences,
            unreadable: false,
        })
    }

    fn page(&self, frame: Frame, lines: &[Line<'_>], said: &Said, stored: Stored) -> Page<'a> {
        let (subject, chosen) = (self.subject, self.chosen);
        let product = subject.product();
        let key = chosen.combination.as_ref().map(|(key, _)| key.to_string());
        let back = self.address(key.as_deref(), "");
        let may_act =
            frame.asker.may_act() && subject.configured && !chosen.derived && !chosen.entry.is_gone();
        let (ack, silence) = if may_act {
            self.forms(&frame.asker, &back)
        } else {
            (None, None)
        };
        let open: Vec<Open> = self.open(said);
        let more_open = open.len().saturating_sub(OPEN);
        let acked = said.ack(&chosen.entry).filter(|_| !chosen.derived);
        // Only what is open gets the form.
        let looked = Looked {
            open: true,
            held: acked.as_ref().map(|ack| ack.id),
        };
        // Of a damaged file a reader may be told that there is nothing.
        let damaged = stored.past.is_none() && !frame.is_recording();
        let unreadable = stored.unreadable || damaged;
        let pastless = match (&stored.past, unreadable) {
            (Some(_), _) => "",
            (None, true) => "The history cannot be read now; the monitor's log says why.",
            (None, false) => "No level of it was ever recorded.",
        };
        let wanted = product_choices::Wanted {
            query: &self.asked.query,
            page: self.asked.page,
            chosen: chosen.combination.as_ref().map(|(key, _)| key),
            range: &self.asked.range_text,
        };
        Page {
            head: product_head::head(self.seen, chosen.entry, subject.configured, said, self.now),
            own: addresses::product(&subject.instance, product.id, None),
            combination: chosen.combination.as_ref().map(|(_, label)| label.clone()),
            derived: chosen.derived,
            ranges: self.ranges(key.as_deref()),
            csv: self.csv(stored.past.as_ref()),
            past: stored.past,
            pastless,
            unreadable,
            choices: product_choices::choices(lines, &wanted),
            older: self.older(key.as_deref(), &stored.events, stored.more),
            newest: self
                .asked
                .before
                .map(|_| self.address(key.as_deref(), "") + "#events"),
            events: stored.events,
            open: open.into_iter().take(OPEN).collect(),
            more_open,
            silences: self.in_force(&stored.silences),
            acked: acked.map(|ack| ack.id).filter(|_| may_act),
            ack: ack.map(|form| form.over(looked)).filter(|_| {
                chosen
                    .entry
                    .severity()
                    .is_some_and(|severity| severity > Default::default())
            }),
            silence,
            back,
            frame,
        }
    }

    /// This page's address, with that parameter and the range.
    fn address(&self, combination: Option<&str>, parameter: &str) -> String {
        let own = addresses::product(&self.subject.instance, self.subject.product().id, combination);
        let parameters = format!("{parameter}{}", self.asked.range_text);
        match parameters.strip_prefix('&') {
            Some(first) if combination.is_none() => format!("{own}?{first}"),
            Some(_) | None => format!("{own}{parameters}"),
        }
    }

    fn ranges(&self, combination: Option<&str>) -> Vec<Link> {
        let own = addresses::product(&self.subject.instance, self.subject.product().id, combination);
        let joint = if combination.is_some() { '&' } else { '?' };
        let link = |range: Range| Link {
            title: range.title(),
            address: format!("{own}{joint}range={}#history", range.key()),
            is_here: range == self.asked.range,
        };
        Range::ALL.into_iter().map(link).collect()
    }

    fn csv(&self, past: Option<&Past>) -> String {
        let own = addresses::product(&self.subject.instance, self.subject.product().id, None);
        let key = self.key().map(ToString::to_string);
        let key = key.map_or_else(String::new, |key| {
            format!("&combination={}", addresses::encoded(&key))
        });
        let from = past.map_or_else(String::new, |past| format!("&from={}", past.from));
        format!("/api/v1{own}/history?format=csv{key}{from}")
    }

    fn older(&self, combination: Option<&str>, events: &[product_events::Row], more: bool) -> Option<String> {
        let last = events.last().filter(|_| more)?;
        Some(self.address(combination, &format!("&before={}", last.id)) + "#events")
    }

    /// The product's alerts that are open, worst first.
    fn open(&self, said: &Said) -> Vec<Open> {
        let subject = self.subject;
        if !subject.configured {
            return Vec::new();
        }
        let all = of_product(&subject.instance, &subject.memory, subject.product());
        let mut open: Vec<Entry<'_>> = all.filter(|entry| entry.is_alert(&self.seen.pools)).collect();
        open.sort_by_key(|entry| std::cmp::Reverse(entry.severity()));
        open.iter().map(|entry| self.alert(entry, said)).collect()
    }

    fn alert(&self, entry: &Entry<'_>, said: &Said) -> Open {
        let severity = entry.severity().unwrap_or_default();
        let key = entry.combination.map(|combination| combination.key.to_string());
        Open {
            label: entry.combination.map(|combination| combination.label.to_string()),
            tone: severity.as_str(),
            severity: severity.as_str(),
            level: entry.level(),
            started: entry.series().started_at.map(|at| Ago { at, now: self.now }),
            ack: said.ack(entry).map(|ack| Words(people::taken(&ack))),
            address: self.address(key.as_deref(), "") + "#act",
        }
    }

    fn in_force(&self, silences: &[Silence]) -> Vec<InForce> {
        let in_force = silences.iter().filter(|silence| silence.is_in_force(self.now));
        let windows = maintenance::mutes(&self.seen.windows, self.now);
        let windows = windows
            .iter()
            .filter(|mute| self.subject.configured && concerns(&mute.matcher, &self.chosen.entry));
        let own = in_force.map(|silence| (Some(silence.id), silence.mute()));
        own.chain(windows.map(|mute| (None, mute.clone())))
            .map(|(id, mute)| InForce {
                id,
                words: Words(people::muted(&mute.silenced())),
            })
            .collect()
    }

    fn forms(&self, asker: &Asker, back: &str) -> (Option<AckForm>, Option<SilenceForm>) {
        let product = self.subject.product();
        let name = called(product.name.shown(), product.id);
        let title = match &self.chosen.combination {
            Some((_, label)) => format!("{name} [{label}]"),
            None => name.into_owned(),
        };
        let id = self.chosen.entry.alert_id();
        let ack = AckForm::new(id.clone(), title.clone(), asker, &self.zone, back.to_owned());
        let silence = SilenceForm::new(id, title, asker, &self.zone, back.to_owned());
        (Some(ack), Some(silence))
    }
}
