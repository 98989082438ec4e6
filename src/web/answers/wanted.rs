//! What requests hand in, as the description of the API shows it; `body::Fields` and the desk of hints read it.
#![expect(dead_code, reason = "describes what other code reads")]

use serde::Deserialize;
use utoipa::ToSchema;

/// An alert that somebody takes on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "alert_id": "default/42/-", "by": "Ann", "note": "PO 881", "quantity": 20, "eta": "10d",
}))]
pub struct NewAck {
    /// `instance/product/combination`, `-` for the product itself; `pool:NAME`; or the name of a single product.
    alert_id: String,
    /// Who: at most 100 characters, not all of them blank.
    by: String,
    /// At most 500 characters.
    note: Option<String>,
    /// How many were ordered.
    #[schema(minimum = 1)]
    quantity: Option<i64>,
    /// When they are to be there: a time (RFC 3339), a date (its end, in `TIMEZONE`) or a span from now (`10d`).
    eta: Option<String>,
}

/// What is to be silenced, and for how long.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "matcher": {"products": [42, "VPS *"]}, "ends_at": "2h", "by": "Ann", "comment": "new rack",
}))]
pub struct NewSilence {
    matcher: NewMatcher,
    /// Now, unless said; as `ends_at`, but that a date means its beginning.
    starts_at: Option<String>,
    /// A time (RFC 3339), a date (its end, in `TIMEZONE`) or a span from now (`2h`); at most a year off.
    ends_at: String,
    /// Who: at most 100 characters, not all of them blank.
    by: String,
    /// Why: at most 500 characters, not all of them blank.
    comment: String,
}

/// All that is named must fit, and of each list one. Texts are names with `*` and `?`, without regard to case; numbers
/// are ids. `{}` is everything; a list that is there names at least one. `pools` stand alone.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMatcher {
    #[serde(default)]
    #[schema(min_items = 1, max_items = 100)]
    instances: Vec<NameOrId>,
    #[serde(default)]
    #[schema(min_items = 1, max_items = 100)]
    groups: Vec<NameOrId>,
    #[serde(default)]
    #[schema(min_items = 1, max_items = 100)]
    products: Vec<NameOrId>,
    /// Options with their choices.
    #[serde(default)]
    options: std::collections::BTreeMap<String, NameOrId>,
    #[serde(default)]
    #[schema(min_items = 1, max_items = 100)]
    pools: Vec<NameOrId>,
}

/// A name with wildcards, not blank, or an id.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
pub enum NameOrId {
    Id(i64),
    Name(String),
}

/// Something that changed in a shop.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({
    "type": "stock.hint", "timestamp": "2026-11-21T09:03:11Z",
    "data": {"instance": "eu", "hook": "AcceptOrder", "products": [42, 43]},
}))]
pub struct NewHint {
    /// `stock.hint`
    r#type: String,
    data: NewHintData,
}

/// What changed.
#[derive(Deserialize, ToSchema)]
pub struct NewHintData {
    /// The shop's name in the monitor; that of the key, unless said.
    instance: Option<String>,
    /// For the log.
    hook: Option<String>,
    /// Ids; all where it is missing, empty or has more than 100.
    products: Option<Vec<i64>>,
}
