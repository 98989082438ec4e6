//! `/api/v1/windows`: the maintenance windows of the configuration.

use axum::extract::State;
use axum::response::Response;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::maintenance::Window;
use crate::people::listed::MatcherItem;
use crate::web::answers::paging::Paging;
use crate::web::answers::reply::List;
use crate::web::answers::reply::Reply;
use crate::web::answers::sheet::Row;
use crate::web::params::Params;
use crate::web::problem::Problem;
use crate::web::state::AppState;

/// A time that comes again and again, in which nothing is told of what it matches.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Window)]
pub struct WindowItem {
    pub name: String,
    /// Whether it is in force.
    pub in_force: bool,
    /// When it ends, while in force.
    pub until: Option<Timestamp>,
    /// When it begins next; null where never.
    pub begins_at: Option<Timestamp>,
    pub lasts_seconds: u64,
    pub matcher: MatcherItem,
    pub comment: String,
}

impl Row for WindowItem {
    const FILE: &'static str = "windows";
    const COLUMNS: &'static [&'static str] = &[
        "name",
        "in_force",
        "until",
        "begins_at",
        "lasts_seconds",
        "matcher.instances",
        "matcher.groups",
        "matcher.products",
        "matcher.options",
        "matcher.pools",
        "comment",
    ];
}

/// The maintenance windows of the configuration, in its order.
#[utoipa::path(get, path = "/api/v1/windows", tag = "people", params(Paging), responses(
    (status = 200, body = List<WindowItem>),
))]
pub async fn windows(State(app): State<AppState>, params: Params, reply: Reply) -> Result<Response, Problem> {
    params.only_list(&[])?;
    let limit = params.limit()?;
    let start = usize::try_from(params.cursor()?.unwrap_or_default()).unwrap_or_default();
    let seen = app.view.seen();
    let now = Timestamp::now();
    let rest = seen.windows.get(start..).unwrap_or_default();
    let items = rest.iter().take(limit).map(|window| item(window, now)).collect();
    let cursor = (rest.len() > limit).then(|| start.saturating_add(limit).to_string());
    reply.list(items, cursor)
}

fn item(window: &Window, now: Timestamp) -> WindowItem {
    let until = window.in_force(now);
    WindowItem {
        name: window.name.to_string(),
        in_force: until.is_some(),
        until,
        begins_at: window.begins.next_after(now),
        lasts_seconds: window.lasts.as_secs(),
        matcher: MatcherItem::of(&window.matcher),
        comment: window.comment.to_string(),
    }
}
