//! `/api/v1/stock` and `/api/v1/pools`: lists read from the present moment, page by page.

use axum::extract::State;
use axum::response::Response;
use jiff::Timestamp;

use crate::domain::alerting::state::Memory;
use crate::domain::catalogue::CombinationKey;
use crate::domain::pattern::Pattern;
use crate::domain::stand::Severity;
use crate::observe::items::Entry;
use crate::observe::items::Item;
use crate::observe::items::entries;
use crate::observe::items::of_product;
use crate::observe::lines::Line;
use crate::observe::lines::lines;
use crate::observe::pools::PoolItem;
use crate::observe::said::Said;
use crate::observe::view::Instance;
use crate::observe::view::Seen;
use crate::web::answers::order::Order;
use crate::web::answers::order::Placed;
use crate::web::answers::order::Rank;
use crate::web::answers::paging::Paging;
use crate::web::answers::reply::List;
use crate::web::answers::reply::Reply;
use crate::web::answers::sheet::Row;
use crate::web::params::Params;
use crate::web::problem::Problem;
use crate::web::problem::unreadable;
use crate::web::search::Search;
use crate::web::state::AppState;

/// Products whose combinations are worked out before other requests get their turn.
const PRODUCTS_AT_ONCE: usize = 64;

/// What is asked of the stock.
struct Wanted<'a> {
    instance: Option<&'a Instance>,
    product: Option<i64>,
    severity: Option<Severity>,
    group: Option<Pattern>,
    state: Option<&'static str>,
    search: Search,
    limit: usize,
}

impl Row for Item<'_> {
    const FILE: &'static str = "stock";
    const COLUMNS: &'static [&'static str] = &[
        "instance",
        "product_id",
        "product",
        "group",
        "combination.key",
        "combination.label",
        "state",
        "level",
        "severity",
        "since",
        "observed_at",
        "thresholds.low",
        "thresholds.critical",
        "thresholds.origin",
        "thresholds.cover",
        "days_of_cover",
        "bottleneck",
        "pool.name",
        "pool.level",
        "hidden",
        "retired",
        "ambiguous_zero",
        "derived",
        "last_level",
        "last_known_at",
        "ack.by",
        "ack.at",
        "ack.note",
        "ack.quantity",
        "ack.arrived",
        "ack.eta",
        "ack.overdue",
        "silenced.kind",
        "silenced.id",
        "silenced.until",
    ];
}

impl Row for PoolItem<'_> {
    const FILE: &'static str = "pools";
    const COLUMNS: &'static [&'static str] = &[
        "name",
        "capacity",
        "used",
        "level",
        "state",
        "severity",
        "since",
        "thresholds.low",
        "thresholds.critical",
        "thresholds.origin",
        "observed_at",
        "days_of_cover",
        "unknown",
        "last_level",
        "last_known_at",
        "users_total",
        "holds_back_total",
        "ack.by",
        "ack.at",
        "ack.note",
        "ack.quantity",
        "ack.arrived",
        "ack.eta",
        "ack.overdue",
        "silenced.kind",
        "silenced.id",
        "silenced.until",
    ];
}

/// What `state` may be.
const STATES: [&str; 4] = ["known", "not_controlled", "unknown", "gone"];

