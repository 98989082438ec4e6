//! The people's side in mails, word for word: who has taken it on, what was ordered, what ended, what was over meanwhile.

use whmcs_stock_monitor::domain::message::Alert;
use whmcs_stock_monitor::domain::message::Body;
use whmcs_stock_monitor::domain::message::EndedMute;
use whmcs_stock_monitor::domain::message::Message;
use whmcs_stock_monitor::domain::message::MuteKind;
use whmcs_stock_monitor::domain::message::Open;
use whmcs_stock_monitor::domain::message::Reason;
use whmcs_stock_monitor::domain::stand::AckRef;
use whmcs_stock_monitor::domain::stand::Severity;

use crate::samples;
use crate::samples::alert;
use crate::samples::letter;
use crate::samples::out;

fn shown(message: &Message) -> String {
    let letter = letter(message);
    format!("Subject: {}\n\n{}", letter.subject, letter.text)
}

fn one(alert: Alert) -> String {
    shown(&samples::alerts(vec![alert]))
}

#[test]
fn an_alert_that_somebody_took_on_says_what_was_ordered() {
    let ordered = Alert {
        ack: Some(samples::ack()),
        ..out()
    };
    insta::assert_snapshot!(one(ordered), @r#"
    Subject: OUT: DS-64 (was 3)

    OUT: DS-64
      0 left, was 3
      told before: low
      ordered: 20, by 12 December, PO 881 (Ann)
      Dedicated · product 42
      low ≤ 5, critical ≤ 1 (global)
      not ok since 21 Nov 2026, 07:58 CET (2 h 5 min)

    -- 
    Shop default · 21 Nov 2026, 10:03 CET
    All levels: http://127.0.0.1:9717/
    "#);
}

#[test]
fn what_did_not_come_in_time_is_overdue() {
    let overdue = Alert {
        ack: Some(AckRef {
            overdue: true,
            arrived: 3,
            eta: Some("2026-11-20T22:59:59Z".parse().expect("a time")),
            ..samples::ack()
        }),
        started_at: Some(samples::ago(400_000)),
        ..alert(Reason::Overdue, Severity::Critical, 42, "DS-64", 1)
    };
    insta::assert_snapshot!(one(overdue), @r#"
    Subject: overdue: DS-64, 1 left

    OVERDUE: DS-64
      1 left
      overdue since 20 November: 20 ordered, 3 came, PO 881 (Ann)
      Dedicated · product 42
      low ≤ 5, critical ≤ 1 (global)
      not ok since 16 Nov 2026, 18:56 CET (4 days 15 h)

    -- 
    Shop default · 21 Nov 2026, 10:03 CET
    All levels: http://127.0.0.1:9717/
    "#);
}

#[test]
fn the_first_word_after_a_silence_says_that_it_ended() {
    let after = Alert {
        after: Some(samples::after()),
        ..out()
    };
    insta::assert_snapshot!(one(after), @r#"
    Subject: OUT: DS-64 (was 3)

    OUT: DS-64
      0 left, was 3
      told before: low
      the silence by Ann has ended (new rack)
      Dedicated · product 42
      low ≤ 5, critical ≤ 1 (global)
      not ok since 21 Nov 2026, 07:58 CET (2 h 5 min)

    -- 
    Shop default · 21 Nov 2026, 10:03 CET
    All levels: http://127.0.0.1:9717/
    "#);
    let window = Alert {
        after: Some(EndedMute {
            kind: MuteKind::Maintenance,
            id: "backups".to_owned(),
            by: String::new(),
            comment: String::new(),
        }),
        ..out()
    };
    assert!(one(window).contains("the maintenance \"backups\" has ended"));
}

#[test]
fn what_was_over_before_the_channel_could_be_told_says_so() {
    let over = |reason, severity, level| Alert {
        meanwhile: true,
        previous_severity: Severity::Out,
        previous_level: Some(0),
        started_at: Some(samples::ago(7500)),
        ..alert(reason, severity, 42, "DS-64", level)
    };
    insta::assert_snapshot!(one(over(Reason::Recovered, Severity::Ok, 30)), @r#"
    Subject: meanwhile out, now ok: DS-64, 30 left

    RECOVERED: DS-64
      30 left, was 0
      in the quiet hours it was out; that is over
      Dedicated · product 42
      low ≤ 5, critical ≤ 1 (global)
      was not ok for 2 h 5 min

    -- 
    Shop default · 21 Nov 2026, 10:03 CET
    All levels: http://127.0.0.1:9717/
    "#);
    insta::assert_snapshot!(one(over(Reason::Better, Severity::Low, 4)), @r#"
    Subject: meanwhile out, now low: DS-64, 4 left

    BETTER: DS-64
      4 left, was 0
      in the quiet hours it was out; now it is low
      Dedicated · product 42
      low ≤ 5, critical ≤ 1 (global)
      not ok since 21 Nov 2026, 07:58 CET (2 h 5 min)

    -- 
    Shop default · 21 Nov 2026, 10:03 CET
    All levels: http://127.0.0.1:9717/
    "#);
}

#[test]
fn what_is_still_open_says_who_is_on_it() {
    let open = Open {
        alerts: vec![Alert {
            ack: Some(samples::ack()),
            ..alert(Reason::Reminder, Severity::Low, 12, "Web L", 4)
        }],
        total: 1,
    };
    let message = samples::message(Body::Alerts {
        alerts: vec![out()],
        open,
    });
    let said = shown(&message);
    let row = said
        .lines()
        .find(|line| line.contains("Web L"))
        .unwrap_or_default();
    insta::assert_snapshot!(row, @"- LOW: Web L, 4 left, since 21 Nov 2026, 10:03 CET, ordered: 20, by 12 December, PO 881 (Ann)");
}

#[test]
fn what_people_wrote_is_text_in_the_html_too() {
    let hostile = Alert {
        ack: Some(AckRef {
            by: "<b>Ann".to_owned(),
            note: "<script>alert(1)</script>".to_owned(),
            ..samples::ack()
        }),
        after: Some(EndedMute {
            by: "<i>".to_owned(),
            comment: "</td><img src=x>".to_owned(),
            ..samples::after()
        }),
        ..out()
    };
    let html = letter(&samples::alerts(vec![hostile])).html;
    for raw in ["<b>Ann", "<script>", "<img", "<i>"] {
        assert!(!html.contains(raw), "{raw} in {html}");
    }
    assert!(html.contains("Ann"), "{html}");
}
