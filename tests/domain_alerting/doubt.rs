//! What is seen is checked before it is believed: suspect catalogues, lost capabilities, a source that is down.

use whmcs_stock_monitor::domain::alerting::decision::EventKind;
use whmcs_stock_monitor::domain::alerting::decision::Outcome;
use whmcs_stock_monitor::domain::catalogue::Companion;
use whmcs_stock_monitor::domain::catalogue::Figure;
use whmcs_stock_monitor::domain::catalogue::Level;
use whmcs_stock_monitor::domain::message::Body;
use whmcs_stock_monitor::domain::source::Cause;
use whmcs_stock_monitor::domain::stand::Severity;

use crate::shop::Shop;
use crate::shop::alerts;
use crate::shop::channel;
use crate::shop::heard;
use crate::shop::minutes;
use crate::shop::plain_rules;

const NOTHING: [&str; 0] = [];

/// A shop of so many products with 20 of each.
fn shop_of(products: i64) -> Shop {
    let stock: Vec<(i64, i64)> = (1..=products).map(|id| (id, 20)).collect();
    Shop::open(plain_rules(), &stock)
}

/// The outcome of a look a minute later.
fn outcome(shop: &mut Shop) -> Outcome {
    shop.wait(minutes(1));
    shop.look().outcome
}

fn detailed(shop: &mut Shop, id: i64, controlled: bool) {
    shop.edit(id, |item| {
        item.detailed = true;
        item.controlled = Some(controlled);
    });
}

#[test]
fn a_catalogue_is_suspect_below_four_fifths_and_three_short() {
    for (before, now, suspect) in [
        (10, 8, false), // exactly 80 %
        (10, 7, true),  // 70 %, 3 short
        (15, 12, false),
        (15, 11, true),
        (3, 1, false), // 2 short
        (4, 1, true),
        (2, 1, false),
        (100, 80, false),
        (100, 79, true),
    ] {
        let mut shop = shop_of(before);
        for id in now + 1..=before {
            shop.remove(id);
        }
        let expected = if suspect {
            Outcome::Suspect
        } else {
            Outcome::Accepted
        };
        assert_eq!(outcome(&mut shop), expected, "{before} to {now}");
    }
}

#[test]
fn a_catalogue_is_suspect_where_five_and_thirty_per_cent_fall_to_zero_at_once() {
    for (products, zeros, suspect) in [
        (5, 5, true),
        (5, 4, false), // 4 of 5
        (16, 5, true), // 31 %
        (17, 5, false),
        (20, 6, true), // exactly 30 %
        (20, 5, false),
        (100, 30, true),
        (100, 29, false),
    ] {
        let mut shop = shop_of(products);
        for id in 1..=zeros {
            shop.stock(id, 0);
        }
        let expected = if suspect {
            Outcome::Suspect
        } else {
            Outcome::Accepted
        };
        assert_eq!(outcome(&mut shop), expected, "{zeros} of {products}");
    }
}

#[test]
fn only_levels_that_were_positive_count_as_fallen() {
    let mut shop = shop_of(20);
    for id in 1..=4 {
        shop.stock(id, 0);
    }
    assert_eq!(outcome(&mut shop), Outcome::Accepted);
    for id in 5..=8 {
        shop.stock(id, 0);
    }
    assert_eq!(
        outcome(&mut shop),
        Outcome::Accepted,
        "4 of the 16 that were left"
    );
    for id in 9..=13 {
        shop.stock(id, -1);
    }
    assert_eq!(outcome(&mut shop), Outcome::Suspect, "below zero is no better");
}

#[test]
fn a_suspect_poll_changes_nothing_and_the_next_good_one_is_believed() {
    let mut shop = shop_of(10);
    let saved = shop.items.clone();
    for id in 1..=10 {
        shop.stock(id, 0);
    }
    shop.wait(minutes(1));
    let decision = shop.look();
    assert_eq!(decision.outcome, Outcome::Suspect);
    assert_eq!(decision.detail, "10 of 10 products in stock fell to 0 at once");
    assert!(decision.messages.is_empty());
    assert!(matches!(decision.events[0].kind, EventKind::Suspected(_)));
    for (id, item) in saved {
        shop.edit(id, |edited| *edited = item);
    }
    assert_eq!(shop.later(minutes(1)), NOTHING);
    assert_eq!(shop.severity(1), Severity::Ok);
    assert_eq!(shop.memory.source.suspect, None);
}

