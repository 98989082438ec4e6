//! The files that make Grafana find the dashboards.

use std::fs;

use serde_json::Value;

use crate::board::boards;
use crate::board::folder;
use crate::board::list;
use crate::board::text;

fn yaml(path: &str) -> Value {
    let text = fs::read_to_string(folder().join("provisioning").join(path)).unwrap();
    serde_saphyr::from_str(&text).unwrap()
}

#[test]
fn the_provider_names_the_folder_that_the_documents_copy_the_dashboards_to() {
    let provisioned = yaml("dashboards/whmcs-stock.yaml");
    assert_eq!(provisioned["apiVersion"], 1);
    let [provider] = list(&provisioned["providers"]) else {
        panic!("{provisioned}")
    };
    assert_eq!(provider["type"], "file");
    assert_eq!(provider["allowUiUpdates"], false);
    let path = text(&provider["options"]["path"]);
    assert!(path.ends_with("/grafana/dashboards"), "{path}");
    let document = fs::read_to_string(folder().join("../../docs/grafana.md")).unwrap();
    assert!(
        document.contains(path),
        "docs/grafana.md does not speak of {path}"
    );
    for board in boards() {
        let title = text(&board.json["title"]);
        assert!(
            document.contains(title),
            "docs/grafana.md does not speak of {title}"
        );
    }
}

#[test]
fn the_data_source_is_a_prometheus_with_a_name_and_number_of_its_own() {
    let provisioned = yaml("datasources/whmcs-stock.yaml");
    assert_eq!(provisioned["apiVersion"], 1);
    let [source] = list(&provisioned["datasources"]) else {
        panic!("{provisioned}")
    };
    assert_eq!(source["type"], "prometheus");
    assert_eq!(source["uid"], "whmcs-stock-prometheus");
    assert_eq!(source["editable"], false);
    assert!(source["jsonData"]["timeInterval"].is_string(), "{source}");
    assert!(source.get("isDefault").is_none(), "somebody's own default stays");
    assert!(text(&source["url"]).starts_with("http://"), "{source}");
}
