//! Good custom for dashboards: what Grafana's dashboard-linter asks for, and what readers without colours need.

use std::collections::BTreeSet;

use serde_json::Value;
use serde_json::json;

use crate::board::Board;
use crate::board::boards;
use crate::board::list;
use crate::board::text;
use crate::queries::selectors;
use crate::queries::unlimited;

/// The matchers without which a query would show other monitors than the chosen ones.
const MATCHERS: [&str; 2] = ["job=~\"$job\"", "instance=~\"$instance\""];
/// Functions over a range whose length depends on how often Prometheus scrapes.
const RATES: [&str; 3] = ["rate", "increase", "irate"];

/// Everything that is not as it should be, each in a line.
fn faults(board: &Board) -> Vec<String> {
    let mut found = frame(board);
    found.extend(variables(board));
    for panel in board.panels() {
        let faults = panel_faults(panel).into_iter().chain(table_faults(panel));
        found.extend(faults.map(|fault| format!("{}: {fault}", board.named(panel))));
    }
    let queries = board
        .targets()
        .map(|(panel, target)| (board.named(panel), &target["expr"]));
    let annotations = board
        .annotations()
        .iter()
        .map(|annotation| (text(&annotation["name"]).to_owned(), &annotation["expr"]));
    for (whose, query) in queries.chain(annotations) {
        found.extend(query_faults(text(query)).map(|fault| format!("{whose}: {fault}")));
    }
    found.extend(places(board));
    found.sort();
    found
}

fn demand(holds: bool, fault: &str) -> Option<String> {
    (!holds).then(|| fault.to_owned())
}

fn frame(board: &Board) -> Vec<String> {
    let json = &board.json;
    let version = json["schemaVersion"].as_i64().unwrap_or_default();
    let uid = format!("whmcs-stock-{}", board.file);
    let links = list(&json["links"]);
    let others = links
        .iter()
        .any(|link| link["type"] == "dashboards" && link["tags"] == json!(["whmcs-stock"]));
    let page = links.iter().any(|link| link["url"] == "${page}/");
    [
        demand(json["uid"] == uid, "its uid is not its name"),
        demand((39..=41).contains(&version), "schemaVersion is not 39 to 41"),
        demand(json["editable"] == false, "it can be edited"),
        demand(json.get("id").is_none(), "it has an id"),
        demand(json.get("__inputs").is_none(), "it is an export for grafana.com"),
        demand(
            json["tags"] == json!(["whmcs-stock"]),
            "the others do not find it by its tag",
        ),
        demand(
            others && page,
            "it does not lead to the others and to the monitor's page",
        ),
        demand(
            json["timezone"] == "browser",
            "its times are not in the reader's zone",
        ),
        demand(
            json["title"].is_string() && json["description"].is_string(),
            "no title or description",
        ),
    ]
    .into_iter()
    .flatten()
    .map(|fault| format!("{}: {fault}", board.file))
    .collect()
}

fn variables(board: &Board) -> Vec<String> {
    let mut found = Vec::new();
    let source = board.variable("datasource");
    found.extend(demand(
        source.is_some_and(|v| {
            v["type"] == "datasource" && v["query"] == "prometheus" && v["label"] == "Data source"
        }),
        "no variable for the data source",
    ));
    for name in ["job", "instance"] {
        let good = |v: &Value| v["multi"] == true && v["includeAll"] == true && v["allValue"] == ".+";
        found.extend(demand(
            board.variable(name).is_some_and(good),
            &format!("{name} does not take several"),
        ));
    }
    for variable in board.variables() {
        let name = text(&variable["name"]);
        found.extend(demand(
            variable["label"].is_string(),
            &format!("variable {name} has no label"),
        ));
        found.extend(demand(
            variable.get("current").is_none(),
            &format!("variable {name} is chosen already"),
        ));
        if variable["type"] == "query" {
            found.extend(demand(
                variable["refresh"] == 2,
                &format!("variable {name} stays as it was loaded"),
            ));
            found.extend(demand(
                is_ours(&variable["datasource"]),
                &format!("variable {name} asks another source"),
            ));
            let query = text(&variable["query"]["query"]);
            found.extend(demand(
                variable["definition"] == query,
                &format!("variable {name} is shown as another"),
            ));
        }
    }
    found
        .into_iter()
        .map(|fault| format!("{}: {fault}", board.file))
        .collect()
}

fn is_ours(source: &Value) -> bool {
    *source == json!({ "type": "prometheus", "uid": "${datasource}" })
}

