//! Levels of products, choices and combinations, held against docs and a brute-force model.

#![expect(clippy::expect_used, reason = "a test may fail")]

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use whmcs_stock_monitor::domain::capacity::Capacities;
use whmcs_stock_monitor::domain::capacity::CapacityRule;
use whmcs_stock_monitor::domain::capacity::Derivation;
use whmcs_stock_monitor::domain::capacity::Owner;
use whmcs_stock_monitor::domain::capacity::combinations;
use whmcs_stock_monitor::domain::capacity::product_level;
use whmcs_stock_monitor::domain::catalogue::Choice;
use whmcs_stock_monitor::domain::catalogue::CombinationKey;
use whmcs_stock_monitor::domain::catalogue::CombinationUse;
use whmcs_stock_monitor::domain::catalogue::ConfigOption;
use whmcs_stock_monitor::domain::catalogue::Details;
use whmcs_stock_monitor::domain::catalogue::Figure;
use whmcs_stock_monitor::domain::catalogue::Level;
use whmcs_stock_monitor::domain::catalogue::Listing;
use whmcs_stock_monitor::domain::catalogue::Name;
use whmcs_stock_monitor::domain::catalogue::OptionKind;
use whmcs_stock_monitor::domain::catalogue::Product;
use whmcs_stock_monitor::domain::catalogue::options::Options;
use whmcs_stock_monitor::domain::draw::Pooled;
use whmcs_stock_monitor::domain::pattern::Pattern;

const ABSENT: Figure = Figure::Absent;
const BAD: Figure = Figure::Unreadable;

fn number(n: i64) -> Figure {
    Figure::Number(n)
}

fn product(listed: Figure, details: Option<Details>, fresh: bool) -> Product {
    Product {
        listing: Arc::new(Listing {
            id: 42,
            group_id: Some(3),
            name: Name::new("DS-64"),
            quantity: listed,
            price: None,
            options: Options::default(),
            source_hash: 0,
        }),
        details: details.map(Arc::new),
        details_fresh: fresh,
    }
}

fn details(controlled: Option<bool>, quantity: Figure) -> Details {
    Details {
        id: 42,
        group_id: Some(3),
        group: None,
        name: None,
        hidden: None,
        retired: None,
        controlled,
        quantity,
        in_use: None,
        options: Options::default(),
        combinations: Arc::from([]),
        source_hash: 0,
    }
}

#[test]
fn with_details_of_this_poll_they_decide() {
    for (controlled, quantity, listed, level) in [
        (Some(false), number(7), number(7), Level::NotControlled),
        (Some(false), ABSENT, number(0), Level::NotControlled),
        (Some(true), number(7), number(9), Level::Known(7)),
        (Some(true), number(0), ABSENT, Level::Known(0)),
        (Some(true), number(-3), ABSENT, Level::Known(-3)),
        (Some(true), ABSENT, number(9), Level::Known(9)),
        (Some(true), ABSENT, ABSENT, Level::Unknown),
        (Some(true), BAD, BAD, Level::Unknown),
        (None, number(7), ABSENT, Level::Known(7)),
        (None, number(0), ABSENT, Level::Unknown),
    ] {
        let seen = product(listed, Some(details(controlled, quantity)), true);
        let found = product_level(&seen, None, false);
        assert_eq!(found.level, level, "{controlled:?} {quantity:?} {listed:?}");
        assert_eq!(found.controlled, controlled);
    }
}

#[test]
fn older_details_only_settle_whether_stock_is_controlled() {
    for (controlled, quantity, listed, level) in [
        (Some(true), number(7), number(9), Level::Known(9)),
        (Some(true), number(7), number(0), Level::Known(0)),
        (Some(false), number(7), number(9), Level::NotControlled),
        (Some(true), number(7), ABSENT, Level::Known(7)),
        (Some(true), number(7), BAD, Level::Unknown),
        (Some(true), ABSENT, ABSENT, Level::Unknown),
    ] {
        let seen = product(listed, Some(details(controlled, quantity)), false);
        let found = product_level(&seen, None, false);
        assert_eq!(found.level, level, "{controlled:?} {quantity:?} {listed:?}");
    }
}

