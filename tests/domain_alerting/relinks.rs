//! What names nothing that is sold any more: it is pointed out, and where the past tells what was meant, that is offered.

use whmcs_stock_monitor::domain::alerting::relink;
use whmcs_stock_monitor::domain::alerting::relink::Past;
use whmcs_stock_monitor::domain::alerting::rules::Rule;
use whmcs_stock_monitor::domain::alerting::rules::Rules;
use whmcs_stock_monitor::domain::alerting::unmatched::unmatched;
use whmcs_stock_monitor::domain::capacity::Capacities;
use whmcs_stock_monitor::domain::capacity::CapacityRule;
use whmcs_stock_monitor::domain::catalogue::Choice;
use whmcs_stock_monitor::domain::catalogue::Companion;
use whmcs_stock_monitor::domain::catalogue::ConfigOption;
use whmcs_stock_monitor::domain::catalogue::Figure;
use whmcs_stock_monitor::domain::catalogue::Name;
use whmcs_stock_monitor::domain::catalogue::OptionKind;
use whmcs_stock_monitor::domain::pattern::Pattern;
use whmcs_stock_monitor::domain::pool::PoolRule;
use whmcs_stock_monitor::domain::pool::PoolUse;
use whmcs_stock_monitor::domain::pool::PoolUser;

use crate::shop::Shop;
use crate::shop::minutes;
use crate::shop::plain_rules;

const NOTHING: [&str; 0] = [];

fn option(id: i64, name: &str, choices: &[(i64, &str)]) -> ConfigOption {
    let choices = choices.iter().map(|(id, name)| Choice {
        id: *id,
        name: Name::new(name),
        hidden: false,
        in_use: None,
        stock: Figure::Number(3),
    });
    ConfigOption {
        id,
        name: Name::new(name),
        kind: OptionKind::Dropdown,
        hidden: false,
        choices: choices.collect(),
    }
}

/// Product 42, "DS-64", with these options; looked at once.
fn shop(options: Vec<ConfigOption>) -> Shop {
    let mut shop = Shop::new(plain_rules());
    shop.companion = Companion::Contract1;
    for (id, name) in [(42, "DS-64"), (43, "Web"), (44, "Mail"), (45, "DNS")] {
        shop.stock(id, 20);
        shop.edit(id, |item| {
            item.name = name.to_owned();
            item.detailed = true;
            item.controlled = Some(true);
        });
    }
    shop.edit(42, |item| item.options = options);
    shop.look();
    shop
}

/// Looks a minute later, after the options changed.
fn becomes(shop: &mut Shop, options: Vec<ConfigOption>) {
    shop.edit(42, |item| item.options = options);
    shop.later(minutes(1));
}

fn named(text: &str) -> Pattern {
    Pattern::text(text)
}

fn capacity(options: Vec<(Pattern, Pattern)>) -> Capacities {
    Capacities {
        capacities: vec![CapacityRule {
            origin: "capacity 1".to_owned(),
            instances: Vec::new(),
            groups: Vec::new(),
            products: Vec::new(),
            options,
            capacity: 9,
        }],
        pools: Vec::new(),
    }
}

fn pool(uses: Vec<PoolUser>) -> Capacities {
    let used = |what| PoolUse {
        instance: None,
        what,
        need: 1,
    };
    Capacities {
        capacities: Vec::new(),
        pools: vec![PoolRule {
            name: "kits".to_owned(),
            capacity: 40,
            uses: uses.into_iter().map(used).collect(),
            ..PoolRule::default()
        }],
    }
}

fn offers_of(shop: &Shop, rules: &Rules, capacities: &Capacities, past: &Past) -> Vec<String> {
    let shops = [relink::Shop {
        instance: "default",
        memory: &shop.memory,
        past,
    }];
    let found = relink::relinks(rules, capacities, &shops);
    let needed = relink::is_called_for(rules, capacities, &[("default", &shop.memory)]);
    assert!(needed || found.is_empty(), "the past would not have been read");
    found.iter().map(ToString::to_string).collect()
}

fn offers(shop: &Shop, capacities: &Capacities) -> Vec<String> {
    offers_of(shop, &plain_rules(), capacities, &Past::default())
}

fn idle(shop: &Shop, capacities: &Capacities) -> Vec<String> {
    unmatched(&plain_rules(), capacities, &[("default", &shop.memory)])
}

