//! A report as a mail: its subject, its text, its HTML, its pictures and its list.

use whmcs_stock_monitor::charts::level;
use whmcs_stock_monitor::charts::png;
use whmcs_stock_monitor::domain::report::Report;
use whmcs_stock_monitor::notify::content::Attachment;
use whmcs_stock_monitor::notify::content::Content;

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
        Content::Http { .. } => panic!("not a mail"),
    }
}

#[test]
fn a_report_says_in_its_text_what_it_says_in_its_html() {
    let mail = mail(digests::full());
    insta::assert_snapshot!(mail.subject, @"Monday report: 2 out, 1 critical, 5 low, 2 ordered, 1 overdue");
    insta::assert_snapshot!(mail.text, @r"
    Monday report
    16 to 22 November 2026 · Europe/Berlin

    2 to act on now, 1 will run out before a restock, 1 of 2 ordered overdue.

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
        nothing sold
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
    1 message was refused for good: whmcs-stock-monitor deliveries lists them.
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
    None: everything that sells lasts until it can be restocked.

    ORDERED AND WAITING
    -------------------
    None: nothing is on order.

    WHAT CHANGED
    ------------
    None: nothing was sold or restocked, and nothing came or went.

    IN STOCK AND NOT SELLING
    ------------------------
    None: everything in stock sells.

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
