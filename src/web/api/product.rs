//! `/api/v1/products/{instance}/{pid}`: all that is known of one product now.

use axum::extract::Path;
use axum::extract::State;
use axum::response::Response;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::forecast::Cover;
use crate::domain::forecast::SellRate;
use crate::observe::items::Entry;
use crate::observe::items::Item;
use crate::observe::lines::lines;
use crate::observe::said::concerns;
use crate::people::listed::SilenceItem;
use crate::web::answers::reply::Reply;
use crate::web::params::Params;
use crate::web::problem::Problem;
use crate::web::problem::unreadable;
use crate::web::state::AppState;
use crate::web::stock;

/// The most silences that are looked through, newest first.
const SILENCES: usize = 1000;

/// A product, its combinations, and what people said of them.
#[derive(Serialize, ToSchema)]
pub struct ProductDetails<'a> {
    pub product: Forecasted<'a>,
    /// All that are offered or were; those without a figure of their own are marked `derived`.
    pub combinations: Vec<Forecasted<'a>>,
    /// In force or to come, of the product or one of its combinations; newest first.
    pub silences: Vec<SilenceItem>,
}

/// A product or combination, and how it sells.
#[derive(Serialize, ToSchema)]
pub struct Forecasted<'a> {
    #[serde(flatten)]
    pub item: Item<'a>,
    /// Null without enough history.
    pub forecast: Option<Forecast>,
}

/// How fast something sells, and how long what is left lasts.
#[derive(Serialize, ToSchema)]
pub struct Forecast {
    #[serde(flatten)]
    pub rate: SellRate,
    /// Null while the level is not known, and where nothing sells.
    pub cover: Option<Cover>,
    /// When the rate was worked out.
    pub at: Option<Timestamp>,
}

/// One product: its items, how they sell, what holds for them, and who takes care of them.
#[utoipa::path(get, path = "/api/v1/products/{instance}/{pid}", tag = "stock", params(
    ("instance" = String, Path, description = "The name of a configured shop."),
    ("pid" = i64, Path, description = "The product's id in WHMCS."),
), responses(
    (status = 200, body = ProductDetails<'static>),
    (status = 404, description = "There is no such shop, or it never had such a product."),
))]
pub async fn product(
    State(app): State<AppState>,
    Path((instance, pid)): Path<(String, String)>,
    params: Params,
    reply: Reply,
) -> Result<Response, Problem> {
    params.only(&[])?;
    let seen = app.view.seen();
    let shop = seen
        .instance(&instance)
        .ok_or_else(|| missing("instance", "There is no instance of that name."))?;
    let product = pid.parse().ok().and_then(|id| shop.memory.product(id));
    let product = product.ok_or_else(|| missing("pid", "No product of that id was ever seen."))?;
    let said = stock::said(&app, &seen).await?;
    let lines = lines(&shop.name, &shop.memory, product);
    let mut items = lines.iter().map(|line| Forecasted {
        forecast: line.derived.is_none().then(|| forecast(&line.entry)).flatten(),
        item: said.item(line, &seen.pools),
    });
    let whole = items.next();
    let whole = whole.ok_or_else(|| missing("pid", "No product of that id was ever seen."))?;
    let now = Timestamp::now();
    let silences = app
        .store
        .reader()
        .silences_before(Some(now), None, SILENCES)
        .await;
    let silences = silences.map_err(unreadable)?;
    let of_it = silences.iter().filter(|silence| {
        let mut entries = lines.iter();
        entries.any(|line| concerns(&silence.matcher, &line.entry))
    });
    reply.one(&ProductDetails {
        product: whole,
        combinations: items.collect(),
        silences: of_it.map(|silence| SilenceItem::of(silence, now)).collect(),
    })
}

fn forecast(entry: &Entry<'_>) -> Option<Forecast> {
    let rate = entry.forecasts.rate(entry.series().number)?;
    Some(Forecast {
        rate: *rate,
        cover: entry.cover(),
        at: entry.forecasts.at,
    })
}

fn missing(parameter: &'static str, detail: &'static str) -> Problem {
    Problem {
        parameter: Some(parameter.into()),
        ..Problem::not_found(detail)
    }
}
