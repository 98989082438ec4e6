//! What Grafana does with a dashboard before Prometheus is asked: it fills the variables in, and what it does with the
//! answers of a table.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde_json::Value;

use crate::board::Board;
use crate::board::list;
use crate::board::text;
use crate::prometheus::Prometheus;

/// How far back the queries look, in seconds.
const RANGE: i64 = 60;
/// What `$__rate_interval` comes to where Prometheus scrapes each second.
const RATE_INTERVAL: &str = "15s";

/// The values of a dashboard's variables as they stand when it is opened.
#[derive(Debug)]
pub struct Chosen(BTreeMap<String, String>);

impl Chosen {
    /// Fills in the variables of a query.
    pub fn fill(&self, query: &str) -> String {
        let mut filled = query
            .replace("$__rate_interval", RATE_INTERVAL)
            .replace("$__range", &format!("{RANGE}s"));
        for (name, value) in self.0.iter().rev() {
            filled = filled
                .replace(&format!("${{{name}}}"), value)
                .replace(&format!("${name}"), value);
        }
        assert!(!filled.contains('$'), "a variable that is not there: {filled}");
        filled
    }
}

/// Looks the variables up, in their order: all of those that take several, of the others `wanted`, else the first.
/// `Err` names one that finds nothing.
pub fn choose(prometheus: &Prometheus, board: &Board, wanted: &str) -> Result<Chosen, String> {
    let mut chosen = Chosen(BTreeMap::new());
    for variable in board.variables().iter().filter(|v| v["type"] == "query") {
        let name = text(&variable["name"]);
        let query = chosen.fill(text(&variable["query"]["query"]));
        let options = options(prometheus, &query, text(&variable["regex"]))
            .map_err(|error| format!("{}: variable {name}: {error}", board.file))?;
        let first = options
            .iter()
            .find(|(shown, _)| shown == wanted)
            .or(options.first());
        let (_, value) = first.ok_or_else(|| format!("{}: variable {name} finds nothing", board.file))?;
        let all = variable["multi"] == true;
        let value = if all { text(&variable["allValue"]) } else { value };
        chosen.0.insert(name.to_owned(), value.to_owned());
    }
    Ok(chosen)
}

/// What a variable offers: what is shown, and the value.
fn options(prometheus: &Prometheus, query: &str, regex: &str) -> Result<Vec<(String, String)>, String> {
    if let Some(inner) = query
        .strip_prefix("label_values(")
        .and_then(|q| q.strip_suffix(')'))
    {
        let (series, label) = inner.rsplit_once(", ").ok_or("no label")?;
        assert_eq!(regex, "", "{query}");
        let values = prometheus.api(&format!("label/{label}/values"), &[("match[]", series)])?;
        return Ok(list(&values)
            .iter()
            .map(|value| (text(value).to_owned(), text(value).to_owned()))
            .collect());
    }
    let inner = query
        .strip_prefix("query_result(")
        .and_then(|q| q.strip_suffix(')'));
    let answer = prometheus.api("query", &[("query", inner.ok_or("an unknown form of query")?)])?;
    let regex = regex::Regex::new(regex.trim_matches('/')).map_err(|error| error.to_string())?;
    let samples = list(&answer["result"]).iter();
    Ok(samples
        .filter_map(|sample| {
            let line = result_line(sample);
            let found = regex.captures(&line)?;
            Some((found["text"].to_owned(), found["value"].to_owned()))
        })
        .collect())
}

/// A sample as Grafana writes it before it applies a variable's expression: quotes are not escaped.
fn result_line(sample: &Value) -> String {
    let labels = sample["metric"].as_object().unwrap();
    let name = labels.get("__name__").map(text).unwrap_or_default();
    let labels: Vec<String> = labels
        .iter()
        .filter(|(label, _)| *label != "__name__")
        .map(|(label, value)| format!("{label}=\"{}\"", text(value)))
        .collect();
    let labels = labels.join(",");
    let (at, value) = (&sample["value"][0], text(&sample["value"][1]));
    format!("{name}{{{labels}}} {value} {at}")
}

/// Runs a panel's query: over the time shown, or for this moment where it is asked for that alone. The series that hold
/// a number, by their labels.
pub fn run(prometheus: &Prometheus, chosen: &Chosen, target: &Value) -> Result<Vec<Value>, String> {
    let query = chosen.fill(text(&target["expr"]));
    prometheus.api("format_query", &[("query", &query)])?;
    let now = jiff::Timestamp::now().as_second();
    let answer = if target["instant"] == true {
        prometheus.api("query", &[("query", &query)])?
    } else {
        let (start, end) = ((now - RANGE).to_string(), now.to_string());
        let asked = [
            ("query", query.as_str()),
            ("start", &start),
            ("end", &end),
            ("step", "1"),
        ];
        prometheus.api("query_range", &asked)?
    };
    let shows = |series: &&Value| {
        let values = [std::slice::from_ref(&series["value"]), list(&series["values"])].concat();
        values
            .iter()
            .any(|value| value[1].as_str().is_some_and(|value| value != "NaN"))
    };
    let series = list(&answer["result"]).iter().filter(shows);
    Ok(series.map(|series| series["metric"].clone()).collect())
}

/// The columns of a table before they are named: the labels of all its answers, the time, and a value for each query.
pub fn columns(panel: &Value, answers: &[Vec<Value>]) -> BTreeSet<String> {
    let labels = answers.iter().flatten().filter_map(Value::as_object);
    let mut columns: BTreeSet<String> = labels.flat_map(|labels| labels.keys().cloned()).collect();
    columns.insert("Time".to_owned());
    for target in list(&panel["targets"]) {
        columns.insert(match answers.len() {
            1 => "Value".to_owned(),
            _ => format!("Value #{}", text(&target["refId"])),
        });
    }
    columns
}
