//! What form of an answer somebody would rather have (RFC 9110, 12.5.1).

/// A form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Json,
    Csv,
}

impl Form {
    /// As `Accept` and `Content-Type` name it.
    #[must_use]
    pub fn media(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv",
        }
    }

    /// `json` or `csv`
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "json" => Some(Self::Json),
            "csv" => Some(Self::Csv),
            _ => None,
        }
    }
}

/// The one of those offered that is liked best, the first of equals; `None` where none will do.
#[must_use]
pub fn best(accept: Option<&str>, offered: &[Form]) -> Option<Form> {
    let accept = accept.filter(|accept| !accept.trim().is_empty()).unwrap_or("*/*");
    let mut best: Option<(u32, Form)> = None;
    for form in offered {
        let quality = quality(accept, form.media());
        if quality > best.map_or(0, |(quality, _)| quality) {
            best = Some((quality, *form));
        }
    }
    best.map(|(_, form)| form)
}

/// How much a type is liked, in thousandths: by the range that is nearest to it.
fn quality(accept: &str, media: &str) -> u32 {
    let (kind, _) = media.split_once('/').unwrap_or((media, ""));
    let ranges = accept.split(',').filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next()?.to_ascii_lowercase();
        let nearness = if name == media {
            3
        } else if name.strip_suffix("/*") == Some(kind) {
            2
        } else if name == "*/*" || name == "*" {
            1
        } else {
            return None;
        };
        let weight = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
        // What cannot be read is no reason to like it less.
        let weight = weight
            .and_then(|weight| weight.parse::<f64>().ok())
            .unwrap_or(1.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and 1000"
        )]
        let weight = (weight.clamp(0.0, 1.0) * 1000.0) as u32;
        Some((nearness, weight))
    });
    ranges.max().map_or(0, |(_, weight)| weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_the_one_that_is_liked_best() {
        let both = [Form::Json, Form::Csv];
        for (accept, form) in [
            (None, Some(Form::Json)),
            (Some(""), Some(Form::Json)),
            (Some("*/*"), Some(Form::Json)),
            (Some("text/csv"), Some(Form::Csv)),
            (Some("text/csv, application/json"), Some(Form::Json)),
            (Some("application/json;q=0.5, text/*"), Some(Form::Csv)),
            (Some("TEXT/CSV;header=present;q=0.9, */*;q=0.1"), Some(Form::Csv)),
            (
                Some("text/html,application/xhtml+xml,*/*;q=0.8"),
                Some(Form::Json),
            ),
            (Some("application/json;q=0, */*"), Some(Form::Csv)),
            (Some("text/html"), None),
            (Some("application/json;q=0"), None),
        ] {
            assert_eq!(best(accept, &both), form, "{accept:?}");
        }
        assert_eq!(best(Some("text/csv"), &[Form::Json]), None);
        assert_eq!(
            best(Some("text/csv, application/*;q=0.1"), &[Form::Json]),
            Some(Form::Json)
        );
    }
}
