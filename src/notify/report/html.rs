//! A report as HTML, for mail programs: no larger than they show whole.

use askama::Template;

use crate::notify::report::digest::Digest;

#[derive(Template)]
#[template(path = "report.html")]
struct Html<'a> {
    view: &'a Digest,
}

/// The page.
#[must_use]
pub fn html(digest: &Digest) -> String {
    // Rendering into a string cannot fail.
    Html { view: digest }.render().unwrap_or_default()
}