#[test]
fn three_suspect_polls_that_agree_are_believed() {
    let mut shop = shop_of(10);
    for id in 1..=10 {
        shop.stock(id, 0);
    }
    assert_eq!(outcome(&mut shop), Outcome::Suspect);
    assert_eq!(outcome(&mut shop), Outcome::Suspect);
    shop.wait(minutes(1));
    let decision = shop.look();
    assert_eq!(decision.outcome, Outcome::Accepted);
    assert_eq!(alerts(&decision, "mail").len(), 10);
    assert_eq!(decision.messages.len(), 1, "and not that the source is down");
}

#[test]
fn levels_other_than_zeros_do_not_matter_to_the_agreement() {
    let mut shop = shop_of(10);
    for id in 1..=9 {
        shop.stock(id, 0);
    }
    outcome(&mut shop);
    shop.stock(10, 19);
    outcome(&mut shop);
    shop.stock(10, 4);
    assert_eq!(outcome(&mut shop), Outcome::Accepted);
    assert_eq!(shop.severity(10), Severity::Low);
}

#[test]
fn suspect_polls_that_disagree_begin_anew() {
    let mut shop = shop_of(10);
    for id in 1..=8 {
        shop.stock(id, 0);
    }
    assert_eq!(outcome(&mut shop), Outcome::Suspect);
    assert_eq!(outcome(&mut shop), Outcome::Suspect);
    shop.stock(9, 0);
    assert_eq!(outcome(&mut shop), Outcome::Suspect, "another zero");
    assert_eq!(outcome(&mut shop), Outcome::Suspect);
    assert_eq!(outcome(&mut shop), Outcome::Accepted);
}

#[test]
fn an_accepted_poll_ends_a_run_of_suspect_ones() {
    let mut shop = shop_of(10);
    for _ in 0..3 {
        for id in 1..=10 {
            shop.stock(id, 0);
        }
        assert_eq!(outcome(&mut shop), Outcome::Suspect);
        assert_eq!(outcome(&mut shop), Outcome::Suspect);
        for id in 1..=10 {
            shop.stock(id, 20);
        }
        assert_eq!(outcome(&mut shop), Outcome::Accepted);
    }
}

#[test]
fn agreeing_suspect_polls_count_towards_gone() {
    let mut shop = shop_of(10);
    for id in 1..=5 {
        shop.remove(id);
    }
    outcome(&mut shop);
    outcome(&mut shop);
    let said = shop.later(minutes(1));
    assert_eq!(said.len(), 5);
    assert_eq!(said[0], "1 gone: gone");
    assert_eq!(
        outcome(&mut shop),
        Outcome::Accepted,
        "the smaller catalogue is the measure now"
    );
}

#[test]
fn an_empty_catalogue_is_suspect_until_three_agree_and_then_stays_believed() {
    let mut shop = shop_of(2);
    shop.remove(1);
    shop.remove(2);
    assert_eq!(outcome(&mut shop), Outcome::Suspect);
    assert_eq!(outcome(&mut shop), Outcome::Suspect);
    assert_eq!(shop.later(minutes(1)), ["1 gone: gone", "2 gone: gone"]);
    assert_eq!(outcome(&mut shop), Outcome::Accepted);
    assert!(
        shop.memory.source.lost.is_empty(),
        "no products are no lost capability"
    );
}

#[test]
fn an_empty_catalogue_at_first_sight_is_no_baseline() {
    let mut shop = Shop::new(plain_rules());
    let decision = shop.look();
    assert_eq!(decision.outcome, Outcome::Suspect);
    assert!(decision.messages.is_empty());
    shop.stock(1, 20);
    shop.stock(2, 4);
    assert_eq!(
        shop.later(minutes(1)),
        ["baseline 2: 0 out, 0 critical, 1 low, 1 ok, 0 unknown, 0 not controlled"]
    );
}

#[test]
fn stock_fields_that_vanish_are_one_message_and_no_alert() {
    let mut shop = shop_of(10);
    shop.shows(1, 4);
    for id in 1..=10 {
        shop.edit(id, |item| item.quantity = Figure::Absent);
    }
    assert_eq!(shop.later(minutes(1)), ["lost stock_fields"]);
    assert_eq!(shop.later(minutes(1)), NOTHING);
    assert!(
        shop.memory
            .products
            .iter()
            .all(|p| p.series.level == Level::Unknown)
    );
    assert_eq!(shop.severity(1), Severity::Low, "frozen");
    for id in 1..=10 {
        shop.stock(id, 20);
    }
    assert_eq!(
        shop.later(minutes(1)),
        ["regained stock_fields", "1 recovered ok"]
    );
}

