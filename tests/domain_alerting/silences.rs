//! Mutes: what they match tells nothing; when they end, what differs is told, and that they ended.

use whmcs_stock_monitor::domain::message::MuteKind;
use whmcs_stock_monitor::domain::pattern::Pattern;
use whmcs_stock_monitor::domain::people::Matcher;
use whmcs_stock_monitor::domain::source::Cause;
use whmcs_stock_monitor::domain::stand::Severity;

use crate::people::ack;
use crate::people::in_round;
use crate::people::mute;
use crate::people::products;
use crate::people::reminded;
use crate::people::restart_from_file;
use crate::people::series;
use crate::people::unmute;
use crate::shop::Shop;
use crate::shop::alerts;
use crate::shop::heard;
use crate::shop::minutes;
use crate::shop::option;
use crate::shop::plain_rules;
use crate::shop::still_open;

const NOTHING: [&str; 0] = [];

#[test]
fn what_is_muted_tells_nothing_and_what_differs_is_told_when_that_ends() {
    let mut shop = Shop::open(plain_rules(), &[(1, 20), (2, 20)]);
    mute(&mut shop, "5", products(Pattern::Id(1)));
    assert_eq!(shop.shows(1, 4), NOTHING);
    assert_eq!(shop.shows(1, 0), NOTHING);
    assert_eq!(shop.shows(2, 0), ["2 first out"], "the others are told");
    assert_eq!(reminded(&mut shop, "mail"), NOTHING);
    unmute(&mut shop, "5");
    shop.wait(minutes(1));
    let decision = shop.look();
    assert_eq!(heard(&decision, "mail"), ["1 first out"]);
    let after = alerts(&decision, "mail").remove(0).after.expect("it ended");
    assert_eq!((after.kind, &*after.id), (MuteKind::Silence, "5"));
    assert_eq!((&*after.by, &*after.comment), ("ops", "moving racks"));
    let decision = {
        shop.stock(1, 30);
        shop.wait(minutes(1));
        shop.look()
    };
    assert_eq!(heard(&decision, "mail"), ["1 recovered ok"]);
    assert_eq!(alerts(&decision, "mail")[0].after, None, "said once");
}

#[test]
fn a_mute_that_ends_with_nothing_changed_is_said_by_the_next_message_whenever_that_is() {
    let mut shop = Shop::open(plain_rules(), &[(1, 20), (2, 20)]);
    mute(&mut shop, "5", products(Pattern::Id(1)));
    assert_eq!(shop.later(minutes(1)), NOTHING);
    unmute(&mut shop, "5");
    assert_eq!(shop.later(minutes(1)), NOTHING);
    restart_from_file(&mut shop);
    shop.stock(1, 0);
    shop.wait(minutes(24 * 60));
    let decision = shop.look();
    assert_eq!(heard(&decision, "mail"), ["1 first out"]);
    assert_eq!(
        alerts(&decision, "mail")[0].after.as_ref().expect("it ended").id,
        "5"
    );
}

#[test]
fn what_was_told_before_and_recovered_meanwhile_recovers_once_the_mute_is_over() {
    let mut shop = Shop::open(plain_rules(), &[(1, 20)]);
    assert_eq!(shop.shows(1, 0), ["1 first out"]);
    mute(&mut shop, "5", Matcher::default());
    assert_eq!(shop.shows(1, 30), NOTHING);
    restart_from_file(&mut shop);
    assert_eq!(shop.later(minutes(1)), NOTHING, "also after a restart");
    unmute(&mut shop, "5");
    assert_eq!(shop.later(minutes(1)), ["1 recovered ok"]);
    assert_eq!(shop.later(minutes(1)), NOTHING);
}

#[test]
fn of_two_mutes_both_must_end_and_the_last_one_is_named() {
    let mut shop = Shop::open(plain_rules(), &[(1, 20), (2, 20)]);
    mute(&mut shop, "5", products(Pattern::text("product*")));
    mute(&mut shop, "6", products(Pattern::Id(1)));
    assert_eq!(shop.shows(1, 0), NOTHING);
    unmute(&mut shop, "5");
    assert_eq!(shop.later(minutes(1)), NOTHING);
    unmute(&mut shop, "6");
    shop.wait(minutes(1));
    let decision = shop.look();
    assert_eq!(heard(&decision, "mail"), ["1 first out"]);
    assert_eq!(
        alerts(&decision, "mail")[0].after.as_ref().expect("it ended").id,
        "6"
    );
}