#[test]
fn without_details_a_zero_counts_only_where_something_settles_it() {
    for (listed, declared, seen_other, level, ambiguous) in [
        (number(7), None, false, Level::Known(7), false),
        (number(-1), None, false, Level::Known(-1), false),
        (number(0), None, false, Level::Unknown, true),
        (number(0), None, true, Level::Known(0), false),
        (number(0), Some(true), false, Level::Known(0), false),
        (number(0), Some(false), true, Level::NotControlled, false),
        (number(7), Some(false), true, Level::NotControlled, false),
        (ABSENT, None, true, Level::Unknown, false),
        (ABSENT, Some(true), true, Level::Unknown, false),
        (BAD, None, true, Level::Unknown, false),
    ] {
        let found = product_level(&product(listed, None, false), declared, seen_other);
        assert_eq!(
            (found.level, found.ambiguous_zero),
            (level, ambiguous),
            "{listed:?} {declared:?} {seen_other}"
        );
        assert_eq!(found.controlled, None);
    }
}

#[test]
fn what_whmcs_says_of_stock_control_outweighs_what_was_declared() {
    let seen = product(number(7), Some(details(Some(true), number(7))), true);
    assert_eq!(product_level(&seen, Some(false), false).level, Level::Known(7));
}

fn choice(id: i64, stock: Figure, in_use: Option<i64>) -> Choice {
    Choice {
        id,
        name: Name::new(&format!("c{id}")),
        hidden: false,
        in_use,
        stock,
    }
}

fn option(id: i64, kind: OptionKind, choices: Vec<Choice>) -> ConfigOption {
    ConfigOption {
        id,
        name: Name::new(&format!("o{id}")),
        kind,
        hidden: false,
        choices: choices.into(),
    }
}

fn with_options(options: Vec<ConfigOption>, uses: Vec<CombinationUse>) -> Product {
    let details = Details {
        in_use: Some(0),
        options: options.into(),
        combinations: uses.into(),
        ..details(Some(true), number(20))
    };
    product(ABSENT, Some(details), true)
}

fn capacity(index: usize, pairs: &[(i64, i64)], capacity: i64) -> CapacityRule {
    CapacityRule {
        origin: format!("capacity {index}"),
        instances: vec![],
        groups: vec![],
        products: vec![],
        options: pairs
            .iter()
            .map(|(option, choice)| (Pattern::Id(*option), Pattern::Id(*choice)))
            .collect(),
        capacity,
    }
}

fn in_use(key: &str, in_use: i64) -> CombinationUse {
    CombinationUse {
        key: key.parse().expect("a key"),
        in_use: Some(in_use),
        stock: ABSENT,
    }
}

fn derive(product: &Product, level: Level, capacities: Vec<CapacityRule>, limit: usize) -> Derivation {
    let capacities = Capacities {
        capacities,
        pools: vec![],
    };
    let owner = Owner {
        instance: "default",
        group: None,
        combine: &[],
        limit,
        pooled: Pooled::default(),
    };
    combinations(product, level, &capacities, &owner)
}

fn levels(derivation: &Derivation) -> Vec<(String, Level)> {
    let found = derivation.combinations.iter();
    found.map(|c| (c.key.to_string(), c.level)).collect()
}

#[test]
fn nothing_is_derived_where_nothing_is_known() {
    let ram = option(
        4,
        OptionKind::Dropdown,
        vec![choice(11, ABSENT, Some(3)), choice(12, BAD, None)],
    );
    let seen = with_options(vec![ram], vec![in_use("4=11", 3)]);
    assert_eq!(
        derive(&seen, Level::Known(20), vec![], 256),
        Derivation::default()
    );
}

#[test]
fn a_choice_has_its_stock_or_what_is_left_of_its_capacity() {
    let ram = option(
        4,
        OptionKind::Radio,
        vec![
            choice(11, number(3), Some(9)),
            choice(12, ABSENT, Some(9)),
            choice(13, ABSENT, None),
        ],
    );
    let seen = with_options(vec![ram], vec![]);
    let capacities = (11..=13)
        .map(|id| capacity(1, &[(4, id)], 10))
        .collect::<Vec<_>>();
    assert_eq!(
        levels(&derive(&seen, Level::Known(20), capacities, 256)),
        [
            ("4=11".to_owned(), Level::Known(3)),
            ("4=12".to_owned(), Level::Known(1))
        ],
        "the third is not counted, so nothing is known of it"
    );
}

