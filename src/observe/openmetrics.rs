//! The same metrics as OpenMetrics 1.0: what differs from the text format of Prometheus.

/// The format's content type.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A text of Prometheus' format as OpenMetrics, with the end that must be there. Counters are described without their
/// `_total`, bounds of histograms are decimal numbers, quotes in descriptions are escaped.
#[must_use]
pub fn last_part(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 256);
    for line in text.lines() {
        if let Some((kind, rest)) = head(line) {
            let (name, words) = rest.split_once(' ').unwrap_or((rest, ""));
            let name = name.strip_suffix("_total").unwrap_or(name);
            let words = if kind == "# HELP " {
                words.replace('"', "\\\"")
            } else {
                words.to_owned()
            };
            for part in [kind, name, " ", &words] {
                out.push_str(part);
            }
        } else {
            push_sample(&mut out, line);
        }
        out.push('\n');
    }
    out.push_str("# EOF\n");
    out
}

fn head(line: &str) -> Option<(&str, &str)> {
    ["# HELP ", "# TYPE "]
        .into_iter()
        .find_map(|kind| Some((kind, line.strip_prefix(kind)?)))
}

/// A sample; where it is that of a bucket, its bound as OpenMetrics writes it.
fn push_sample(out: &mut String, line: &str) {
    const BOUND: &str = "le=\"";
    let name = line.split(['{', ' ']).next().unwrap_or_default();
    // The bound is the last label, and no label's value can end so.
    let bound = name
        .ends_with("_bucket")
        .then(|| line.rfind(BOUND))
        .flatten()
        .map(|at| at + BOUND.len());
    let Some((before, after)) = bound.and_then(|at| line.split_at_checked(at)) else {
        out.push_str(line);
        return;
    };
    let number = after.split('"').next().unwrap_or_default();
    out.push_str(before);
    out.push_str(number);
    if number.bytes().all(|byte| byte.is_ascii_digit()) {
        out.push_str(".0");
    }
    out.push_str(&after[number.len()..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_bounds_and_descriptions_are_written_as_openmetrics_asks() {
        let text = "# HELP a_total Times \"it\" was.\n# TYPE a_total counter\na_total{b=\"x le=\\\"1\\\"\"} 3\n\
                    # HELP d_seconds How long.\n# TYPE d_seconds histogram\n\
                    d_seconds_bucket{c=\"le\",le=\"0.5\"} 1\nd_seconds_bucket{c=\"le\",le=\"10\"} 2\n\
                    d_seconds_bucket{c=\"le\",le=\"+Inf\"} 2\nd_seconds_sum{c=\"le\"} 1\n";
        insta::assert_snapshot!(last_part(text), @r#"
        # HELP a Times \"it\" was.
        # TYPE a counter
        a_total{b="x le=\"1\""} 3
        # HELP d_seconds How long.
        # TYPE d_seconds histogram
        d_seconds_bucket{c="le",le="0.5"} 1
        d_seconds_bucket{c="le",le="10.0"} 2
        d_seconds_bucket{c="le",le="+Inf"} 2
        d_seconds_sum{c="le"} 1
        # EOF
        "#);
    }

    #[test]
    fn nothing_is_still_an_end() {
        assert_eq!(last_part(""), "# EOF\n");
    }
}