#[test]
fn of_mutes_that_end_together_the_newest_silence_is_named() {
    for (first, second) in [("9", "10"), ("10", "9"), ("10", "upgrade"), ("upgrade", "10")] {
        let mut shop = Shop::open(plain_rules(), &[(1, 20), (2, 20)]);
        mute(&mut shop, first, products(Pattern::Id(1)));
        mute(&mut shop, second, Matcher::default());
        assert_eq!(shop.shows(1, 0), NOTHING);
        unmute(&mut shop, first);
        unmute(&mut shop, second);
        shop.wait(minutes(1));
        let after = alerts(&shop.look(), "mail").remove(0).after;
        assert_eq!(after.expect("they ended").id, "10", "{first}, {second}");
    }
}

#[test]
fn a_mute_that_ends_beside_another_one_is_noticed() {
    let mut shop = Shop::open(plain_rules(), &[(1, 20), (2, 20)]);
    mute(&mut shop, "5", products(Pattern::Id(1)));
    mute(&mut shop, "6", products(Pattern::Id(2)));
    assert_eq!(shop.shows(1, 0), NOTHING);
    assert_eq!(shop.shows(2, 0), NOTHING);
    unmute(&mut shop, "5");
    assert_eq!(shop.later(minutes(1)), ["1 first out"]);
    unmute(&mut shop, "6");
    assert_eq!(shop.later(minutes(1)), ["2 first out"]);
}

#[test]
fn a_mute_that_ends_while_the_shop_cannot_be_read_is_over_at_the_next_look() {
    let mut shop = Shop::open(plain_rules(), &[(1, 20)]);
    mute(&mut shop, "5", products(Pattern::Id(1)));
    assert_eq!(shop.shows(1, 0), NOTHING);
    for wait in [1, 8, 8] {
        shop.fails(minutes(wait), Cause::Timeout);
    }
    unmute(&mut shop, "5");
    assert_eq!(in_round(&mut shop, 1, "mail"), NOTHING);
    let told = shop.later(minutes(1));
    assert_eq!(told.last().map(String::as_str), Some("1 first out"), "{told:?}");
}

#[test]
fn a_round_between_the_end_of_a_mute_and_the_next_look_loses_nothing() {
    let mut shop = Shop::open(plain_rules(), &[(1, 20), (2, 20)]);
    assert_eq!(shop.shows(2, 0), ["2 first out"]);
    mute(&mut shop, "5", Matcher::default());
    assert_eq!(shop.shows(1, 0), NOTHING);
    unmute(&mut shop, "5");
    shop.wait(minutes(24 * 60));
    assert_eq!(reminded(&mut shop, "mail"), ["2 reminder out"]);
    assert_eq!(shop.later(minutes(1)), ["1 first out"]);
}

#[test]
fn what_is_withdrawn_is_told_even_while_muted() {
    let mut shop = Shop::open(plain_rules(), &[(1, 20), (2, 20)]);
    assert_eq!(shop.shows(1, 0), ["1 first out"]);
    mute(&mut shop, "5", Matcher::default());
    shop.remove(1);
    shop.later(minutes(1));
    shop.later(minutes(1));
    assert_eq!(
        shop.later(minutes(1)),
        ["1 withdrawn ok"],
        "and its event is not told"
    );
}

#[test]
fn what_happens_to_a_muted_product_is_recorded_and_not_told() {
    let mut shop = Shop::open(plain_rules(), &[(1, 20), (2, 20)]);
    mute(&mut shop, "5", products(Pattern::Id(1)));
    shop.edit(1, |item| item.name = "Other".to_owned());
    shop.wait(minutes(1));
    let decision = shop.look();
    assert_eq!(heard(&decision, "mail"), NOTHING);
    assert_eq!(decision.events.len(), 1);
    assert_eq!(decision.events[0].kind.as_str(), "renamed");
}

#[test]
fn overdue_waits_for_the_end_of_a_mute() {
    let mut shop = Shop::open(plain_rules(), &[(1, 20)]);
    shop.shows(1, 0);
    let number = series(&shop, 1);
    ack(&mut shop, number, None, Some(10));
    mute(&mut shop, "5", Matcher::default());
    assert_eq!(shop.later(minutes(20)), NOTHING);
    assert_eq!(in_round(&mut shop, 1, "mail"), NOTHING);
    assert_eq!(shop.people.acks[0].overdue_at, None);
    unmute(&mut shop, "5");
    assert_eq!(in_round(&mut shop, 1, "mail"), ["1 overdue out"]);
    assert_eq!(shop.later(minutes(1)), NOTHING);
}