/// Every product, and each combination that has a figure of its own, as it stands.
#[utoipa::path(get, path = "/api/v1/stock", tag = "stock", params(
    ("instance" = Option<String>, Query, description = "The name of a configured shop."),
    ("product" = Option<i64>, Query, description = "The id of a product."),
    ("group" = Option<String>, Query, description = "The name of a group, with `*` and `?`, without regard to case."),
    ("severity" = Option<Severity>, Query, description = "How bad it stands; of what is unknown, how it stood last."),
    ("state" = Option<String>, Query, description = "What is known of the level."),
    ("q" = Option<String>, Query, description = "Words, each looked for in any case in the names of product, group and combination; an id (`42`, `#42`) matches as a whole."),
    ("combinations" = Option<String>, Query, description = "`all`: also those without a figure of their own, which are what their product is."),
    ("sort" = Option<String>, Query, description = "`id` unless said. `urgency`: worst first; `level`: lowest first; `cover`: shortest first; `since`: newest first. What has none comes last."),
    Paging,
), responses((status = 200, body = List<Item<'static>>)))]
pub async fn stock(
    State(app): State<AppState>,
    params: Params,
    mut reply: Reply,
) -> Result<Response, Problem> {
    params.only_list(&[
        "instance",
        "product",
        "group",
        "severity",
        "state",
        "q",
        "combinations",
        "sort",
    ])?;
    let (moment, seen) = (app.view.moment(), app.view.seen());
    let wanted = wanted(&params, &seen)?;
    let order = params.chosen("sort", "id, urgency, name, level, cover or since", Order::parse)?;
    let all = params.chosen("combinations", "all or series", |value| match value {
        "all" => Some(true),
        "series" => Some(false),
        _ => None,
    })?;
    let cursor = params.get("cursor");
    let said = said(&app, &seen).await?;
    if let Some(same) = reply.same(moment, &said) {
        return Ok(same);
    }
    let list = match (order.unwrap_or_default(), all.unwrap_or_default()) {
        (Order::Id, true) => everything(&seen, &said, &wanted, cursor).await?,
        (Order::Id, false) => series(&seen, &said, &wanted, cursor)?,
        (order, true) => sorted_products(&seen, &said, &wanted, order, cursor).await?,
        (order, false) => sorted(&seen, &said, &wanted, order, cursor)?,
    };
    reply.list(list.items, list.cursor)
}

fn wanted<'a>(params: &Params, seen: &'a Seen) -> Result<Wanted<'a>, Problem> {
    Ok(Wanted {
        instance: params.instance(seen)?,
        product: params.number("product", "the id of a product")?,
        severity: severity(params)?,
        group: params.get("group").map(Pattern::text),
        state: params.chosen("state", "known, not_controlled, unknown or gone", |state| {
            STATES.into_iter().find(|known| *known == state)
        })?,
        search: Search::of(params.get("q").unwrap_or_default()),
        limit: params.limit()?,
    })
}

/// Every pool, in the order of the configuration: what is left of it, and whom it holds back.
#[utoipa::path(get, path = "/api/v1/pools", tag = "stock", params(Paging), responses(
    (status = 200, body = List<PoolItem<'static>>),
))]
pub async fn pools(
    State(app): State<AppState>,
    params: Params,
    mut reply: Reply,
) -> Result<Response, Problem> {
    params.only_list(&[])?;
    let limit = params.limit()?;
    let start = usize::try_from(params.cursor()?.unwrap_or_default()).unwrap_or_default();
    let (moment, seen) = (app.view.moment(), app.view.seen());
    let said = said(&app, &seen).await?;
    if let Some(same) = reply.same(moment, &said) {
        return Ok(same);
    }
    let rest = seen.pools.pools.get(start..).unwrap_or_default();
    let items: Vec<PoolItem<'_>> = rest.iter().take(limit).map(|pool| said.pool(pool)).collect();
    let cursor = (rest.len() > limit).then(|| start.saturating_add(limit).to_string());
    reply.list(items, cursor)
}

/// Each product and combination with a figure of its own, by id.
fn series<'a>(
    seen: &'a Seen,
    said: &Said,
    wanted: &Wanted<'a>,
    cursor: Option<&str>,
) -> Result<List<Item<'a>>, Problem> {
    let mut found = from_cursor(seen, wanted.instance, cursor)?.filter(|entry| wanted.is_entry(entry));
    let shown: Vec<Entry<'_>> = found.by_ref().take(wanted.limit).collect();
    let more = found.next().is_some();
    let cursor = shown.last().filter(|_| more).map(Entry::alert_id);
    let items = shown.iter();
    let items = items.map(|entry| said.beside(entry, entry.item(&seen.pools)));
    Ok(List {
        items: items.collect(),
        cursor,
    })
}

