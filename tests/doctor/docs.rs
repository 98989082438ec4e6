//! `docs/troubleshooting.md` explains each finding, and nothing else.

use std::fs;
use std::path::Path;

use whmcs_stock_monitor::doctor::finding::Id;

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/troubleshooting.md");
    fs::read_to_string(path).expect("docs/troubleshooting.md")
}

#[test]
fn each_finding_has_its_section_in_the_same_order_and_no_section_is_without_one() {
    let page = page();
    let sections: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .collect();
    let ids: Vec<&str> = Id::ALL.iter().map(|id| id.as_str()).collect();
    assert_eq!(sections, ids);
}

#[test]
fn each_section_says_what_it_means_and_how_to_mend_it() {
    for section in page().split("\n### ").skip(1) {
        let id = section.lines().next().unwrap_or_default();
        for part in ["**Meaning.**", "**Why.**", "**Mend.**"] {
            assert!(section.contains(part), "{id} lacks {part}");
        }
    }
}
