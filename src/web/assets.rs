//! The style sheet, the script and the icon, served from the binary; an address names its content, so that it may be kept.

use axum::extract::Path;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use xxhash_rust::const_xxh3::xxh3_64;

/// The files with their types and the hash of their content.
const ASSETS: [(&str, &str, &[u8], u64); 3] = [
    asset(
        "style.css",
        "text/css; charset=utf-8",
        include_bytes!("../../templates/assets/style.css"),
    ),
    asset(
        "script.js",
        "text/javascript; charset=utf-8",
        include_bytes!("../../templates/assets/script.js"),
    ),
    asset(
        "icon.svg",
        "image/svg+xml",
        include_bytes!("../../templates/assets/icon.svg"),
    ),
];

const fn asset(
    name: &'static str,
    kind: &'static str,
    content: &'static [u8],
) -> (&'static str, &'static str, &'static [u8], u64) {
    (name, kind, content, xxh3_64(content))
}

/// The address of a file, with what tells it from one of another version.
#[must_use]
pub fn address(name: &str) -> String {
    let hash = ASSETS
        .iter()
        .find(|asset| asset.0 == name)
        .map_or(0, |asset| asset.3);
    format!("/assets/{name}?{hash:016x}")
}

/// `GET /assets/{name}`
pub async fn asset_file(Path(name): Path<String>) -> Response {
    let found = ASSETS.iter().find(|asset| asset.0 == name);
    let Some((_, kind, content, _)) = found else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (
            header::CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=31536000, immutable"),
        ),
    ];
    (headers, *content).into_response()
}
