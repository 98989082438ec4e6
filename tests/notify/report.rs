//! A report as a mail: its subject, its text, its HTML, its pictures and its list.

use std::collections::HashMap;

use whmcs_stock_monitor::charts::level;
use whmcs_stock_monitor::charts::png;
use whmcs_stock_monitor::domain::report::Chart;
use whmcs_stock_monitor::domain::report::Report;
use whmcs_stock_monitor::notify::content::Attachment;
use whmcs_stock_monitor::notify::content::Content;
use whmcs_stock_monitor::notify::report::csv;
use whmcs_stock_monitor::notify::report::summary;
use whmcs_stock_monitor::notify::report::text;

use crate::digests;
use crate::samples::berlin;
use crate::samples::paper;

pub struct Mail {
    pub subject: String,
    pub text: String,
    pub html: String,
    pub attachments: Vec<Attachment>,
}

/// The mail of a report, in Berlin's time.
pub fn mail(report: Report) -> Mail {
    match paper().render(
        &digests::message(report),
        &berlin(),
        Some("http://127.0.0.1:9717/"),
    ) {
        Content::Mail {
            subject,
            text,
            html,
            attachments,
            ..
        } => Mail {
            subject,
            text,
            html,
            attachments,
        },
        Content::Http { .. } | Content::Unrendered { .. } => panic!("not a mail"),
    }
}

