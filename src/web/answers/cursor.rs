//! Cursors of several fields as one text, and back; one that nobody gave out is refused.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::web::problem::Problem;

/// As the parameter `cursor` takes it.
#[must_use]
pub fn sealed<T: Serialize>(place: &T) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(place).unwrap_or_default())
}

/// What `sealed` made; `None` for anything else.
#[must_use]
pub fn opened<T: DeserializeOwned>(cursor: &str) -> Option<T> {
    let json = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    serde_json::from_slice(&json).ok()
}

/// The answer to a cursor that was made up, or is of another list.
#[must_use]
pub fn refused() -> Problem {
    Problem::parameter(
        "cursor",
        "\"cursor\" must be the cursor of an earlier answer in the same order.",
    )
}
