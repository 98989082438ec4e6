//! What a query asks for: the metrics that it selects, with their matchers, read without a parser of PromQL.

/// A metric that a query selects, and what stands between its braces ("" without any).
#[derive(Debug, PartialEq, Eq)]
pub struct Selector<'a> {
    pub metric: &'a str,
    pub matchers: &'a str,
    /// What stands before it, back to the last opening bracket: `rate`, say.
    pub within: &'a str,
    /// The range after it, brackets included; "" without one.
    pub range: &'a str,
}

fn is_of_a_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

/// Every metric that the query selects. Ours are told from functions and words by what follows them: braces.
pub fn selectors(query: &str) -> Vec<Selector<'_>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(open) = query[from..].find('{').map(|at| from + at) {
        let close = open + query[open..].find('}').unwrap_or(query.len() - open - 1);
        let begin = query[..open]
            .rfind(|c| !is_of_a_name(c))
            .map_or(0, |before| before + 1);
        let function = query[..begin].strip_suffix('(').unwrap_or_default();
        let word = function
            .rfind(|c| !is_of_a_name(c))
            .map_or(0, |before| before + 1);
        let after = &query[close + 1..];
        let range = after.find(']').filter(|_| after.starts_with('['));
        found.push(Selector {
            metric: &query[begin..open],
            matchers: &query[open + 1..close],
            within: &function[word..],
            range: range.map_or("", |end| &after[..=end]),
        });
        from = close + 1;
    }
    found
}

/// Names that look like metrics and have no braces: nothing limits them to the chosen monitors.
pub fn unlimited(query: &str) -> Vec<&str> {
    let prefixes = ["whmcs_", "process_", "scrape_"];
    let mut found = Vec::new();
    let mut at = 0;
    for (word, rest) in query.split(|c| !is_of_a_name(c)).map(|word| {
        let begin = at;
        at += word.len() + 1;
        (word, &query[(begin + word.len()).min(query.len())..])
    }) {
        if prefixes.iter().any(|prefix| word.starts_with(prefix)) && !rest.starts_with('{') {
            found.push(word);
        }
    }
    found
}

#[test]
fn a_query_is_read_for_its_metrics() {
    let query = "sum(rate(whmcs_a_total{job=~\"$job\"}[5m])) / on (whmcs) whmcs_b + up{}";
    let found = selectors(query);
    assert_eq!(
        found,
        [
            Selector {
                metric: "whmcs_a_total",
                matchers: "job=~\"$job\"",
                within: "rate",
                range: "[5m]",
            },
            Selector {
                metric: "up",
                matchers: "",
                within: "",
                range: "",
            },
        ]
    );
    assert_eq!(unlimited(query), ["whmcs_b"]);
}
