//! The parameters that all lists have.

use utoipa::IntoParams;

/// Which part of a list, and how it is written.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what `Params` and `Reply` read")]
pub struct Paging {
    /// The `cursor` of the page before.
    cursor: Option<String>,
    /// The most items of one page; the most there can be, unless said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u16>,
    /// `json` or `csv`; unless said, what `Accept` asks for.
    format: Option<String>,
}