#[test]
fn a_report_says_in_its_text_what_it_says_in_its_html() {
    let mail = mail(digests::full());
    insta::assert_snapshot!(mail.subject, @"Monday report: 2 out, 1 critical, 5 low, 2 ordered, 1 overdue");
    insta::assert_snapshot!(mail.text, @r"
    Monday report
    16 to 22 November 2026 · Europe/Berlin

    2 to act on now, 1 will run out before a restock, 1 of 2 orders overdue.

           2 out
           1 critical
           5 low
          70 ok
          14 not controlled
           2 unknown

    ACT NOW (2)
    -----------
    OUT: DS-64 [RAM: 64 GB, Disk: 2x NVMe], 0 left
        out since 19 November (3 days)
        sells 1.4 a day
        fell by 17, rose by 6 in this time
        limited by pool 64 GB DIMM kits
        low ≤ 5, critical ≤ 1 (global)
        Dedicated · product 42
        16 November to 22 November: DS-64 [RAM: 64 GB, Disk: 2x NVMe]: from 11 to 0
          in 7 days, at times not known, low at 5

    CRITICAL: DS-128 AMD EPYC, 1 left
        critical since 19 November (3 days)
        sells 4.2 a week; lasts about 2 days (0 to 3)
        fell by 4 in this time
        low ≤ 5, critical ≤ 1 (global)
        Dedicated · product 43
        16 November to 22 November: DS-128 AMD EPYC: from 5 to 1 in 7 days, low at 5

    WILL RUN OUT BEFORE A RESTOCK (1)
    ---------------------------------
    What will not last the 10 days that a restock takes.

    RUNS OUT: VPS L, 6 days
        12 left; lasts about 6 days (3 to 10); a restock takes 10 days
        sells 2 a day
        fell by 14 in this time
        Dedicated · product 44
        16 November to 22 November: VPS L: from 26 to 12 in 7 days, low at 5

    ORDERED AND WAITING (2)
    -----------------------
    OVERDUE: GPU-1, 0 left
        20 ordered, due 18 November (4 days ago), 12 came so far
        by Ann Example, 17 November: PO 881, two pallets
        out since 19 November (3 days)
        sells 3 a day
        Dedicated · product 46
        16 November to 22 November: GPU-1: 0 at both ends of 7 days, 12 at the most,
          low at 8

    ORDERED: VPS XL, 2 left
        20 ordered, expected 12 December
        by Ann Example, 17 November: PO 881, two pallets
        low since 19 November (3 days)
        Dedicated · product 45

    WHAT CHANGED (5)
    ----------------
    FELL: DS-64 [RAM: 64 GB, Disk: 2x NVMe], −17
        rose by 6; 0 left, out
        Dedicated · product 42

    FELL: VPS L, −14
        12 left, ok
        Dedicated · product 44

    ROSE: Web S, +40
        140 left, ok
        Dedicated · product 47

    NEW: VPS XXL
        17 November, 10:30
        Dedicated · product 48

    GONE: VPS 2019
        20 November, 23:30
        Dedicated · product 49

    IN STOCK AND NOT SELLING (1)
    ----------------------------
    IDLE: Reseller Gold, 25 left
        nothing sold for 81 days
        Dedicated · product 50

    POOLS (1)
    ---------
    OUT: 64 GB DIMM kits, 0 of 40
        holds back 3 products

    ESTIMATED LOST RECURRING REVENUE (1)
    ------------------------------------
    About 12,345.67 EUR in all.

    LOST: DS-64 [RAM: 64 GB, Disk: 2x NVMe], 12,345.67 EUR
        82 hours at zero; sells 1.4 a day
        Dedicated · product 42

      * Price: the monthly price in the catalogue, without discounts.
      * Sales at the rate of the last 28 days, for every hour at zero.

    THE MONITOR ITSELF
    ------------------
    2,016 polls, 3 of them failed.
    Not read: default for 9 h 5 min, from 18 November, 13:00 to 18 November, 22:05.
    2 products have no known level.
    1 message was refused for good: whmcs-stock-monitor deliveries list shows them.
    A silence of Bob ends 25 November, 18:00: rack 12 moves

    -- 
    Made 23 November, 07:00.
    Every product, pool and event is in the CSV attached.
    All levels: http://127.0.0.1:9717/
    ");
}

#[test]
fn a_calm_week_says_that_all_is_well_and_where_there_is_nothing() {
    let mail = mail(digests::calm());
    insta::assert_snapshot!(mail.subject, @"Monday report: all is well");
    insta::assert_snapshot!(mail.text, @r"
    Monday report
    16 to 22 November 2026 · Europe/Berlin

    All is well: nothing to act on, nothing running out, nothing overdue, and the
    monitor itself is well.

          84 ok

    ACT NOW
    -------
    None: nothing is out or critical that nobody has taken on.

    WILL RUN OUT BEFORE A RESTOCK
    -----------------------------
    None: nothing is known to run out before it can be restocked.

    ORDERED AND WAITING
    -------------------
    None: nothing is on order.

    WHAT CHANGED
    ------------
    None: nothing was sold or restocked, and nothing came or went.

    IN STOCK AND NOT SELLING
    ------------------------
    None: nothing in stock is known to have stood that long without a sale.

    POOLS
    -----
    None: no pools are configured.

    ESTIMATED LOST RECURRING REVENUE
    --------------------------------
    None: nothing with a price was sold out.

    THE MONITOR ITSELF
    ------------------
    2,016 polls, all of them good.
    Every message was delivered.

    -- 
    Made 23 November, 07:00.
    Every product, pool and event is in the CSV attached.
    All levels: http://127.0.0.1:9717/
    ");
}

#[test]
fn the_same_level_makes_the_same_small_picture() {
    let chart = digests::chart(5, 1, &[(0, Some(20)), (40, None), (60, Some(12)), (99, Some(3))]);
    let first = png::png(&level::svg(&chart)).expect("a picture");
    assert_eq!(Some(&first), png::png(&level::svg(&chart)).as_ref());
    assert!(first.len() < 10_000, "{} bytes", first.len());
}

/// The words of a page as they are shown, one piece for each element.
fn shown(html: &str) -> Vec<String> {
    let body = html.split_once("<body").expect("a body").1;
    let pieces = body.split('<').skip(1).filter_map(|piece| piece.split_once('>'));
    pieces
        .map(|(_, words)| html_escape::decode_html_entities(words).trim().to_owned())
        .filter(|words| !words.is_empty())
        .collect()
}

/// The text without its line breaks.
fn flowing(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .to_lowercase()
}

#[test]
fn every_word_and_figure_of_the_html_stands_in_the_text() {
    for report in [digests::full(), digests::calm()] {
        let mail = mail(report);
        let text = flowing(&mail.text);
        let pieces = shown(&mail.html);
        assert!(pieces.len() > 20, "{pieces:?}");
        for piece in pieces.iter().flat_map(|piece| piece.split(" · ")) {
            let piece = flowing(piece.trim_matches('·'));
            assert!(text.contains(&piece), "{piece:?} is missing in {text}");
        }
    }
}

#[test]
fn the_text_fits_a_terminal() {
    for report in [digests::full(), digests::calm(), digests::huge()] {
        let text = mail(report).text;
        for line in text.lines().filter(|line| !line.contains("http")) {
            assert!(text::width(line) <= 80, "{line}");
        }
    }
}

#[test]
fn ten_thousand_products_with_hostile_names_make_a_mail_that_is_shown_whole() {
    let mail = mail(digests::huge());
    assert!(mail.html.len() < 100_000, "{} bytes", mail.html.len());
    assert!(mail.text.len() < 100_000, "{} bytes", mail.text.len());
    assert!(mail.subject.chars().count() <= 150, "{}", mail.subject);
    assert!(!mail.html.contains("<script"));
    assert!(mail.html.contains("more, in the CSV"));
    let pictures = mail.attachments.iter().filter(|attachment| attachment.inline);
    let sizes: Vec<usize> = pictures.map(|picture| picture.data.len()).collect();
    assert!((1..=12).contains(&sizes.len()), "{sizes:?}");
    assert!(
        sizes.iter().all(|size| *size < 13_400),
        "10 kB in base64: {sizes:?}"
    );
    let all: usize = mail
        .attachments
        .iter()
        .map(|attachment| attachment.data.len())
        .sum();
    assert!(all < 8_000_000, "{all} bytes are more than mail servers take");
}

fn rows(report: &Report) -> Vec<HashMap<String, String>> {
    let list = csv::csv(report);
    let list = list.strip_prefix('\u{feff}').expect("a byte order mark");
    assert!(list.ends_with("\r\n"));
    let mut reader = ::csv::Reader::from_reader(list.as_bytes());
    reader.deserialize().map(|row| row.expect("a row")).collect()
}

#[test]
fn the_list_holds_every_product_pool_and_event_once() {
    let rows = rows(&digests::full());
    let said: Vec<String> = rows
        .iter()
        .map(|row| {
            let columns = [
                "row", "sections", "product", "name", "level", "lost", "currency", "eta", "overdue", "event",
            ];
            let told = columns.map(|column| row[column].as_str());
            let told: Vec<&str> = told.into_iter().filter(|cell| !cell.is_empty()).collect();
            told.join(" | ")
        })
        .collect();
    insta::assert_snapshot!(said.join("\n"), @r"
    series | act_now;changed;money | DS-64 | 0 | 12345.67 | EUR
    series | act_now | DS-128 AMD EPYC | 1
    series | running_out;changed | VPS L | 12
    series | ordered | VPS XL | 2 | 2026-12-12T11:00:00Z | false
    series | ordered | GPU-1 | 0 | 2026-11-18T11:00:00Z | true
    series | changed | Web S | 140
    series | idle | Reseller Gold | 25
    event | changed | VPS XXL | new
    event | changed | VPS 2019 | gone
    pool | pools | 64 GB DIMM kits | 0
    ");
}

#[test]
fn a_list_of_ten_thousand_products_is_whole_and_no_cell_is_a_formula() {
    let mut report = digests::huge();
    report.all[0].level = Some(-3);
    let rows = rows(&report);
    assert_eq!(rows.len(), 10_000 + 50 + 50, "products, pools and events");
    assert_eq!(rows[0]["level"], "-3", "a number is no formula");
    for (column, cell) in rows.iter().flatten() {
        let number = cell.parse::<f64>().is_ok();
        assert!(
            number || !cell.starts_with(['=', '+', '-', '@']),
            "{column}: {cell}"
        );
        assert!(!cell.contains(['\r', '\n']), "{column}: {cell}");
    }
}

#[test]
fn a_file_name_is_plain_whatever_the_report_is_called() {
    for (name, file) in [
        ("weekly", "report-weekly-2026-11-23.csv"),
        ("Sales & Co: \"EU\"/../x", "report-sales-co-eu-x-2026-11-23.csv"),
        ("\u{202e}报告", "report-week-2026-11-23.csv"),
    ] {
        let report = Report {
            name: name.to_owned(),
            ..digests::calm()
        };
        assert_eq!(csv::file_name(&report, &berlin()), file);
    }
}

#[test]
fn a_report_in_a_few_lines_names_the_worst() {
    insta::assert_snapshot!(summary::summary_lines(&digests::full(), &berlin()).join("\n"), @r"
    Monday report: 2 out, 1 critical, 5 low, 2 ordered, 1 overdue
    16 to 22 November 2026
    Act now (2):
    - DS-64 [RAM: 64 GB, Disk: 2x NVMe]: 0 left
    - DS-128 AMD EPYC: 1 left
    Will run out before a restock (1):
    - VPS L: 12 left, lasts about 6 days (3 to 10)
    Ordered and waiting (2):
    - GPU-1: overdue: 20 ordered, due 18 November (4 days ago), 12 came so far
    - VPS XL: 20 ordered, expected 12 December
    Changed: 3 fell or rose, 2 other events
    Estimated lost recurring revenue: about 12,345.67 EUR
    The monitor itself: 3 of 2016 polls failed, 1 message was refused for good
    ");
    assert!(summary::summary_lines(&digests::huge(), &berlin()).len() < 40);
}

#[test]
fn a_picture_is_drawn_of_any_level() {
    let many: Vec<(i64, Option<i64>)> = (0..5000).map(|hour| (hour / 30, Some(hour % 97))).collect();
    for points in [
        Vec::new(),
        vec![(0, None)],
        vec![(0, Some(0))],
        vec![(0, Some(-12)), (20, Some(3))],
        vec![(0, Some(i64::MAX)), (50, Some(i64::MIN)), (60, None)],
        vec![(90, Some(3)), (20, Some(9)), (4000, Some(2)), (-4000, Some(1))],
        many,
    ] {
        let chart = digests::chart(5, 1, &points);
        let svg = level::svg(&chart);
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        let picture = png::png(&svg).expect("a picture");
        assert!(picture.len() < 20_000, "{} bytes", picture.len());
        let empty = Chart {
            until: chart.from,
            ..chart
        };
        assert!(png::png(&level::svg(&empty)).is_some());
    }
}

#[test]
fn what_was_not_known_is_hatched_and_no_line_runs_through_it() {
    let known = level::svg(&digests::chart(5, 1, &[(0, Some(9)), (80, Some(4))]));
    let gap = level::svg(&digests::chart(5, 1, &[(0, Some(9)), (40, None), (80, Some(4))]));
    let line = |svg: &str| {
        let (before, _) = svg
            .split_once("\" fill=\"none\" stroke=\"#1d4f8a\"")
            .expect("the level");
        before.rsplit_once("d=\"").expect("a path").1.matches('M').count()
    };
    assert_eq!((line(&known), line(&gap)), (1, 2));
    assert_eq!(
        (known.matches("url(#u)").count(), gap.matches("url(#u)").count()),
        (0, 1)
    );
}
