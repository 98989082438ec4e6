//! Every panel and every variable asks a real Prometheus that scrapes the demo, and gets data.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use serde_json::json;

use crate::board::Board;
use crate::board::boards;
use crate::board::list;
use crate::board::text;
use crate::daemon::Daemon;
use crate::daemon::Home;
use crate::daemon::PATIENCE;
use crate::daemon::eventually;
use crate::grafana::choose;
use crate::grafana::columns;
use crate::grafana::run;
use crate::prometheus::Prometheus;
use crate::prometheus::is_there;
use crate::queries::selectors;

/// The product whose dashboard is opened.
const STAR: &str = "DS-64";
/// Families that no dashboard shows, each for a reason.
const NOT_SHOWN: [&str; 3] = [
    // Memory that is only reserved says nothing.
    "process_virtual_memory_bytes",
    // Of the first look at a shop; the levels of its products say the same.
    "whmcs_stock_products_per_choice",
    // Part of the polls that are shown.
    "whmcs_part_polls_total",
];

fn demo(home: &Home) -> Daemon {
    let mut demo = home.begin(&["demo", "--listen", "127.0.0.1:0"]);
    demo.address = eventually("the demo's address", || {
        let log = demo.log();
        let after = log.split_once("page     http://")?.1;
        after.split_once('/')?.0.parse().ok()
    });
    demo
}

fn scraping(home: &Home, demo: &Daemon) -> Prometheus {
    let configuration = format!(
        "global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: whmcs-stock\n  static_configs: [{{targets: ['{}']}}]\n",
        demo.address
    );
    Prometheus::start(home, &configuration)
}

/// The queries that have shown something of the demo so far: in its story trouble comes and goes, a part at a time.
type Shown = BTreeSet<(String, String)>;

/// What is wrong with a dashboard's panels and variables, each in a line; what a query gets wrong, and what has shown
/// nothing until now.
fn faults(prometheus: &Prometheus, board: &Board, shown: &mut Shown) -> Vec<String> {
    let chosen = match choose(prometheus, board, STAR) {
        Ok(chosen) => chosen,
        Err(error) => return vec![error],
    };
    let mut found = Vec::new();
    for panel in board.panels() {
        let name = board.named(panel);
        let mut answers = Vec::new();
        for target in list(&panel["targets"]) {
            match run(prometheus, &chosen, target) {
                Ok(series) => {
                    let query = (name.clone(), text(&target["expr"]).to_owned());
                    if !series.is_empty() {
                        shown.insert(query);
                    } else if !shown.contains(&query) {
                        found.push(format!("{name} shows nothing"));
                    }
                    answers.push(series);
                }
                Err(error) => found.push(format!("{name}: {error}")),
            }
        }
        let empty = answers.iter().all(Vec::is_empty);
        if !empty && panel["type"] == "table" {
            found.extend(misnamed(panel, &answers).map(|column| format!("{name} has no column {column}")));
            let unnamed = answers.len() == 1 || answers.iter().flatten().all(|s| s.get("__name__").is_none());
            assert!(unnamed, "{name}: the name of a metric keeps its rows apart");
        }
    }
    for annotation in board.annotations() {
        let query = json!({ "expr": annotation["expr"], "instant": false });
        if let Err(error) = run(prometheus, &chosen, &query) {
            found.push(format!("{}: {}: {error}", board.file, annotation["name"]));
        }
    }
    found
}

/// The columns that a table names and its answers do not have.
fn misnamed(panel: &Value, answers: &[Vec<Value>]) -> impl Iterator<Item = String> {
    let there = columns(panel, answers);
    let organize = list(&panel["transformations"])
        .iter()
        .find(|step| step["id"] == "organize");
    let named = organize.into_iter().flat_map(|step| {
        let columns = step["options"]["indexByName"].as_object().unwrap();
        columns.keys().cloned().collect::<BTreeSet<_>>()
    });
    named
        .filter(move |column| !there.contains(column))
        .collect::<Vec<_>>()
        .into_iter()
}

