//! Which format of the metrics a scraper wants, by its `Accept` header.

use axum::http::HeaderMap;
use axum::http::header;

/// A format of `/metrics`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Prometheus' own, 0.0.4: for whoever asks for nothing, and for nothing that we have.
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

/// A media range of the header that takes one of the formats.
#[derive(Debug, Clone, Copy)]
struct Range {
    format: Format,
    /// In thousandths; 0 refuses it.
    quality: u16,
    /// How exactly it names the format: 2 the type, 1 any of its kind, 0 anything.
    exactness: u8,
}

/// The format to answer in. What is named exactly with the higher quality wins, the first of two equals; what is only
/// allowed (`*/*`) is answered in the text format.
#[must_use]
pub fn wanted(headers: &HeaderMap) -> Format {
    let ranges: Vec<Range> = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(range)
        .collect();
    let open = best(&ranges, Format::OpenMetrics).map_or(0, |range| range.quality);
    let text = best(&ranges, Format::Text);
    if open == 0 {
        return Format::Text;
    }
    match text {
        Some(text) if text.quality > open => Format::Text,
        Some(text) if text.quality == open && text.exactness == 2 => first_exact(&ranges, open),
        Some(_) | None => Format::OpenMetrics,
    }
}

/// Of a format's ranges the most exact one, of these the one of the highest quality.
fn best(ranges: &[Range], format: Format) -> Option<Range> {
    let own = ranges.iter().filter(|range| range.format == format);
    own.max_by_key(|range| (range.exactness, range.quality)).copied()
}

fn first_exact(ranges: &[Range], quality: u16) -> Format {
    let mut exact = ranges
        .iter()
        .filter(|range| range.exactness == 2 && range.quality == quality);
    exact.next().map_or(Format::Text, |range| range.format)
}

fn range(text: &str) -> Option<Range> {
    let mut parts = text.split(';').map(str::trim);
    let media = parts.next()?.to_ascii_lowercase();
    let (format, exactness) = match media.as_str() {
        "application/openmetrics-text" => (Format::OpenMetrics, 2),
        "text/plain" => (Format::Text, 2),
        "text/*" => (Format::Text, 1),
        "*/*" => (Format::Text, 0),
        _ => return None,
    };
    let mut quality = 1000;
    for part in parts {
        let (name, value) = part.split_once('=')?;
        let value = value.trim().trim_matches('"');
        match name.trim().to_ascii_lowercase().as_str() {
            "q" => quality = thousandths(value)?,
            "version" if value != version(format) => return None,
            _ => {}
        }
    }
    Some(Range {
        format,
        quality,
        exactness,
    })
}

fn version(format: Format) -> &'static str {
    match format {
        Format::Text => "0.0.4",
        Format::OpenMetrics => "1.0.0",
    }
}

/// `0.75` as 750; `None` where it is no quality.
fn thousandths(text: &str) -> Option<u16> {
    let quality: f64 = text.parse().ok()?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it lies between 0 and 1000"
    )]
    let thousandths = (0.0..=1.0)
        .contains(&quality)
        .then_some((quality * 1000.0).round() as u16);
    thousandths
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn openmetrics_is_for_those_who_ask_for_it_by_name() {
        use Format::OpenMetrics;
        use Format::Text;
        let prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                          text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        for (accept, expected) in [
            ("", Text),
            ("*/*", Text),
            ("text/html, */*;q=0.8", Text),
            ("application/json", Text),
            ("nonsense;;q", Text),
            (prometheus, OpenMetrics),
            ("application/openmetrics-text", OpenMetrics),
            ("APPLICATION/OpenMetrics-Text; VERSION=\"1.0.0\"", OpenMetrics),
            ("application/openmetrics-text, */*", OpenMetrics),
            ("application/openmetrics-text;q=0", Text),
            ("application/openmetrics-text;q=2", Text),
            ("application/openmetrics-text;version=0.0.1", Text),
            ("application/openmetrics-text;version=2.0.0", Text),
            ("application/openmetrics-text;q=0.4, text/plain;q=0.5", Text),
            (
                "application/openmetrics-text;q=0.5, text/plain;q=0.4",
                OpenMetrics,
            ),
            ("application/openmetrics-text;q=0.5, text/*;q=0.6", Text),
            (
                "application/openmetrics-text;q=0.2, text/plain;q=0.1, */*",
                OpenMetrics,
            ),
            ("text/plain, application/openmetrics-text", Text),
            ("application/openmetrics-text, text/plain", OpenMetrics),
            (
                "text/plain;version=0.0.4;q=0.5, application/openmetrics-text;q=0.50",
                Text,
            ),
        ] {
            let mut headers = HeaderMap::new();
            if !accept.is_empty() {
                headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            }
            assert_eq!(wanted(&headers), expected, "{accept:?}");
        }
    }
}
