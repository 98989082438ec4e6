//! What pages are dressed in: every class that they use stands in the style sheet, or is known to need no rule.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::every_state;
use crate::fixture::memory;
use crate::fixture::product;
use crate::fixture::series;
use crate::harness::settings;
use crate::harness::site;
use crate::queue;
use whmcs_stock_monitor::domain::catalogue::Level;

/// Classes without a rule, each with why.
const UNDRESSED: &[(&str, &str)] = &[
    ("absent", "a cell of a heat table without anything in it"),
    ("ago", "told by the script, which writes such a time anew"),
    (
        "at",
        "told by the script, which puts such a time into the reader's zone",
    ),
    ("channels", "a name of a table, which looks like all tables"),
    ("gaps", "a name of a table, which looks like all tables"),
    ("shops", "a name of a table, which looks like all tables"),
    ("user", "stands in the head, which dresses it"),
];

/// The names of the classes of a page.
fn used(html: &str) -> BTreeSet<String> {
    let attributes = html.split("class=\"").skip(1);
    let values = attributes.filter_map(|rest| rest.split('"').next());
    values
        .flat_map(str::split_whitespace)
        .map(str::to_owned)
        .collect()
}

/// The names of the classes of a template, as far as they are written out.
fn written(template: &str) -> BTreeSet<String> {
    let mut plain = String::new();
    for part in template.split("{%") {
        plain.push_str(part.split_once("%}").map_or(part, |(_, after)| after));
        plain.push('\u{1}');
    }
    let names = used(&plain).into_iter();
    names
        .flat_map(|name| name.split('\u{1}').map(str::to_owned).collect::<Vec<String>>())
        .filter(|name| !name.is_empty() && !name.contains(['{', '}', '(', ')', '.']) && !name.ends_with('-'))
        .collect()
}

/// The names of the classes that the style sheet has a rule for.
fn dressed(style: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut rest = style;
    while let Some((before, after)) = rest.split_once("/*") {
        rest = after.split_once("*/").map_or("", |(_, after)| after);
        names.extend(classes(before));
    }
    names.extend(classes(rest));
    names
}

fn classes(style: &str) -> impl Iterator<Item = String> + '_ {
    let selectors = style.split('{').filter_map(|part| part.rsplit(['}', ';']).next());
    selectors.flat_map(|selector| {
        let names = selector.split('.').skip(1);
        names.map(|name| {
            let is_name = |sign: char| sign.is_ascii_alphanumeric() || "-_".contains(sign);
            name.chars().take_while(|sign| is_name(*sign)).collect()
        })
    })
}

fn templates(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        // Mails bring their own style.
        let of_a_mail = ["mail.html", "report.html", "chart.html"].contains(&name.as_str());
        if path.is_dir() {
            templates(&path, found);
        } else if name.ends_with(".html") && !of_a_mail {
            found.push(fs::read_to_string(&path).unwrap());
        }
    }
}

#[tokio::test]
async fn every_class_of_a_page_is_dressed_by_the_style_sheet() {
    let long = product(1, &"endless ".repeat(400), series(Level::Known(0)));
    let shops = vec![("eu", every_state()), ("us", memory(vec![long]))];
    let site = site(settings(None), shops).await;
    queue(&site.store, "email", 1).await;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
    let style = fs::read_to_string(root.join("assets/style.css")).unwrap();
    let mut names = BTreeSet::new();
    for path in [
        "/",
        "/?show=out",
        "/?q=nothing+like+it",
        "/alerts",
        "/pools",
        "/deliveries",
        "/deliveries/1",
        "/sources",
        "/products/eu/9",
        "/products/eu/3",
        "/products/eu/5",
        "/products/us/1",
    ] {
        let answer = site.get(path).await;
        let of_page = used(&answer.body);
        assert!(!of_page.is_empty(), "{path}: {}", answer.head);
        names.extend(of_page);
    }
    assert!(names.contains("long") && names.contains("heat-4"), "{names:?}");
    let mut all = Vec::new();
    templates(&root, &mut all);
    names.extend(all.iter().flat_map(|template| written(template)));
    let dressed = dressed(&style);
    let bare: BTreeSet<&str> = names.difference(&dressed).map(String::as_str).collect();
    let known: BTreeSet<&str> = UNDRESSED.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        bare, known,
        "a class without a rule, or one that has got its rule"
    );
}