#[test]
fn stock_fields_that_are_there_but_unreadable_everywhere_are_the_same_loss() {
    let mut shop = shop_of(10);
    for id in 1..=9 {
        shop.edit(id, |item| item.quantity = Figure::Unreadable);
    }
    assert_eq!(shop.later(minutes(1)), NOTHING, "one can still be read");
    shop.edit(10, |item| item.quantity = Figure::Unreadable);
    assert_eq!(shop.later(minutes(1)), ["lost stock_fields"]);
    assert_eq!(shop.later(minutes(1)), NOTHING);
}

#[test]
fn zeros_in_the_place_of_lost_levels_are_doubted() {
    let mut shop = shop_of(10);
    for id in 1..=10 {
        shop.edit(id, |item| item.quantity = Figure::Absent);
    }
    outcome(&mut shop);
    for id in 1..=10 {
        shop.stock(id, 0);
    }
    assert_eq!(outcome(&mut shop), Outcome::Suspect);
}

#[test]
fn a_companion_that_vanishes_is_one_message_and_no_alert() {
    let mut shop = Shop::new(plain_rules());
    shop.companion = Companion::Contract1;
    for (id, level, controlled) in [(1, 20, true), (2, 3, true), (3, 2, false), (4, 0, false)] {
        shop.stock(id, level);
        detailed(&mut shop, id, controlled);
    }
    shop.look();
    shop.companion = Companion::Absent;
    for id in 1..=4 {
        shop.edit(id, |item| item.detailed = false);
    }
    assert_eq!(shop.later(minutes(1)), ["lost companion"]);
    assert_eq!(shop.later(minutes(1)), NOTHING);
    assert_eq!(
        shop.tracked(1).series.level,
        Level::Known(20),
        "GetProducts still says"
    );
    for id in [3, 4] {
        assert_eq!(
            shop.tracked(id).series.level,
            Level::Unknown,
            "whether it counts is not known any more"
        );
    }
    shop.stock(1, 0);
    shop.wait(minutes(1));
    assert!(
        alerts(&shop.look(), "mail")[0].ambiguous_zero,
        "sold out, or switched off"
    );
    shop.companion = Companion::Contract1;
    for (id, controlled) in [(1, true), (2, true), (3, false), (4, false)] {
        detailed(&mut shop, id, controlled);
    }
    assert_eq!(shop.later(minutes(1)), ["regained companion"]);
    assert_eq!(shop.tracked(3).series.level, Level::NotControlled);
}

#[test]
fn a_companion_that_takes_the_stock_fields_along_is_one_loss() {
    let mut shop = Shop::new(plain_rules());
    shop.companion = Companion::Contract1;
    for id in 1..=3 {
        shop.stock(id, 20);
        detailed(&mut shop, id, true);
    }
    shop.look();
    shop.companion = Companion::Absent;
    for id in 1..=3 {
        shop.edit(id, |item| {
            item.detailed = false;
            item.quantity = Figure::Absent;
        });
    }
    assert_eq!(shop.later(minutes(1)), ["lost companion"]);
    assert_eq!(shop.later(minutes(1)), NOTHING);
    assert_eq!(shop.tracked(1).series.level, Level::Unknown);
}

#[test]
fn stock_fields_that_vanish_after_the_companion_are_a_loss_of_their_own() {
    let mut shop = Shop::new(plain_rules());
    shop.companion = Companion::Foreign;
    for id in 1..=3 {
        shop.stock(id, 20);
        detailed(&mut shop, id, true);
    }
    shop.look();
    shop.companion = Companion::Absent;
    for id in 1..=3 {
        shop.edit(id, |item| item.detailed = false);
    }
    assert_eq!(shop.later(minutes(1)), ["lost companion"]);
    for id in 1..=3 {
        shop.edit(id, |item| item.quantity = Figure::Absent);
    }
    assert_eq!(shop.later(minutes(1)), ["lost stock_fields"]);
    shop.companion = Companion::Contract1;
    for id in 1..=3 {
        shop.stock(id, 20);
        detailed(&mut shop, id, true);
    }
    assert_eq!(
        shop.later(minutes(1)),
        ["regained companion", "regained stock_fields"]
    );
}