#[test]
fn a_combination_is_the_smallest_of_what_is_known_and_names_what_limits_it() {
    let seen = with_options(
        vec![
            option(
                4,
                OptionKind::Dropdown,
                vec![choice(11, number(8), None), choice(12, ABSENT, None)],
            ),
            option(
                5,
                OptionKind::Dropdown,
                vec![choice(20, number(30), None), choice(21, number(2), None)],
            ),
        ],
        vec![in_use("4=12;5=20", 4)],
    );
    let own = vec![capacity(1, &[(4, 12), (5, 20)], 5)];
    let found = derive(&seen, Level::Known(20), own, 256).combinations;
    let told: Vec<(String, Option<i64>, Option<String>)> = found
        .iter()
        .map(|c| {
            (
                c.key.to_string(),
                c.level.known(),
                c.bottleneck.as_ref().map(ToString::to_string),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("4=11;5=20".to_owned(), Some(8), Some("o4: c11".to_owned())),
            ("4=11;5=21".to_owned(), Some(2), Some("o5: c21".to_owned())),
            ("4=12;5=20".to_owned(), Some(1), Some("capacity 1".to_owned())),
            ("4=12;5=21".to_owned(), Some(2), Some("o5: c21".to_owned())),
        ]
    );
    assert_eq!(found[0].label, "o4: c11, o5: c20");
}

#[test]
fn the_product_limits_its_combinations_and_an_unknown_one_does_not() {
    let ram = || vec![option(4, OptionKind::Dropdown, vec![choice(11, number(8), None)])];
    let seen = with_options(ram(), vec![]);
    for (level, expected, limited) in [
        (Level::Known(3), Level::Known(3), false),
        (Level::Known(8), Level::Known(8), false),
        (Level::Known(9), Level::Known(8), true),
        (Level::NotControlled, Level::Known(8), true),
        (Level::Unknown, Level::Known(8), true),
    ] {
        let found = derive(&seen, level, vec![], 256).combinations.remove(0);
        assert_eq!(
            (found.level, found.bottleneck.is_some()),
            (expected, limited),
            "{level:?}"
        );
    }
}

#[test]
fn a_stock_that_is_sent_for_a_combination_wins_over_everything() {
    let ram = option(4, OptionKind::Dropdown, vec![choice(11, number(8), None)]);
    let sent = CombinationUse {
        stock: number(33),
        ..in_use("4=11", 5)
    };
    let seen = with_options(vec![ram], vec![sent]);
    assert_eq!(
        levels(&derive(&seen, Level::Known(3), vec![], 256)),
        [("4=11".to_owned(), Level::Known(33))]
    );
}

#[test]
fn a_capacity_counts_every_service_that_holds_all_its_pairs() {
    let seen = with_options(
        vec![
            option(
                4,
                OptionKind::Dropdown,
                vec![choice(11, ABSENT, None), choice(12, ABSENT, None)],
            ),
            option(
                5,
                OptionKind::Dropdown,
                vec![choice(20, ABSENT, None), choice(21, ABSENT, None)],
            ),
            option(6, OptionKind::YesNo, vec![choice(30, ABSENT, None)]),
        ],
        vec![
            in_use("4=11;5=20;6=30", 3),
            in_use("4=11;5=20;6=0", 4),
            in_use("4=12;5=20;6=0", 90),
        ],
    );
    let own = vec![capacity(1, &[(4, 11), (5, 20)], 10)];
    assert_eq!(
        levels(&derive(&seen, Level::Known(20), own, 256)),
        [
            ("4=11;5=20;6=0".to_owned(), Level::Known(3)),
            ("4=11;5=20;6=30".to_owned(), Level::Known(3)),
        ]
    );
}

#[test]
fn a_yes_no_option_has_the_choices_yes_and_no() {
    let backup = option(6, OptionKind::YesNo, vec![choice(30, number(2), None)]);
    let ram = option(4, OptionKind::Dropdown, vec![choice(11, ABSENT, None)]);
    let seen = with_options(vec![ram, backup], vec![]);
    let found = derive(&seen, Level::Known(20), vec![], 256);
    assert_eq!(
        levels(&found),
        [("4=11;6=30".to_owned(), Level::Known(2))],
        "without it nothing limits"
    );
    assert_eq!(found.combinations[0].label, "o4: c11, o6: c30");
}

#[test]
fn a_quantity_option_is_followed_by_itself() {
    let ram = option(4, OptionKind::Dropdown, vec![choice(11, number(9), None)]);
    let addresses = option(7, OptionKind::Quantity, vec![choice(40, ABSENT, Some(250))]);
    let other = option(8, OptionKind::Other, vec![choice(50, ABSENT, None)]);
    let seen = with_options(vec![ram, addresses, other], vec![]);
    let pool = vec![capacity(1, &[(7, 40)], 256)];
    assert_eq!(
        levels(&derive(&seen, Level::Known(20), pool, 256)),
        [
            ("4=11".to_owned(), Level::Known(9)),
            ("7=40".to_owned(), Level::Known(6))
        ]
    );
}

#[test]
fn hidden_choices_and_options_are_not_offered() {
    let mut ram = option(
        4,
        OptionKind::Dropdown,
        vec![choice(11, number(9), None), choice(12, number(1), None)],
    );
    ram.choices[1].hidden = true;
    let mut disk = option(5, OptionKind::Dropdown, vec![choice(20, number(2), None)]);
    disk.hidden = true;
    let seen = with_options(vec![ram, disk], vec![]);
    assert_eq!(
        levels(&derive(&seen, Level::Known(20), vec![], 256)),
        [("4=11".to_owned(), Level::Known(9))]
    );
}

#[test]
fn past_the_limit_every_choice_with_a_figure_is_followed() {
    let options: Vec<ConfigOption> = (1..=4)
        .map(|id| {
            let choices = (0..4)
                .map(|at| {
                    let stock = if at == 0 { number(id) } else { ABSENT };
                    choice(id * 10 + at, stock, None)
                })
                .collect();
            option(id, OptionKind::Dropdown, choices)
        })
        .collect();
    let seen = with_options(options, vec![]);
    let whole = derive(&seen, Level::Known(20), vec![], 256);
    assert!(!whole.per_choice);
    assert_eq!(
        whole.combinations.len(),
        256 - 81,
        "those without a figure of their own are no series"
    );
    let found = derive(&seen, Level::Known(20), vec![], 255);
    assert!(found.per_choice);
    assert_eq!(
        levels(&found),
        [
            ("1=10".to_owned(), Level::Known(1)),
            ("2=20".to_owned(), Level::Known(2)),
            ("3=30".to_owned(), Level::Known(3)),
            ("4=40".to_owned(), Level::Known(4)),
        ]
    );
}

#[test]
fn only_the_options_that_are_named_make_combinations() {
    let seen = with_options(
        vec![
            option(4, OptionKind::Dropdown, vec![choice(11, number(9), None)]),
            option(5, OptionKind::Dropdown, vec![choice(20, number(2), None)]),
        ],
        vec![],
    );
    let owner = Owner {
        instance: "default",
        group: None,
        combine: &[Pattern::text("o4")],
        limit: 256,
        pooled: Pooled::default(),
    };
    let found = combinations(&seen, Level::Known(20), &Capacities::default(), &owner);
    assert_eq!(
        levels(&found),
        [
            ("4=11".to_owned(), Level::Known(9)),
            ("5=20".to_owned(), Level::Known(2))
        ]
    );
}

#[test]
fn of_two_capacities_the_more_exact_one_holds_then_the_later_one() {
    let ram = option(4, OptionKind::Dropdown, vec![choice(11, ABSENT, Some(0))]);
    let seen = with_options(vec![ram], vec![]);
    let of = |products: Vec<Pattern>, n| CapacityRule {
        products,
        ..capacity(1, &[(4, 11)], n)
    };
    let level = |rules: Vec<CapacityRule>| {
        derive(&seen, Level::Unknown, rules, 256).combinations[0]
            .level
            .known()
    };
    let id = || of(vec![Pattern::Id(42)], 1);
    let name = || of(vec![Pattern::text("ds-64")], 2);
    let glob = || of(vec![Pattern::text("ds*")], 3);
    let all = || of(vec![], 4);
    assert_eq!(level(vec![id(), name(), glob(), all()]), Some(1));
    assert_eq!(level(vec![name(), glob(), all()]), Some(2));
    assert_eq!(level(vec![all(), glob()]), Some(3));
    assert_eq!(
        level(vec![of(vec![], 5), all()]),
        Some(4),
        "the later of two alike"
    );
    assert_eq!(
        level(vec![all(), of(vec![Pattern::Id(43)], 9)]),
        Some(4),
        "another product's is none of ours"
    );
}

#[test]
fn figures_at_the_ends_of_their_range_do_no_harm() {
    let ram = option(
        4,
        OptionKind::Dropdown,
        vec![
            choice(11, ABSENT, Some(i64::MAX)),
            choice(12, number(i64::MIN), None),
        ],
    );
    let uses = vec![in_use("4=11", i64::MAX), in_use("4=12", i64::MAX)];
    let seen = with_options(vec![ram], uses);
    let found = derive(
        &seen,
        Level::Known(20),
        vec![capacity(1, &[(4, 11)], i64::MIN)],
        256,
    );
    assert_eq!(
        levels(&found),
        [
            ("4=11".to_owned(), Level::Known(i64::MIN)),
            ("4=12".to_owned(), Level::Known(i64::MIN))
        ]
    );
}

/// A random set of options: up to three, each with up to three choices.
fn some_options() -> impl Strategy<Value = Vec<ConfigOption>> {
    let a_choice = (
        prop::option::of(-2i64..30),
        prop::option::of(0i64..10),
        prop::bool::weighted(0.15),
    );
    let kind = prop_oneof![
        4 => Just(OptionKind::Dropdown),
        2 => Just(OptionKind::YesNo),
        1 => Just(OptionKind::Quantity)
    ];
    let an_option = (
        kind,
        prop::collection::vec(a_choice, 1..4),
        prop::bool::weighted(0.1),
    );
    prop::collection::vec(an_option, 1..4).prop_map(|options| {
        let built = options
            .into_iter()
            .enumerate()
            .map(|(at, (kind, choices, hidden))| {
                let id = i64::try_from(at).unwrap_or_default() + 1;
                let choices = choices
                    .into_iter()
                    .enumerate()
                    .map(|(at, (stock, in_use, hidden))| {
                        let stock = stock.map_or(ABSENT, number);
                        let at = i64::try_from(at).unwrap_or_default();
                        Choice {
                            hidden,
                            ..choice(id * 10 + at, stock, in_use)
                        }
                    });
                ConfigOption {
                    hidden,
                    ..option(id, kind, choices.collect())
                }
            });
        built.collect()
    })
}

/// Random pairs of options and choices, one for each option at most.
fn some_pairs() -> impl Strategy<Value = Vec<(i64, i64)>> {
    prop::collection::btree_map(1i64..4, 0i64..3, 1..4)
        .prop_map(|pairs| pairs.into_iter().map(|(o, c)| (o, o * 10 + c)).collect())
}

/// The pairs of a key, ascending.
type Pairs = Vec<(i64, i64)>;

/// What is left of each capacity: the last one declared for the same pairs.
fn declared(rules: &[(Pairs, i64)]) -> BTreeMap<Pairs, i64> {
    rules.iter().cloned().collect()
}

/// Every way to take one of each list.
fn every_way(lists: &[Vec<(i64, i64)>]) -> Vec<Vec<(i64, i64)>> {
    let Some((first, rest)) = lists.split_first() else {
        return vec![vec![]];
    };
    let mut found = Vec::new();
    for pair in first {
        for tail in every_way(rest) {
            found.push([vec![*pair], tail].concat());
        }
    }
    found
}

/// The text of the design, one sentence after the other, without regard to speed.
fn brute_force(
    options: &[ConfigOption],
    uses: &BTreeMap<Pairs, (i64, Option<i64>)>,
    rules: &[(Pairs, i64)],
    level: Level,
    limit: usize,
) -> (BTreeMap<String, i64>, bool) {
    let declared = declared(rules);
    let visible = |option: &ConfigOption| -> Vec<(i64, i64)> {
        let mut pairs: Vec<(i64, i64)> = option
            .choices
            .iter()
            .filter(|c| !c.hidden)
            .map(|c| (option.id, c.id))
            .collect();
        if option.kind == OptionKind::YesNo && !pairs.is_empty() {
            pairs.truncate(1);
            pairs.push((option.id, 0));
        }
        pairs
    };
    let choice_level = |pair: (i64, i64)| -> Option<i64> {
        let option = options.iter().find(|o| o.id == pair.0)?;
        let choice = option.choices.iter().find(|c| c.id == pair.1)?;
        let left = || Some(declared.get(&vec![pair])? - choice.in_use?);
        choice.stock.number().or_else(left)
    };
    let offered: Vec<&ConfigOption> = options.iter().filter(|o| !o.hidden).collect();
    let combining: Vec<Vec<(i64, i64)>> = offered
        .iter()
        .filter(|o| o.kind.combines())
        .map(|o| visible(o))
        .filter(|pairs| !pairs.is_empty())
        .collect();
    let ways = every_way(&combining);
    let per_choice = ways.len() > limit;
    let mut single: Vec<(i64, i64)> = offered
        .iter()
        .filter(|o| !o.kind.combines() || per_choice)
        .flat_map(|o| visible(o))
        .collect();
    single.dedup();
    let mut found = BTreeMap::new();
    let mut add = |pairs: &[(i64, i64)], own: Vec<i64>| {
        if let Some(own) = own.into_iter().min() {
            let text: Vec<String> = pairs.iter().map(|(o, c)| format!("{o}={c}")).collect();
            found.insert(text.join(";"), own);
        }
    };
    let capped = |own: i64| level.known().map_or(own, |n| n.min(own));
    for pair in single {
        add(&[pair], choice_level(pair).map(capped).into_iter().collect());
    }
    if per_choice {
        return (found, true);
    }
    for way in ways {
        if let Some((_, Some(stock))) = uses.get(&way) {
            add(&way, vec![*stock]);
            continue;
        }
        let mut own: Vec<i64> = way.iter().filter_map(|pair| choice_level(*pair)).collect();
        for (pairs, capacity) in declared.iter().filter(|(pairs, _)| pairs.len() > 1) {
            let within = |whole: &[(i64, i64)]| pairs.iter().all(|pair| whole.contains(pair));
            if within(&way) {
                let in_use: i64 = uses
                    .iter()
                    .filter(|(key, _)| within(key))
                    .map(|(_, used)| used.0)
                    .sum();
                own.push(capacity - in_use);
            }
        }
        add(&way, own.into_iter().min().map(capped).into_iter().collect());
    }
    (found, false)
}

proptest! {
    #[test]
    fn combinations_are_what_brute_force_finds(
        options in some_options(),
        uses in prop::collection::btree_map(some_pairs(), (0i64..9, prop::option::weighted(0.2, -1i64..30)), 0..6),
        rules in prop::collection::vec((some_pairs(), 0i64..40), 0..5),
        level in prop_oneof![3 => (-1i64..30).prop_map(Level::Known), 1 => Just(Level::Unknown), 1 => Just(Level::NotControlled)],
        limit in prop_oneof![Just(256usize), 1usize..20],
    ) {
        let sent = uses.iter().map(|(pairs, (used, stock))| CombinationUse {
            key: CombinationKey::new(pairs.clone()),
            in_use: Some(*used),
            stock: stock.map_or(ABSENT, number),
        });
        let seen = with_options(options.clone(), sent.collect());
        let capacities = rules.iter().enumerate().map(|(at, (pairs, n))| capacity(at, pairs, *n)).collect();
        let found = derive(&seen, level, capacities, limit);
        let (expected, per_choice) = brute_force(&options, &uses, &rules, level, limit);
        prop_assert_eq!(found.per_choice, per_choice);
        let found: BTreeMap<String, i64> = found
            .combinations
            .iter()
            .map(|c| (c.key.to_string(), c.level.known().expect("a figure of its own")))
            .collect();
        prop_assert_eq!(found, expected);
    }
}