fn panel_faults(panel: &Value) -> Vec<String> {
    let defaults = &panel["fieldConfig"]["defaults"];
    let long = |value: &Value, least: usize| value.as_str().is_some_and(|text| text.len() >= least);
    let targets = list(&panel["targets"]);
    let refs: BTreeSet<&str> = targets.iter().map(|target| text(&target["refId"])).collect();
    [
        demand(is_ours(&panel["datasource"]), "it asks another source"),
        demand(long(&panel["title"], 2), "no title"),
        demand(long(&panel["description"], 10), "no description"),
        demand(long(&defaults["unit"], 1), "no unit"),
        demand(!targets.is_empty(), "it asks nothing"),
        demand(refs.len() == targets.len(), "two queries of one name"),
        demand(
            targets.iter().all(|target| is_ours(&target["datasource"])),
            "a query of another source",
        ),
        demand(
            list(&defaults["thresholds"]["steps"])
                .first()
                .is_some_and(|s| s["value"].is_null()),
            "no lowest threshold",
        ),
        demand(
            mappings(panel).iter().all(|m| long(&m["text"], 1)),
            "a colour stands for a value alone",
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What the panel shows instead of values, for all and for some fields.
fn mappings(panel: &Value) -> Vec<&Value> {
    let of_all = list(&panel["fieldConfig"]["defaults"]["mappings"]).iter();
    let overrides = list(&panel["fieldConfig"]["overrides"]).iter();
    let properties = overrides.flat_map(|field| list(&field["properties"]));
    let of_some = properties
        .filter(|p| p["id"] == "mappings")
        .flat_map(|p| list(&p["value"]));
    of_all
        .chain(of_some)
        .filter_map(|mapping| mapping["options"].as_object())
        .flat_map(|options| options.values())
        .collect()
}

/// A table says in which order its rows stand, by a column that is there, and what its columns are called.
fn table_faults(panel: &Value) -> Vec<String> {
    if panel["type"] != "table" {
        return Vec::new();
    }
    let steps = list(&panel["transformations"]);
    let organize = steps.iter().find(|step| step["id"] == "organize");
    let options = organize.map_or(&Value::Null, |step| &step["options"]);
    let shown: Vec<&str> = options["indexByName"]
        .as_object()
        .into_iter()
        .flat_map(|columns| columns.keys())
        .map(|column| options["renameByName"][column].as_str().unwrap_or(column))
        .collect();
    let sorted: Vec<&str> = list(&panel["options"]["sortBy"])
        .iter()
        .map(|by| text(&by["displayName"]))
        .collect();
    let overrides = list(&panel["fieldConfig"]["overrides"]).iter();
    let spoken_of = overrides
        .map(|field| text(&field["matcher"]["options"]))
        .chain(sorted.iter().copied());
    let missing: Vec<&str> = spoken_of.filter(|column| !shown.contains(column)).collect();
    let all_named = shown.iter().all(|column| column.starts_with(char::is_uppercase));
    [
        demand(!sorted.is_empty(), "its rows are in no order"),
        demand(
            missing.is_empty(),
            &format!("it speaks of columns that it does not show: {missing:?}"),
        ),
        demand(all_named, "a column bears the name of a label"),
        demand(
            list(&panel["targets"])
                .iter()
                .all(|t| t["format"] == "table" && t["instant"] == true),
            "not of this moment",
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn query_faults(query: &str) -> impl Iterator<Item = String> {
    let mut found: Vec<String> = unlimited(query)
        .iter()
        .map(|name| format!("{name} is not limited to the chosen"))
        .collect();
    for selector in selectors(query) {
        let metric = selector.metric;
        for matcher in MATCHERS {
            found.extend(demand(
                selector.matchers.contains(matcher),
                &format!("{metric} without {matcher}"),
            ));
        }
        let counts = metric.ends_with("_total") || metric.ends_with("_bucket");
        let rate = RATES.contains(&selector.within);
        found.extend(demand(
            !counts || rate,
            &format!("{metric} is a counter and no rate is taken of it"),
        ));
        found.extend(demand(
            counts || !rate,
            &format!("{metric} is no counter and a rate is taken of it"),
        ));
        found.extend(demand(
            !rate || selector.range == "[$__rate_interval]",
            &format!("the rate of {metric} is over {}", selector.range),
        ));
    }
    found.into_iter()
}

/// The panels lie within the width, none upon another, and each has a number of its own.
fn places(board: &Board) -> Vec<String> {
    let mut taken = BTreeSet::new();
    let mut ids = BTreeSet::new();
    let mut found = Vec::new();
    for panel in list(&board.json["panels"]) {
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap());
        let name = board.named(panel);
        found.extend(demand(x + w <= 24, &format!("{name} is cut off")));
        let free = (x..x + w)
            .flat_map(|x| (y..y + h).map(move |y| (x, y)))
            .all(|cell| taken.insert(cell));
        found.extend(demand(free, &format!("{name} lies upon another")));
        found.extend(demand(
            ids.insert(panel["id"].as_u64()),
            &format!("{name} has another's number"),
        ));
    }
    found
}

#[test]
fn every_dashboard_keeps_to_good_custom() {
    for board in boards() {
        assert_eq!(faults(&board), Vec::<String>::new());
    }
}

#[test]
fn every_link_to_a_dashboard_leads_to_one_and_names_its_variables() {
    let boards = boards();
    let mut links = 0;
    for board in &boards {
        let overrides = board
            .panels()
            .flat_map(|panel| list(&panel["fieldConfig"]["overrides"]));
        let properties = overrides.flat_map(|field| list(&field["properties"]));
        for link in properties
            .filter(|p| p["id"] == "links")
            .flat_map(|p| list(&p["value"]))
        {
            let url = text(&link["url"]);
            let Some((uid, query)) = url.strip_prefix("/d/").and_then(|rest| rest.split_once('?')) else {
                assert!(url.starts_with("${page}/"), "{url}");
                continue;
            };
            links += 1;
            let there = boards.iter().find(|board| board.json["uid"] == uid);
            let there = there.unwrap_or_else(|| panic!("{url} leads nowhere"));
            for part in query.split('&') {
                let named = part.strip_prefix("var-").and_then(|part| part.split_once('='));
                let name = named.map(|(name, _)| name).or(part
                    .strip_prefix("${")
                    .map(|part| part.split(':').next().unwrap()));
                let name = name.unwrap();
                assert!(
                    name == "__url_time_range}" || there.variable(name).is_some(),
                    "{url}: {name}"
                );
            }
        }
    }
    assert!(links > 0);
}

#[test]
fn what_is_against_good_custom_is_found() {
    type Mistake = (&'static str, Value, &'static str);
    let mistakes: [Mistake; 21] = [
        ("/id", json!(4), "it has an id"),
        ("/uid", json!("other"), "its uid is not its name"),
        ("/schemaVersion", json!(38), "schemaVersion is not 39 to 41"),
        ("/editable", json!(true), "it can be edited"),
        ("/links", json!([]), "it does not lead to the others"),
        (
            "/templating/list/0/query",
            json!("loki"),
            "no variable for the data source",
        ),
        (
            "/templating/list/1/multi",
            json!(false),
            "job does not take several",
        ),
        (
            "/templating/list/2/allValue",
            json!(".*"),
            "instance does not take several",
        ),
        (
            "/templating/list/3/refresh",
            json!(1),
            "variable whmcs stays as it was loaded",
        ),
        (
            "/templating/list/3/current",
            json!({}),
            "variable whmcs is chosen already",
        ),
        (
            "/panels/0/datasource/uid",
            json!("prometheus"),
            "it asks another source",
        ),
        ("/panels/0/title", json!(""), "no title"),
        ("/panels/0/description", json!(""), "no description"),
        ("/panels/0/fieldConfig/defaults/unit", json!(""), "no unit"),
        ("/panels/0/targets", json!([]), "it asks nothing"),
        (
            "/panels/0/targets/0/expr",
            json!("up{job=~\"$job\"}"),
            "up without instance",
        ),
        (
            "/panels/0/targets/0/expr",
            json!("up + whmcs_up"),
            "whmcs_up is not limited",
        ),
        ("/panels/0/gridPos/w", json!(5), "lies upon another"),
        ("/panels/1/id", json!(1), "has another's number"),
        ("/panels/6/options/sortBy", json!([]), "its rows are in no order"),
        (
            "/panels/6/options/sortBy/0/displayName",
            json!("Svrty"),
            "it speaks of columns that it does not show",
        ),
    ];
    let overview = boards()
        .into_iter()
        .find(|board| board.file == "overview")
        .unwrap();
    for (place, value, said) in mistakes {
        let mut board = overview.clone();
        let (parent, key) = place.rsplit_once('/').unwrap();
        board.json.pointer_mut(parent).unwrap()[key] = value;
        let found = faults(&board);
        assert!(
            found.iter().any(|fault| fault.contains(said)),
            "{place}: {found:?}"
        );
    }
}

#[test]
fn a_query_against_good_custom_is_found() {
    let chosen = "{job=~\"$job\", instance=~\"$instance\"}";
    for (query, said) in [
        ("sum(whmcs_polls_total#)", "no rate is taken of it"),
        ("rate(whmcs_up#[$__rate_interval])", "is no counter"),
        ("rate(whmcs_polls_total#[5m])", "is over [5m]"),
        ("sum(increase(whmcs_polls_total#))", "is over "),
        (
            "rate(whmcs_polls_total{job=~\"$job\"}[$__rate_interval])",
            "without instance",
        ),
    ] {
        let found: Vec<String> = query_faults(&query.replace('#', chosen)).collect();
        assert!(found.len() == 1 && found[0].contains(said), "{query}: {found:?}");
    }
    let good = "rate(whmcs_polls_total#[$__rate_interval])".replace('#', chosen);
    assert_eq!(query_faults(&good).count(), 0);
}
