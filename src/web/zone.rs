//! The time zone of whoever looks, as the page's script tells it; UTC until it does, as all times of a page are by then.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header;
use axum::http::request::Parts;
use jiff::tz::TimeZone;

/// The cookie that names it.
const COOKIE: &str = "zone";
/// The longest name of a zone.
const LONGEST: usize = 64;

/// The zone that pictures are drawn in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReaderZone(pub TimeZone);

impl<S: Send + Sync> FromRequestParts<S> for ReaderZone {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(named(&parts.headers).unwrap_or(TimeZone::UTC)))
    }
}

fn named(headers: &HeaderMap) -> Option<TimeZone> {
    let all = headers.get_all(header::COOKIE).into_iter();
    let texts = all.filter_map(|value| value.to_str().ok());
    let mut pairs = texts
        .flat_map(|text| text.split(';'))
        .filter_map(|pair| pair.split_once('='));
    let (_, zone) = pairs.find(|(name, _)| name.trim() == COOKIE)?;
    let zone = zone.trim();
    TimeZone::get(zone).ok().filter(|_| zone.len() <= LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_zone_is_what_the_cookie_names_where_there_is_such_a_zone() {
        let zone = |cookie: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, cookie.parse().unwrap());
            named(&headers)
        };
        let tokyo = TimeZone::get("Asia/Tokyo").unwrap();
        assert_eq!(zone("zone=Asia/Tokyo"), Some(tokyo.clone()));
        assert_eq!(zone("session=x; zone=Asia/Tokyo; b=c"), Some(tokyo));
        for none in [
            "session=x",
            "zone=",
            "zone=Mars/Olympus",
            "zone=../../etc/passwd",
            "xzone=UTC",
        ] {
            assert_eq!(zone(none), None, "{none}");
        }
    }
}