#[test]
fn a_shop_that_never_had_a_companion_lost_none() {
    let mut shop = shop_of(2);
    assert_eq!(shop.later(minutes(1)), NOTHING);
    shop.companion = Companion::Contract1;
    assert_eq!(shop.later(minutes(1)), NOTHING);
}

#[test]
fn the_source_is_down_after_fifteen_minutes_and_three_polls() {
    let mut shop = shop_of(2);
    for (time, polls) in [(5, 0), (5, 1), (5, 2), (4, 3)] {
        let decision = shop.fails(minutes(time), Cause::Timeout);
        assert_eq!(heard(&decision, "mail"), NOTHING, "after {polls}");
    }
    let decision = shop.fails(minutes(1), Cause::Connect);
    assert_eq!(heard(&decision, "mail"), ["down: connect"]);
    let Body::SourceDown { detail, since, .. } = &decision.messages[0].body else {
        panic!("source.down")
    };
    assert_eq!(detail, "as planned");
    assert_eq!(crate::shop::since(&shop, *since).as_secs(), 15 * 60);
    assert_eq!(
        heard(&shop.fails(minutes(60), Cause::Connect), "mail"),
        NOTHING,
        "once"
    );
}

#[test]
fn a_long_time_without_three_polls_is_not_down() {
    let mut shop = shop_of(2);
    for time in [0, 600] {
        assert_eq!(heard(&shop.fails(minutes(time), Cause::Timeout), "mail"), NOTHING);
    }
    assert_eq!(
        heard(&shop.fails(minutes(1), Cause::Timeout), "mail"),
        ["down: timeout"]
    );
}

#[test]
fn the_source_is_up_once_with_the_gap_and_what_differs_is_told() {
    let mut shop = shop_of(2);
    shop.wait(minutes(5));
    let began = shop.now;
    for _ in 0..4 {
        shop.fails(minutes(5), Cause::Ip);
    }
    shop.stock(1, 4);
    let since = began.checked_add(minutes(5)).expect("in range");
    assert_eq!(
        shop.later(minutes(5)),
        [format!("up: ip since {since}"), "1 first low".to_owned()]
    );
    assert_eq!(shop.later(minutes(5)), NOTHING);
}

#[test]
fn a_short_failure_says_nothing_at_either_end() {
    let mut shop = shop_of(2);
    for _ in 0..2 {
        assert_eq!(heard(&shop.fails(minutes(7), Cause::Server), "mail"), NOTHING);
    }
    assert_eq!(shop.later(minutes(7)), NOTHING);
    assert_eq!(
        heard(&shop.fails(minutes(7), Cause::Server), "mail"),
        NOTHING,
        "the count begins anew"
    );
}

#[test]
fn suspect_answers_that_never_agree_are_a_source_that_is_down() {
    let mut shop = shop_of(10);
    for id in 1..=9 {
        shop.stock(id, 0);
    }
    let mut said = Vec::new();
    for poll in 0..4 {
        shop.stock(10, if poll % 2 == 0 { 0 } else { 20 });
        shop.wait(minutes(5));
        said.extend(heard(&shop.look(), "mail"));
    }
    assert_eq!(said, ["down: suspect"]);
}

#[test]
fn every_channel_that_hears_of_products_hears_of_the_source() {
    let mut rules = plain_rules();
    rules.channels.push(channel("pager", &[Severity::Out]));
    let mut shop = Shop::open(rules, &[(1, 20)]);
    for _ in 0..3 {
        shop.fails(minutes(5), Cause::Dns);
    }
    let decision = shop.fails(minutes(5), Cause::Dns);
    for name in ["mail", "pager"] {
        assert_eq!(heard(&decision, name), ["down: dns"]);
    }
}

#[test]
fn a_failed_poll_between_two_suspect_ones_shows_nothing_and_breaks_nothing() {
    let mut shop = shop_of(10);
    for id in 1..=10 {
        shop.stock(id, 0);
    }
    outcome(&mut shop);
    shop.fails(minutes(1), Cause::Timeout);
    assert_eq!(outcome(&mut shop), Outcome::Suspect);
    assert_eq!(outcome(&mut shop), Outcome::Accepted);
}