#[test]
fn a_mute_of_a_choice_is_for_the_combinations_that_have_it() {
    let mut shop = Shop::new(plain_rules());
    shop.stock(1, 20);
    let ram = |a, b| vec![option(4, "RAM", &[(11, Some(a)), (12, Some(b))])];
    shop.edit(1, |item| {
        item.detailed = true;
        item.options = ram(9, 9);
    });
    shop.look();
    let matcher = Matcher {
        options: vec![(Pattern::text("ram"), Pattern::text("choice 11"))],
        ..Matcher::default()
    };
    mute(&mut shop, "5", matcher);
    shop.edit(1, |item| item.options = ram(0, 0));
    assert_eq!(shop.later(minutes(1)), ["1/4=12 first out"]);
    shop.stock(1, 1);
    assert_eq!(
        shop.later(minutes(1)),
        ["1 first critical"],
        "the product itself is not muted"
    );
    restart_from_file(&mut shop);
    shop.wait(minutes(24 * 60));
    assert_eq!(
        reminded(&mut shop, "mail"),
        ["1/4=12 reminder out", "1 reminder critical"]
    );
}

#[test]
fn only_a_mute_of_a_whole_shop_holds_back_that_it_is_down() {
    let of_shop = Matcher {
        instances: vec![Pattern::text("def*")],
        ..Matcher::default()
    };
    for (matcher, held) in [
        (of_shop, true),
        (Matcher::default(), true),
        (products(Pattern::text("*")), false),
    ] {
        let mut shop = Shop::open(plain_rules(), &[(1, 20)]);
        mute(&mut shop, "5", matcher);
        let mut told = Vec::new();
        for wait in [1, 8, 8] {
            told.extend(heard(&shop.fails(minutes(wait), Cause::Timeout), "mail"));
        }
        assert_eq!(told.is_empty(), held, "{told:?}");
        unmute(&mut shop, "5");
        let later = heard(&shop.fails(minutes(1), Cause::Timeout), "mail");
        assert_eq!(later.len(), usize::from(held), "{later:?}");
        assert_eq!(shop.later(minutes(1)).len(), 1, "up again");
    }
}

#[test]
fn after_a_silence_over_a_shop_that_is_not_read_nobody_is_reminded_of_what_nobody_knows() {
    let mut shop = Shop::open(plain_rules(), &[(1, 20)]);
    shop.shows(1, 0);
    mute(&mut shop, "5", Matcher::default());
    for _ in 0..4 {
        shop.fails(minutes(6), Cause::Timeout);
    }
    unmute(&mut shop, "5");
    shop.wait(minutes(24 * 60));
    assert_eq!(reminded(&mut shop, "mail"), NOTHING);
    shop.later(minutes(1));
    assert_eq!(reminded(&mut shop, "mail"), ["1 reminder out"]);
}

#[test]
fn a_baseline_is_told_all_the_same_and_what_is_open_counts_as_told() {
    let mut shop = Shop::new(plain_rules());
    shop.stock(1, 0);
    mute(&mut shop, "5", Matcher::default());
    assert_eq!(heard(&shop.look(), "mail").len(), 1);
    unmute(&mut shop, "5");
    assert_eq!(shop.later(minutes(1)), NOTHING);
}

#[test]
fn what_recovered_while_muted_is_not_among_what_is_still_open() {
    let mut shop = Shop::open(plain_rules(), &[(1, 20), (2, 20), (3, 20), (4, 20)]);
    for id in [1, 2, 3] {
        assert_eq!(shop.shows(id, 0), [format!("{id} first out")]);
    }
    mute(&mut shop, "5", products(Pattern::Id(1)));
    assert_eq!(shop.shows(1, 30), NOTHING);
    shop.stock(2, 1);
    shop.stock(4, 0);
    shop.wait(minutes(1));
    let decision = shop.look();
    assert_eq!(heard(&decision, "mail"), ["4 first out"]);
    let open = still_open(&decision, "mail");
    let named: Vec<_> = open
        .alerts
        .iter()
        .map(|alert| {
            let product = alert.product.as_ref().expect("a product");
            (product.id, alert.severity, alert.level)
        })
        .collect();
    assert_eq!(
        named,
        [(3, Severity::Out, Some(0)), (2, Severity::Critical, Some(1))],
        "as they stand now, and without the one that is back"
    );
    assert_eq!(open.total, 2);
}