/// The same in another order.
fn sorted<'a>(
    seen: &'a Seen,
    said: &Said,
    wanted: &Wanted<'a>,
    order: Order,
    cursor: Option<&str>,
) -> Result<List<Item<'a>>, Problem> {
    let after = cursor.map(|cursor| order.after(cursor)).transpose()?;
    let entries = shops(seen, wanted.instance).flat_map(|shop| entries(&shop.name, &shop.memory));
    let entries = entries.filter(|entry| wanted.is_entry(entry));
    let ranked = entries.map(|entry| (order.rank(&entry, seen), entry));
    let mut ranked: Vec<(Rank, Entry<'_>)> = ranked
        .filter(|(rank, _)| after.as_ref().is_none_or(|after| after.rank < *rank))
        .collect();
    ranked.sort_by(|(a, _), (b, _)| a.cmp(b));
    let more = ranked.len() > wanted.limit;
    ranked.truncate(wanted.limit);
    let last = ranked.last().filter(|_| more);
    let cursor = last.map(|(rank, _)| order.cursor(&Placed::of(rank.clone(), None)));
    let items = ranked.iter();
    let items = items.map(|(_, entry)| said.beside(entry, entry.item(&seen.pools)));
    Ok(List {
        items: items.collect(),
        cursor,
    })
}

/// Every combination that is offered too, each with its product, and the products in another order.
async fn sorted_products<'a>(
    seen: &'a Seen,
    said: &Said,
    wanted: &Wanted<'a>,
    order: Order,
    cursor: Option<&str>,
) -> Result<List<Item<'a>>, Problem> {
    let after = cursor.map(|cursor| order.after(cursor)).transpose()?;
    let products = shops(seen, wanted.instance).flat_map(|shop| {
        let of_product = move |product| (shop, product);
        shop.memory.products.iter().map(of_product)
    });
    let mut ranked: Vec<_> = products
        .filter(|(_, product)| wanted.product.is_none_or(|id| id == product.id))
        .filter_map(|(shop, product)| {
            let whole = of_product(&shop.name, &shop.memory, product).next()?;
            Some((order.rank(&whole, seen), shop, product))
        })
        .filter(|(rank, _, _)| after.as_ref().is_none_or(|after| after.rank <= *rank))
        .collect();
    ranked.sort_by(|(a, _, _), (b, _, _)| a.cmp(b));
    let mut items: Vec<Item<'a>> = Vec::new();
    let mut last = None;
    for (nth, (rank, shop, product)) in ranked.into_iter().enumerate() {
        if nth % PRODUCTS_AT_ONCE == PRODUCTS_AT_ONCE - 1 {
            tokio::task::yield_now().await;
        }
        let here = after.as_ref().filter(|after| after.rank == rank);
        for line in lines(&shop.name, &shop.memory, product) {
            let told = here.is_some_and(|after| line.key().map(ToString::to_string) <= after.combination);
            if told || !wanted.is_line(&line) {
                continue;
            }
            if items.len() == wanted.limit {
                return Ok(List { items, cursor: last });
            }
            items.push(said.item(&line, &seen.pools));
            if items.len() == wanted.limit {
                let key = line.key().map(ToString::to_string);
                last = Some(order.cursor(&Placed::of(rank.clone(), key)));
            }
        }
    }
    Ok(List { items, cursor: None })
}

/// Every combination that is offered too. There can be hundreds for each product: others get their turn in between.
async fn everything<'a>(
    seen: &'a Seen,
    said: &Said,
    wanted: &Wanted<'a>,
    cursor: Option<&str>,
) -> Result<List<Item<'a>>, Problem> {
    let after = cursor.map(|cursor| position(seen, cursor)).transpose()?;
    let mut items: Vec<Item<'a>> = Vec::new();
    let mut last = None;
    for (place, shop) in seen.instances.iter().enumerate() {
        let here = after.as_ref().filter(|after| after.instance == place);
        let passed = after.as_ref().is_some_and(|after| place < after.instance);
        if passed || wanted.instance.is_some_and(|only| only.name != shop.name) {
            continue;
        }
        let first = here.map_or(0, |after| first_product(&shop.memory, after.product));
        for (nth, product) in shop.memory.products[first..].iter().enumerate() {
            if nth % PRODUCTS_AT_ONCE == PRODUCTS_AT_ONCE - 1 {
                tokio::task::yield_now().await;
            }
            if wanted.product.is_some_and(|id| id != product.id) {
                continue;
            }
            for line in lines(&shop.name, &shop.memory, product) {
                let told = here.is_some_and(|after| !after.is_before(product.id, line.key()));
                if told || !wanted.is_line(&line) {
                    continue;
                }
                if items.len() == wanted.limit {
                    return Ok(List { items, cursor: last });
                }
                items.push(said.item(&line, &seen.pools));
                if items.len() == wanted.limit {
                    last = Some(line.id());
                }
            }
        }
    }
    Ok(List { items, cursor: None })
}