#[test]
fn a_choice_made_anew_under_its_name_is_offered_by_its_number() {
    let mut shop = shop(vec![option(4, "RAM", &[(11, "32 GB"), (12, "64 GB")])]);
    let capacities = capacity(vec![(named("RAM"), Pattern::Id(12))]);
    assert_eq!(offers(&shop, &capacities), NOTHING);
    becomes(&mut shop, vec![option(4, "RAM", &[(11, "32 GB"), (17, "64 gb")])]);
    assert_eq!(
        offers(&shop, &capacities),
        ["capacity 1: choice 12 (\"64 GB\") is gone; \"64 gb\" is now 17. Write 17, or the name."]
    );
    assert_eq!(idle(&shop, &capacities), ["capacity 1"]);
    // Named by its name it never was lost.
    assert_eq!(
        offers(&shop, &capacity(vec![(named("RAM"), named("64 GB"))])),
        NOTHING
    );
}

#[test]
fn a_choice_that_was_renamed_is_offered_under_its_new_name() {
    let mut shop = shop(vec![option(4, "RAM", &[(11, "32 GB"), (12, "64 GB")])]);
    let capacities = capacity(vec![(named("RAM"), named("64 GB"))]);
    becomes(
        &mut shop,
        vec![option(4, "RAM", &[(11, "32 GB"), (12, "64 GB DDR5")])],
    );
    // Its combination has a figure and so the new name: the old one is in the database alone.
    assert_eq!(offers(&shop, &capacities), NOTHING);
    let past = Past {
        products: Vec::new(),
        labels: vec![(42, "4=12".parse().expect("a key"), "RAM: 64 GB".to_owned())],
    };
    let said = "capacity 1: no choice is called \"64 GB\" any more; choice 12, which was, is now \"64 GB DDR5\". \
                Write that name, or 12.";
    assert_eq!(offers_of(&shop, &plain_rules(), &capacities, &past), [said]);
    let number = capacity(vec![(named("RAM"), Pattern::Id(12))]);
    assert_eq!(offers_of(&shop, &plain_rules(), &number, &past), NOTHING);
}

#[test]
fn a_use_of_a_pool_is_offered_in_the_one_shop_where_it_matches_nothing() {
    let options = || vec![option(4, "RAM", &[(12, "64 GB")])];
    let (mut eu, us) = (shop(options()), shop(options()));
    becomes(&mut eu, vec![option(4, "RAM", &[(17, "64 gb")])]);
    let uses = pool(vec![PoolUser::Choice {
        option: named("RAM"),
        choice: Pattern::Id(12),
    }]);
    let past = Past::default();
    let shops = [("eu", &eu), ("us", &us)].map(|(instance, shop)| relink::Shop {
        instance,
        memory: &shop.memory,
        past: &past,
    });
    let memories = [("eu", &eu.memory), ("us", &us.memory)];
    assert!(relink::is_called_for(&plain_rules(), &uses, &memories));
    let offers = relink::relinks(&plain_rules(), &uses, &shops);
    let found: Vec<(&str, i64)> = offers
        .iter()
        .map(|offer| (offer.instance.as_str(), offer.now_id))
        .collect();
    assert_eq!(found, [("eu", 17)]);
}

#[test]
fn a_use_of_a_pool_and_a_rule_are_offered_the_same() {
    let mut shop = shop(vec![option(4, "RAM", &[(12, "64 GB")])]);
    becomes(&mut shop, vec![option(4, "RAM", &[(17, "64 GB")])]);
    let uses = pool(vec![
        PoolUser::Product(named("Web")),
        PoolUser::Choice {
            option: Pattern::Id(4),
            choice: Pattern::Id(12),
        },
    ]);
    let said = "choice 12 (\"64 GB\") is gone; \"64 GB\" is now 17. Write 17, or the name.";
    assert_eq!(offers(&shop, &uses), [format!("use 2 of pool \"kits\": {said}")]);
    assert_eq!(idle(&shop, &uses), ["use 2 of pool \"kits\""]);
    let rule = Rule {
        origin: "rule 3".to_owned(),
        options: vec![(named("ram"), Pattern::Id(12))],
        low: Some(2),
        ..Rule::default()
    };
    let rules = Rules::new(5, 1, vec![rule], Vec::new());
    let none = Capacities::default();
    assert_eq!(
        offers_of(&shop, &rules, &none, &Past::default()),
        [format!("rule 3: {said}")]
    );
}