/// Asks until nothing is wrong and every query has shown something, and says what is where that never comes.
fn well(prometheus: &Prometheus, boards: &[Board]) -> Shown {
    // The demo's first report and its first trouble come within two minutes.
    let deadline = Instant::now() + 4 * PATIENCE;
    let mut shown = Shown::new();
    loop {
        let found: Vec<String> = boards
            .iter()
            .flat_map(|board| faults(prometheus, board, &mut shown))
            .collect();
        if found.is_empty() {
            return shown;
        }
        assert!(Instant::now() < deadline, "{found:#?}");
        thread::sleep(Duration::from_millis(500));
    }
}

fn panel_mut<'a>(board: &'a mut Board, title: &str) -> &'a mut Value {
    let panels = board.json["panels"].as_array_mut().unwrap();
    panels.iter_mut().find(|panel| panel["title"] == title).unwrap()
}

#[test]
fn every_panel_shows_data_of_the_demo_and_one_with_a_mistake_is_found() {
    if !is_there("prometheus") {
        return;
    }
    let home = Home::new(&[]);
    let demo = demo(&home);
    let prometheus = scraping(&home, &demo);
    let boards = boards();
    let mut shown = well(&prometheus, &boards);

    let overview = boards.iter().find(|board| board.file == "overview").unwrap();
    type Mistake = fn(&mut Board);
    let mistakes: [(Mistake, &str); 6] = [
        (
            |board| {
                panel_mut(board, "Out")["targets"][0]["expr"] =
                    json!("sum(whmcs_stock_alert{job=~\"$job\"})");
            },
            "overview: Out shows nothing",
        ),
        (
            |board| {
                panel_mut(board, "Low")["targets"][0]["expr"] =
                    json!("sum(whmcs_stock_alerts{severity=\"lo\"})");
            },
            "overview: Low shows nothing",
        ),
        (
            |board| panel_mut(board, "Critical")["targets"][0]["expr"] = json!("sum(whmcs_stock_alerts"),
            "overview: Critical: 400",
        ),
        (
            |board| {
                let table = panel_mut(board, "What is short, worst first");
                table["transformations"][1]["options"]["indexByName"]["prodct"] = json!(9);
            },
            "overview: What is short, worst first has no column prodct",
        ),
        (
            |board| {
                let instance = &mut board.json["templating"]["list"][2]["query"]["query"];
                *instance = json!("label_values(whmcs_stock_build_info{job=~\"$job\"}, instanc)");
            },
            "overview: variable instance finds nothing",
        ),
        (
            |board| board.json["annotations"]["list"][0]["expr"] = json!("changes(up)"),
            "overview: \"Monitor started\": 400",
        ),
    ];
    for (mistake, said) in mistakes {
        let mut planted = overview.clone();
        mistake(&mut planted);
        let found = faults(&prometheus, &planted, &mut shown);
        assert_eq!(found.len(), 1, "{said}: {found:#?}");
        assert!(found[0].starts_with(said), "{found:?}");
    }
    every_family_is_shown(&boards, &demo.metrics());
}

/// What the monitor tells stands on a dashboard, or is named above with the reason why not; and what a dashboard asks
/// of it, it tells.
fn every_family_is_shown(boards: &[Board], metrics: &str) {
    let shown: BTreeSet<String> = boards
        .iter()
        .flat_map(|board| {
            board
                .targets()
                .map(|(_, target)| text(&target["expr"]).to_owned())
        })
        .flat_map(|query| {
            let metrics: Vec<String> = selectors(&query).iter().map(|s| s.metric.to_owned()).collect();
            metrics
        })
        .collect();
    let families: BTreeSet<&str> = metrics
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .collect();
    let ours = |metric: &&String| metric.starts_with("whmcs_") || metric.starts_with("process_");
    let unknown: Vec<&String> = shown
        .iter()
        .filter(ours)
        .filter(|metric| !families.contains(metric.trim_end_matches("_bucket")))
        .collect();
    assert_eq!(unknown, Vec::<&String>::new(), "the monitor does not tell it");
    let missing: Vec<&str> = families
        .into_iter()
        .filter(|family| !shown.contains(*family) && !shown.contains(&format!("{family}_bucket")))
        .filter(|family| !NOT_SHOWN.contains(family))
        .collect();
    assert_eq!(missing, Vec::<&str>::new(), "on no dashboard");
}