impl Wanted<'_> {
    fn has_severity(&self, entry: &Entry<'_>) -> bool {
        self.severity
            .is_none_or(|severity| entry.severity() == Some(severity))
    }

    /// All but the text that is looked for.
    fn is_of(&self, entry: &Entry<'_>) -> bool {
        let group = entry.product.group.as_ref();
        self.product.is_none_or(|id| entry.product.id == id)
            && self.has_severity(entry)
            && self.state.is_none_or(|state| entry.state() == state)
            && self
                .group
                .as_ref()
                .is_none_or(|wanted| wanted.matches(None, group))
    }

    fn is_entry(&self, entry: &Entry<'_>) -> bool {
        let line = Line {
            entry: *entry,
            derived: None,
        };
        self.is_line(&line)
    }

    fn is_line(&self, line: &Line<'_>) -> bool {
        self.is_of(&line.entry) && self.search.takes(line)
    }
}

/// What people said that holds now.
pub async fn said(app: &AppState, seen: &Seen) -> Result<Said, Problem> {
    let shops: Vec<&str> = seen.instances.iter().map(|shop| &*shop.name).collect();
    let said = Said::read(app.store.reader(), &shops, &seen.windows, Timestamp::now()).await;
    said.map_err(unreadable)
}

/// The parameter `severity`, where given.
pub fn severity(params: &Params) -> Result<Option<Severity>, Problem> {
    params.chosen("severity", "ok, low, critical or out", Severity::parse)
}

/// The shops that are meant: that one, or all.
pub fn shops<'a>(seen: &'a Seen, only: Option<&'a Instance>) -> impl Iterator<Item = &'a Instance> {
    seen.instances
        .iter()
        .filter(move |shop| only.is_none_or(|only| only.name == shop.name))
}

/// Every series after the one that the cursor names, in the order of configuration, id and combination.
fn from_cursor<'a>(
    seen: &'a Seen,
    only: Option<&'a Instance>,
    cursor: Option<&str>,
) -> Result<impl Iterator<Item = Entry<'a>>, Problem> {
    let after = cursor.map(|cursor| position(seen, cursor)).transpose()?;
    let start = after.as_ref().map_or(0, |after| after.instance);
    let rest = shops(seen, only).filter(move |shop| {
        let index = seen.instances.iter().position(|other| other.name == shop.name);
        index.is_some_and(|index| index >= start)
    });
    let entries = rest.flat_map(move |shop| {
        let here = after
            .as_ref()
            .filter(|after| seen.instances[after.instance].name == shop.name)
            .cloned();
        let first = here
            .as_ref()
            .map_or(0, |after| first_product(&shop.memory, after.product));
        shop.memory.products[first..]
            .iter()
            .flat_map(|product| of_product(&shop.name, &shop.memory, product))
            .filter(move |entry| {
                let key = entry.combination.map(|combination| &combination.key);
                here.as_ref()
                    .is_none_or(|after| after.is_before(entry.product.id, key))
            })
    });
    Ok(entries)
}

/// The series that a cursor names.
#[derive(Debug, Clone, PartialEq)]
struct Position {
    instance: usize,
    product: i64,
    combination: Option<CombinationKey>,
}

impl Position {
    fn is_before(&self, product: i64, combination: Option<&CombinationKey>) -> bool {
        (self.product, self.combination.as_ref()) < (product, combination)
    }
}

fn position(seen: &Seen, cursor: &str) -> Result<Position, Problem> {
    let read = || {
        // An instance's name may hold slashes; what follows it may not.
        let mut parts = cursor.rsplitn(3, '/');
        let combination = match parts.next()? {
            "-" => None,
            key => Some(key.parse().ok()?),
        };
        let product = parts.next()?.parse().ok()?;
        let name = parts.next()?;
        let instance = seen.instances.iter().position(|shop| &*shop.name == name)?;
        Some(Position {
            instance,
            product,
            combination,
        })
    };
    read().ok_or_else(|| Problem::parameter("cursor", "\"cursor\" must be the cursor of an earlier answer."))
}

fn first_product(memory: &Memory, id: i64) -> usize {
    memory.products.partition_point(|product| product.id < id)
}