#[test]
fn an_option_made_anew_is_offered_with_its_choice() {
    let mut shop = shop(vec![option(4, "RAM", &[(12, "64 GB")])]);
    let capacities = capacity(vec![(Pattern::Id(4), Pattern::Id(12))]);
    becomes(&mut shop, vec![option(9, "RAM", &[(31, "64 GB")])]);
    assert_eq!(
        offers(&shop, &capacities),
        [
            "capacity 1: option 4 (\"RAM\") is gone; \"RAM\" is now 9. Write 9, or the name.",
            "capacity 1: choice 12 (\"64 GB\") is gone; \"64 GB\" is now 31. Write 31, or the name.",
        ]
    );
}

#[test]
fn an_option_that_was_renamed_is_offered_alone_where_its_choice_stayed() {
    let mut shop = shop(vec![option(4, "RAM", &[(12, "64 GB")])]);
    let capacities = capacity(vec![(named("RAM"), named("64 GB"))]);
    becomes(&mut shop, vec![option(4, "Memory", &[(12, "64 GB")])]);
    let past = Past {
        products: Vec::new(),
        labels: vec![(42, "4=12".parse().expect("a key"), "RAM: 64 GB".to_owned())],
    };
    assert_eq!(
        offers_of(&shop, &plain_rules(), &capacities, &past),
        [
            "capacity 1: no option is called \"RAM\" any more; option 4, which was, is now \"Memory\". Write that name, or 4."
        ]
    );
}

#[test]
fn a_product_made_anew_or_renamed_is_offered() {
    let mut shop = shop(Vec::new());
    shop.remove(42);
    shop.stock(51, 20);
    shop.edit(51, |item| {
        item.name = "DS-64".to_owned();
        item.detailed = true;
    });
    shop.edit(43, |item| item.name = "Web Classic".to_owned());
    for _ in 0..4 {
        shop.later(minutes(1));
    }
    assert!(shop.tracked(42).gone);
    let rule = |products: Vec<Pattern>| Rule {
        origin: "rule 1".to_owned(),
        products,
        low: Some(2),
        ..Rule::default()
    };
    let past = Past {
        products: vec![(43, Name::new("Web"))],
        labels: Vec::new(),
    };
    for (products, said) in [
        (vec![Pattern::Id(51), named("DS-64")], None),
        (
            // One of two that is still sold is no reason to keep silent about the other.
            vec![Pattern::Id(44), Pattern::Id(42)],
            Some("rule 1: product 42 (\"DS-64\") is gone; \"DS-64\" is now 51. Write 51, or the name."),
        ),
        (
            vec![named("web")],
            Some(
                "rule 1: no product is called \"Web\" any more; product 43, which was, is now \"Web Classic\". Write that name, or 43.",
            ),
        ),
        (vec![named("web*")], None),
        (vec![named("never there")], None),
        (vec![Pattern::Id(999)], None),
    ] {
        let rules = Rules::new(5, 1, vec![rule(products)], Vec::new());
        let found = offers_of(&shop, &rules, &Capacities::default(), &past);
        assert_eq!(found, said.into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn nothing_is_offered_where_nothing_is_known() {
    let mut shop = shop(vec![option(4, "RAM", &[(12, "64 GB")])]);
    becomes(&mut shop, vec![option(4, "RAM", &[(17, "96 GB")])]);
    // 64 GB is gone, and nothing has its name.
    for capacities in [
        capacity(vec![(named("RAM"), Pattern::Id(12))]),
        capacity(vec![(named("RAM"), named("64 GB"))]),
        capacity(vec![(named("RAM"), Pattern::Id(77))]),
        capacity(vec![(named("RAM"), named("64*"))]),
    ] {
        assert_eq!(offers(&shop, &capacities), NOTHING);
        assert_eq!(idle(&shop, &capacities), ["capacity 1"]);
    }
    // After a restart options are not known before the first look.
    shop.restart();
    let capacities = capacity(vec![(named("RAM"), Pattern::Id(12))]);
    assert_eq!(offers(&shop, &capacities), NOTHING);
    assert_eq!(idle(&shop, &capacities), NOTHING);
}

#[test]
fn no_of_a_yes_no_option_is_a_choice_that_is_there() {
    let backup = ConfigOption {
        kind: OptionKind::YesNo,
        ..option(6, "Backup", &[(60, "Yes")])
    };
    let shop = shop(vec![backup]);
    for (choice, idle_one) in [
        (named("No"), false),
        (Pattern::Id(0), false),
        (named("Maybe"), true),
    ] {
        let capacities = capacity(vec![(named("Backup"), choice)]);
        assert_eq!(idle(&shop, &capacities).len(), usize::from(idle_one));
    }
}
