//! Forms that were not done: what is said of them, and that they may be sent again.

use std::sync::Arc;

use whmcs_stock_monitor::domain::catalogue::Level;

use crate::fixture::memory;
use crate::fixture::product;
use crate::fixture::series;
use crate::harness::Answer;
use crate::harness::Site;
use crate::harness::accepted;
use crate::harness::form;
use crate::listed::words;
use crate::listed_alerts::shop;
use crate::listed_alerts::with;

type Fields = Vec<(String, String)>;

/// As a browser sends it, which wants a page for an answer.
async fn send(site: &Site, path: &str, fields: &Fields) -> Answer {
    let body = serde_urlencoded::to_string(fields).unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nAccept: text/html\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let answer = String::from_utf8(site.raw(&head).await).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    Answer {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head: head.to_lowercase(),
        body: body.to_owned(),
    }
}

async fn taking(site: &Site, typed: &[(&str, &str)]) -> Fields {
    let page = site.get("/alerts?severity=out").await.body;
    with(form(&page, "/do/ack", "value=\"default/1/-\""), typed)
}

async fn acks(site: &Site) -> Vec<String> {
    let listed = site.get("/api/v1/acks").await.json();
    let items = listed["items"].as_array().unwrap();
    items
        .iter()
        .map(|ack| ack["by"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_form_with_a_mistake_may_be_sent_again_from_the_page_before_and_what_was_done_is_not_done_twice() {
    let site = shop().await;
    let wrong = taking(&site, &[("by", "Ann"), ("quantity", "a few")]).await;
    let answer = send(&site, "/do/ack", &wrong).await;
    assert_eq!(answer.status, 400, "{}", answer.body);
    let marked = answer.body.split("name=\"quantity\"").nth(1).unwrap();
    let marked = marked.split('>').next().unwrap();
    assert!(marked.contains("aria-invalid=\"true\" autofocus"), "{marked}");
    assert_eq!(answer.body.matches(" autofocus").count(), 1, "{}", answer.body);

    // "Back", and another try with the same key.
    let mended = with(wrong, &[("quantity", "3")]);
    let answer = send(&site, "/do/ack", &mended).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    let answer = send(&site, "/do/ack", &mended).await;
    assert_eq!(answer.status, 403, "{}", answer.body);
    let said = words(&answer.body);
    assert!(said.starts_with("This form was sent already\n"), "{said}");
    assert!(
        answer
            .body
            .contains("href=\"/alerts?severity=out\">Back to the page</a>"),
        "{}",
        answer.body
    );
    assert_eq!(acks(&site).await, ["Ann"]);
}

#[tokio::test]
async fn what_recovered_meanwhile_is_not_taken_on() {
    let site = shop().await;
    let fields = taking(&site, &[("by", "Ann")]).await;
    let well = memory(vec![product(1, "DS-64", series(Level::Known(40)))]);
    site.view.publish("default", Arc::clone(&well), accepted());
    let answer = send(&site, "/do/ack", &fields).await;
    assert_eq!(answer.status, 409, "{}", answer.body);
    let said = words(&answer.body);
    assert!(said.starts_with("It is ok again\n"), "{said}");
    assert!(said.contains("Nothing was recorded"), "{said}");
    assert_eq!(acks(&site).await, Vec::<String>::new());
}

#[tokio::test]
async fn whoever_took_it_on_meanwhile_is_named_before_they_are_replaced() {
    let site = shop().await;
    let old = taking(&site, &[("by", "Ann")]).await;
    let answer = send(
        &site,
        "/do/ack",
        &taking(&site, &[("by", "Ben"), ("note", "PO 881")]).await,
    )
    .await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    let answer = send(&site, "/do/ack", &old).await;
    assert_eq!(answer.status, 409, "{}", answer.body);
    let said = words(&answer.body);
    assert!(
        said.contains("Meanwhile somebody has it: taken on by Ben: PO 881."),
        "{said}"
    );
    assert!(said.contains("Take it over"), "{said}");
    assert_eq!(acks(&site).await, ["Ben"], "nothing was changed");
    let over = form(&answer.body, "/do/ack", "value=\"default/1/-\"");
    assert_eq!(send(&site, "/do/ack", &over).await.status, 303);
    assert_eq!(acks(&site).await, ["Ann"]);
    // Who sees whom they replace is not asked twice.
    let seen = taking(&site, &[("by", "Cleo")]).await;
    assert_eq!(send(&site, "/do/ack", &seen).await.status, 303);
    assert_eq!(acks(&site).await, ["Cleo"]);
}
