//! The wording of mails: their subjects and their plain text, word for word.

use whmcs_stock_monitor::domain::message::Alert;
use whmcs_stock_monitor::domain::message::Body;
use whmcs_stock_monitor::domain::message::Capability;
use whmcs_stock_monitor::domain::message::HeldBack;
use whmcs_stock_monitor::domain::message::Message;
use whmcs_stock_monitor::domain::message::Open;
use whmcs_stock_monitor::domain::message::PoolRef;
use whmcs_stock_monitor::domain::message::Reason;
use whmcs_stock_monitor::domain::source::Cause;
use whmcs_stock_monitor::domain::stand::Severity;

use crate::samples;
use crate::samples::alert;
use crate::samples::letter;
use crate::samples::out;

/// Subject and text, as a terminal would show them.
fn shown(message: &Message) -> String {
    let letter = letter(message);
    format!("Subject: {}\n\n{}", letter.subject, letter.text)
}

fn subject(alert: Alert) -> String {
    letter(&samples::alerts(vec![alert])).subject
}

#[test]
fn one_product_that_sold_out() {
    insta::assert_snapshot!(shown(&samples::alerts(vec![out()])), @r#"
    Subject: OUT: DS-64 (was 3)

    OUT: DS-64
      0 left, was 3
      told before: low
      Dedicated · product 42
      low ≤ 5, critical ≤ 1 (global)
      not ok since 21 Nov 2026, 07:58 CET (2 h 5 min)

    -- 
    Shop default · 21 Nov 2026, 10:03 CET
    All levels: http://127.0.0.1:9717/
    "#);
}

#[test]
fn several_alerts_stand_worst_first_with_what_is_still_open_apart() {
    insta::assert_snapshot!(shown(&samples::mixed()), @r#"
    Subject: 1 out, 1 critical, 1 low, 1 recovered: DS-64, VPS M [RAM: 64 GB, Disk: 2x NVMe] +2

    1 out, 1 critical, 1 low, 1 recovered

    OUT: DS-64
      0 left, was 3
      told before: low
      Dedicated · product 42
      low ≤ 5, critical ≤ 1 (global)
      not ok since 21 Nov 2026, 07:58 CET (2 h 5 min)

    CRITICAL: VPS M [RAM: 64 GB, Disk: 2x NVMe]
      1 left, was 2
      Dedicated · product 7
      low ≤ 5, critical ≤ 1 (global)

    LOW: VPS L & XL
      6 left
      Dedicated · product 8
      low ≤ 8, critical ≤ 2 (from rule 2)
      lasts about 3 days at the present rate

    RECOVERED: Web S
      200 left, was 1
      Dedicated · product 9
      low ≤ 5, critical ≤ 1 (global)
      was not ok for 4 days 15 h

    Still open (14):
    - OUT: DS-128, shows 0: sold out, or stock control was switched off, since 19 Nov 2026, 02:29 CET
    - LOW: Web L, 4 left, since 20 Nov 2026, 09:03 CET
    - and 12 more

    -- 
    Shop default · 21 Nov 2026, 10:03 CET
    All levels: http://127.0.0.1:9717/
    "#);
}

#[test]
fn a_zero_that_may_mean_something_else_says_so() {
    let zero = Alert {
        ambiguous_zero: true,
        ..out()
    };
    insta::assert_snapshot!(shown(&samples::alerts(vec![zero])), @r#"
    Subject: OUT?: DS-64 (shows 0, was 3)

    OUT?: DS-64
      shows 0: sold out, or stock control was switched off (was 3)
      told before: low
      Dedicated · product 42
      low ≤ 5, critical ≤ 1 (global)
      not ok since 21 Nov 2026, 07:58 CET (2 h 5 min)

    -- 
    Shop default · 21 Nov 2026, 10:03 CET
    All levels: http://127.0.0.1:9717/
    "#);
}

#[test]
fn a_recovery_tells_how_long_it_took() {
    let recovered = Alert {
        previous_severity: Severity::Out,
        previous_level: Some(0),
        started_at: Some(samples::ago(7500)),
        ..alert(Reason::Recovered, Severity::Ok, 42, "DS-64", 30)
    };
    insta::assert_snapshot!(shown(&samples::alerts(vec![recovered])), @r#"
    Subject: recovered: DS-64 (30)

    RECOVERED: DS-64
      30 left, was 0
      Dedicated · product 42
      low ≤ 5, critical ≤ 1 (global)
      was not ok for 2 h 5 min

    -- 
    Shop default · 21 Nov 2026, 10:03 CET
    All levels: http://127.0.0.1:9717/
    "#);
}

#[test]
fn a_better_level_is_no_recovery() {
    let better = Alert {
        previous_severity: Severity::Out,
        previous_level: Some(0),
        started_at: Some(samples::ago(90_000)),
        ..alert(Reason::Better, Severity::Low, 42, "DS-64", 3)
    };
    insta::assert_snapshot!(shown(&samples::alerts(vec![better])), @r#"
    Subject: better: DS-64, 3 left, still low

    BETTER: DS-64
      3 left, was 0
      no longer out, still low
      Dedicated · product 42
      low ≤ 5, critical ≤ 1 (global)
      not ok since 20 Nov 2026, 09:03 CET (1 day 1 h)

    -- 
    Shop default · 21 Nov 2026, 10:03 CET
    All levels: http://127.0.0.1:9717/
    "#);
}

#[test]
fn a_reminder_is_one_mail_about_all_that_is_open() {
    let reminder = |severity, id, name, level| Alert {
        previous_severity: severity,
        started_at: Some(samples::ago(200_000)),
        ..alert(Reason::Reminder, severity, id, name, level)
    };
    let message = samples::alerts(vec![
        reminder(Severity::Out, 42, "DS-64", 0),
        reminder(Severity::Critical, 7, "VPS M", 1),
    ]);
    insta::assert_snapshot!(shown(&message), @r#"
    Subject: still open: 1 out, 1 critical: DS-64, VPS M

    Still open: 1 out, 1 critical

    STILL OUT: DS-64
      0 left
      Dedicated · product 42
      low ≤ 5, critical ≤ 1 (global)
      not ok since 19 Nov 2026, 02:29 CET (2 days 7 h)

    STILL CRITICAL: VPS M
      1 left
      Dedicated · product 7
      low ≤ 5, critical ≤ 1 (global)
      not ok since 19 Nov 2026, 02:29 CET (2 days 7 h)

    -- 
    Shop default · 21 Nov 2026, 10:03 CET
    All levels: http://127.0.0.1:9717/
    "#);
}

#[test]
fn each_reason_has_its_subject() {
    let low = |reason| Alert {
        previous_severity: Severity::Out,
        previous_level: Some(9),
        ..alert(reason, Severity::Low, 42, "DS-64", 4)
    };
    let unknown = Alert {
        level: None,
        ..low(Reason::Withdrawn)
    };
    let choice = Alert {
        combination: samples::combination("4=11", "RAM: 64 GB"),
        ..out()
    };
    let subjects: Vec<String> = [
        low(Reason::First),
        low(Reason::Worse),
        low(Reason::Better),
        alert(Reason::Recovered, Severity::Ok, 42, "DS-64", 30),
        low(Reason::Reminder),
        low(Reason::RuleChanged),
        unknown,
        choice,
    ]
    .into_iter()
    .map(subject)
    .collect();
    insta::assert_snapshot!(subjects.join("\n"), @r#"
    LOW: DS-64, 4 left (was 9)
    LOW: DS-64, 4 left (was 9)
    better: DS-64, 4 left, still low
    recovered: DS-64 (30)
    still low: DS-64, 4 left
    rules changed: DS-64 is low now, 4 left
    withdrawn: DS-64 is no longer watched
    OUT: DS-64 [RAM: 64 GB] (was 3)
    "#);
}

#[test]
fn changed_rules_are_told_apart_from_changed_stock() {
    let changed = Alert {
        previous_severity: Severity::Ok,
        thresholds: samples::thresholds(10, 2, "low: rule 2, critical: global"),
        ..alert(Reason::RuleChanged, Severity::Low, 42, "DS-64", 7)
    };
    insta::assert_snapshot!(shown(&samples::alerts(vec![changed])), @r#"
    Subject: rules changed: DS-64 is low now, 7 left

    LOW: DS-64
      7 left
      the rules changed, not the stock (told before: ok)
      Dedicated · product 42
      low ≤ 10 (from rule 2), critical ≤ 2 (global)

    -- 
    Shop default · 21 Nov 2026, 10:03 CET
    All levels: http://127.0.0.1:9717/
    "#);
}

#[test]
fn the_baseline_counts_what_is_watched() {
    insta::assert_snapshot!(shown(&samples::baseline()), @r#"
    Subject: WHMCS baseline: watching 84 products, 2 out, 1 critical, 5 low; 3 pools, 1 out; combinations: 12 out

    Now watching 84 products of WHMCS, and 3 pools

    This is the baseline: what stands below counts as told. From now on you hear of what changes.
    Combinations of options: 12 out.
    Pools: 1 out.

         2 out
         1 critical
         5 low
        60 ok
        14 not controlled
         2 unknown

    Still open (14):
    - OUT: DS-128, shows 0: sold out, or stock control was switched off, since 19 Nov 2026, 02:29 CET
    - LOW: Web L, 4 left, since 20 Nov 2026, 09:03 CET
    - and 12 more

    -- 
    Shop default · 21 Nov 2026, 10:03 CET
    All levels: http://127.0.0.1:9717/
    "#);
}

#[test]
fn a_baseline_without_anything_open_is_short() {
    let message = samples::message(Body::Baseline {
        products: 0,
        counts: Default::default(),
        combinations: Default::default(),
        pools: Default::default(),
        open: Open::default(),
    });
    insta::assert_snapshot!(shown(&message), @r#"
    Subject: WHMCS baseline: watching 0 products

    Now watching 0 products of WHMCS

    This is the baseline: what stands below counts as told. From now on you hear of what changes.

    -- 
    Shop default · 21 Nov 2026, 10:03 CET
    All levels: http://127.0.0.1:9717/
    "#);
}

#[test]
fn what_happened_to_products_is_one_mail() {
    insta::assert_snapshot!(shown(&samples::products()), @r#"
    Subject: products: 1 new, 1 gone, 1 back, 1 renamed, 1 with other options, 1 with stock control on, 1 with stock control off: VPS XXL, VPS 2019 +5

    7 products changed

    NEW: VPS XXL
      0 left (out)
      VPS · product 50

    GONE: VPS 2019
      no longer in the catalogue; its history is kept
      VPS · product 51

    BACK: VPS 2020
      12 left (ok)
      VPS · product 52

    RENAMED: VPS New
      was called VPS Old; 7 left (ok)
      VPS · product 53

    OPTIONS CHANGED: VPS M
      level unknown
      VPS · product 54

    STOCK CONTROL ON: VPS L
      3 left (low)
      VPS · product 55

    STOCK CONTROL OFF: VPS S
      WHMCS no longer counts it
      VPS · product 56

    -- 
    Shop default · 21 Nov 2026, 10:03 CET
    All levels: http://127.0.0.1:9717/
    "#);
}

#[test]
fn a_shop_that_cannot_be_read_is_named_with_cause_and_mend() {
    insta::assert_snapshot!(shown(&samples::down()), @r#"
    Subject: WHMCS eu unreadable for 16 min: Something in front of WHMCS refused the request (a firewall or login page answered)

    WHMCS eu has been unreadable for 16 min

    Something in front of WHMCS refused the request (a firewall or login page answered). Since 21 Nov 2026, 09:47 CET.
    Seen: status 403, a page of HTML: "Just a moment…"
    What to do: Let this host's requests to includes/api.php through the firewall, WAF or CDN (a 403 or an HTML page came back).
    Until it is readable again its products are silent: levels may be out of date.
    Pools that count its services become unknown with it, in every shop: 64 GB DIMM kits, NVMe.

    -- 
    Shop eu · 21 Nov 2026, 10:03 CET
    All levels: http://127.0.0.1:9717/
    "#);
}

#[test]
fn a_shop_that_is_back_tells_how_long_it_was_away() {
    let message = Message {
        instance: Some("eu".to_owned()),
        ..samples::message(Body::SourceUp {
            cause: Some(Cause::Timeout),
            since: samples::ago(5400),
        })
    };
    insta::assert_snapshot!(shown(&message), @r#"
    Subject: WHMCS eu readable again after 1 h 30 min

    WHMCS eu is readable again

    The gap lasted 1 h 30 min, from 21 Nov 2026, 08:33 CET to 21 Nov 2026, 10:03 CET.
    It had been: The server did not answer in time.
    What changed meanwhile is announced on its own.

    -- 
    Shop eu · 21 Nov 2026, 10:03 CET
    All levels: http://127.0.0.1:9717/
    "#);
}

#[test]
fn a_lost_capability_is_told_with_what_to_do_and_so_is_its_return() {
    let lost = samples::message(Body::SourceDegraded {
        lost: Capability::StockFields,
    });
    let regained = samples::message(Body::SourceRestored {
        regained: Capability::Companion,
        since: samples::ago(86_400),
    });
    insta::assert_snapshot!(format!("{}\n=====\n{}", shown(&lost), shown(&regained)), @r#"
    Subject: WHMCS: stock figures are missing, levels unknown

    WHMCS tells less than before

    WHMCS no longer sends stock figures with its products.
    What to do: Levels are unknown until the figures are back, and nothing is said about stock. Check whether WHMCS was changed or updated, and that stock control is switched on for the products.

    -- 
    Shop default · 21 Nov 2026, 10:03 CET
    All levels: http://127.0.0.1:9717/

    =====
    Subject: WHMCS: the companion answers again

    WHMCS is whole again

    The companion (GetProductDetails) answers again.
    The gap lasted 1 day, from 20 Nov 2026, 10:03 CET to 21 Nov 2026, 10:03 CET.

    -- 
    Shop default · 21 Nov 2026, 10:03 CET
    All levels: http://127.0.0.1:9717/
    "#);
}

#[test]
fn a_test_says_that_it_is_one() {
    insta::assert_snapshot!(shown(&samples::message(Body::Ping)), @r#"
    Subject: Test message of the stock monitor

    It works

    This is a test: messages of the stock monitor arrive here.

    -- 
    Shop default · 21 Nov 2026, 10:03 CET
    All levels: http://127.0.0.1:9717/
    "#);
}

#[test]
fn alerts_of_several_shops_name_the_shop_each() {
    let message = Message {
        instance: None,
        ..samples::alerts(vec![
            out(),
            Alert {
                instance: "eu".to_owned(),
                ..alert(Reason::First, Severity::Low, 7, "VPS M", 4)
            },
        ])
    };
    insta::assert_snapshot!(shown(&message), @r#"
    Subject: 1 out, 1 low: DS-64, VPS M

    1 out, 1 low

    OUT: DS-64
      0 left, was 3
      told before: low
      Dedicated · product 42 · default
      low ≤ 5, critical ≤ 1 (global)
      not ok since 21 Nov 2026, 07:58 CET (2 h 5 min)

    LOW: VPS M
      4 left
      Dedicated · product 7 · eu
      low ≤ 5, critical ≤ 1 (global)

    -- 
    21 Nov 2026, 10:03 CET
    All levels: http://127.0.0.1:9717/
    "#);
}

#[test]
fn a_pool_names_whom_it_holds_back_and_they_name_the_pool() {
    insta::assert_snapshot!(shown(&samples::pools()), @r#"
    Subject: 3 out, 1 low: pool 64 GB DIMM kits, DS-64 [RAM: 64 GB, Disk: 2x NVMe] +2

    3 out, 1 low

    OUT: pool 64 GB DIMM kits
      0 left, was 2; holds back DS-128, DS-64, DS-256 +2
      pool of 40
      low ≤ 5, critical ≤ 1 (global)

    OUT: DS-64 [RAM: 64 GB, Disk: 2x NVMe]
      0 because pool "64 GB DIMM kits" is empty; also holds back DS-128, DS-256
      was 2
      Dedicated · product 42
      low ≤ 5, critical ≤ 1 (global)

    OUT: DS-77 [RAM: 256 GB]
      0: 3 left in pool "Rails", one takes 4
      Dedicated · product 77
      low ≤ 5, critical ≤ 1 (global)

    LOW: DS-77 [RAM: 512 GB]
      4 left
      limited by RAM: 512 GB
      Dedicated · product 77
      low ≤ 5, critical ≤ 1 (global)

    Still open (3):
    - LOW: pool IPv4 /29, 4 left, since 21 Nov 2026, 10:03 CET
    - LOW: Web L, 2 left, limited by pool "64 GB DIMM kits" (5 left, one takes 2), since 21 Nov 2026, 10:03 CET
    - OUT: Web XL, 0 because pool "64 GB DIMM kits" is empty; also holds back DS-128, DS-256, since 21 Nov 2026, 10:03 CET

    -- 
    Shop default · 21 Nov 2026, 10:03 CET
    All levels: http://127.0.0.1:9717/
    "#);
}

#[test]
fn a_pool_that_speaks_alone() {
    let low = samples::pool_ref(
        Some(3),
        None,
        vec![samples::held(9, "DS-512", Some("RAM: 512 GB"), 4)],
    );
    let recovered = samples::pool_ref(Some(12), None, Vec::new());
    let alerts = [
        samples::pool(Reason::First, Severity::Out, samples::empty_pool()),
        Alert {
            previous_level: Some(6),
            ..samples::pool(Reason::First, Severity::Low, low.clone())
        },
        samples::pool(Reason::Reminder, Severity::Low, low),
        samples::pool(Reason::Recovered, Severity::Ok, recovered.clone()),
        samples::pool(Reason::Withdrawn, Severity::Ok, recovered),
    ];
    let said: Vec<String> = alerts.into_iter().map(subject).collect();
    insta::assert_snapshot!(said.join("\n"), @r#"
    OUT: pool 64 GB DIMM kits, 0 left; holds back DS-128, DS-64 +3
    LOW: pool 64 GB DIMM kits, 3 left (was 6); holds back DS-512
    still low: pool 64 GB DIMM kits, 3 left; holds back DS-512
    recovered: pool 64 GB DIMM kits (12)
    withdrawn: pool 64 GB DIMM kits is no longer watched
    "#);
}

/// Drawn on by these shops, in each of which it holds back one product.
fn shared(shops: &[&str]) -> PoolRef {
    let held = |shop: &&str| HeldBack {
        instance: (*shop).to_owned(),
        ..samples::held(9, "Barebone", None, 1)
    };
    PoolRef {
        instances: shops.iter().map(|shop| (*shop).to_owned()).collect(),
        holds_back_products: shops.len(),
        ..samples::pool_ref(Some(0), None, shops.iter().map(held).collect())
    }
}

#[test]
fn a_pools_message_names_the_shops_that_draw_on_it_and_no_other() {
    let alert = |shops: &[&str]| samples::pool(Reason::First, Severity::Out, shared(shops));
    let mixed = || samples::alert(Reason::First, Severity::Out, 42, "DS-64", 0);
    let mut said = String::new();
    for alerts in [
        vec![alert(&["us"])],
        vec![alert(&["us", "eu"])],
        vec![alert(&["a", "b", "c", "d", "e", "f"])],
        vec![alert(&["us"]), mixed()],
        vec![alert(&["us", "eu"]), mixed()],
        vec![alert(&[])],
    ] {
        // The shop whose poll showed it draws on none of them.
        let letter = samples::letter_among_shops(&samples::alerts(alerts));
        let foot = letter
            .text
            .split("-- \n")
            .last()
            .and_then(|foot| foot.lines().next());
        let pool = letter.text.lines().find(|line| line.contains("pool of"));
        let lines = [
            letter.subject.as_str(),
            pool.unwrap_or_default().trim(),
            foot.unwrap_or_default(),
        ];
        said.push_str(&(lines.join("\n") + "\n\n"));
    }
    insta::assert_snapshot!(said, @r#"
    OUT: pool 64 GB DIMM kits, 0 left; holds back Barebone · us
    pool of 40
    Shop us · 21 Nov 2026, 10:03 CET

    OUT: pool 64 GB DIMM kits, 0 left; holds back Barebone (us), Barebone (eu)
    pool of 40, drawn on by us, eu
    Shops us, eu · 21 Nov 2026, 10:03 CET

    OUT: pool 64 GB DIMM kits, 0 left; holds back Barebone (a), Barebone (b) +4
    pool of 40, drawn on by a, b, c, d, e +1
    6 shops · 21 Nov 2026, 10:03 CET

    2 out: pool 64 GB DIMM kits (us), DS-64 · default
    pool of 40, drawn on by us
    Shop default · 21 Nov 2026, 10:03 CET

    2 out: pool 64 GB DIMM kits (2 shops), DS-64 · default
    pool of 40, drawn on by us, eu
    Shop default · 21 Nov 2026, 10:03 CET

    OUT: pool 64 GB DIMM kits, 0 left
    pool of 40
    21 Nov 2026, 10:03 CET
    "#);
}

#[test]
fn orders_that_take_more_than_is_left_are_told_of_by_what_is_left() {
    let of = |level| PoolRef {
        holds_back_total: 600,
        holds_back_products: 300,
        ..samples::pool_ref(
            level,
            Some(3),
            vec![
                samples::held(9, "DS-512", Some("RAM: 512 GB"), 4),
                samples::held(8, "DS-128", Some("RAM: 128 GB"), 3),
            ],
        )
    };
    let alert = |reason, severity, orders, level| Alert {
        level: Some(orders),
        previous_level: Some(1),
        ..samples::pool(reason, severity, of(level))
    };
    let out = || alert(Reason::First, Severity::Out, 0, Some(2));
    let alerts = [
        out(),
        alert(Reason::First, Severity::Critical, 1, Some(4)),
        alert(Reason::Reminder, Severity::Out, 0, Some(2)),
    ];
    let recovered = Alert {
        level: Some(9),
        ..samples::pool(
            Reason::Recovered,
            Severity::Ok,
            samples::pool_ref(Some(29), Some(3), Vec::new()),
        )
    };
    let said: Vec<String> = alerts.into_iter().chain([recovered]).map(subject).collect();
    insta::assert_snapshot!(said.join("\n"), @r#"
    OUT: pool 64 GB DIMM kits [orders that take 3], 2 left; holds back DS-512, DS-128 +298
    CRITICAL: pool 64 GB DIMM kits [orders that take 3], 4 left; holds back DS-512, DS-128 +298
    still out: pool 64 GB DIMM kits [orders that take 3], 2 left; holds back DS-512, DS-128 +298
    recovered: pool 64 GB DIMM kits [orders that take 3] (29)
    "#);
    insta::assert_snapshot!(shown(&samples::alerts(vec![out()])), @r#"
    Subject: OUT: pool 64 GB DIMM kits [orders that take 3], 2 left; holds back DS-512, DS-128 +298

    OUT: pool 64 GB DIMM kits [orders that take 3]
      2 left, not enough for one; holds back DS-512, DS-128 +298
      pool of 40
      low ≤ 5, critical ≤ 1 (global)

    -- 
    Shop default · 21 Nov 2026, 10:03 CET
    All levels: http://127.0.0.1:9717/
    "#);
}

#[test]
fn a_subject_names_the_pool_that_limits() {
    let limited = |reason, severity, level, left| Alert {
        combination: samples::combination("4=11", "RAM: 64 GB"),
        ..samples::limited(
            alert(reason, severity, 42, "DS-64", level),
            samples::pool_ref(left, Some(1), Vec::new()),
        )
    };
    let alerts = [
        limited(Reason::First, Severity::Out, 0, Some(0)),
        limited(Reason::Worse, Severity::Low, 3, Some(3)),
        limited(Reason::Reminder, Severity::Out, -1, Some(-1)),
        limited(Reason::Recovered, Severity::Ok, 9, Some(9)),
    ];
    let said: Vec<String> = alerts.into_iter().map(subject).collect();
    insta::assert_snapshot!(said.join("\n"), @r#"
    OUT: DS-64 [RAM: 64 GB]; pool 64 GB DIMM kits is empty
    LOW: DS-64 [RAM: 64 GB], 3 left; pool 64 GB DIMM kits: 3 left
    still out: DS-64 [RAM: 64 GB], oversold by 1; pool 64 GB DIMM kits: oversold by 1
    recovered: DS-64 [RAM: 64 GB] (9)
    "#);
}

#[test]
fn the_longest_names_of_a_pool_and_its_users_stay_within_a_subject() {
    let letter = letter(&samples::alerts(vec![samples::hostile_pool()]));
    assert!(letter.subject.chars().count() <= 150, "{}", letter.subject);
    assert!(
        letter.subject.starts_with("OUT: pool é🚀漢<b>\""),
        "{}",
        letter.subject
    );
    for text in [&letter.subject, &letter.text, &letter.html] {
        assert!(!text.contains('\u{202e}'), "{text}");
    }
    // Ten are named, each shortened; the others are counted.
    let held = letter
        .text
        .lines()
        .find(|line| line.contains("holds back"))
        .expect("a line");
    assert!(held.ends_with("… +190"), "{held}");
    assert!(held.chars().count() < 700, "{held}");
}
