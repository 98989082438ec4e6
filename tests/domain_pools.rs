//! Pools over several shops, held against a model that knows only services and counts how many orders still fit.

#![expect(clippy::expect_used, reason = "a test may fail")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::Timestamp;
use proptest::prelude::*;
use uuid::Uuid;
use whmcs_stock_monitor::domain::alerting::decide::Seen;
use whmcs_stock_monitor::domain::alerting::decide::decide;
use whmcs_stock_monitor::domain::alerting::decision::Outcome;
use whmcs_stock_monitor::domain::alerting::pools::Pools;
use whmcs_stock_monitor::domain::alerting::pools::ShopParts;
use whmcs_stock_monitor::domain::alerting::product::Policy;
use whmcs_stock_monitor::domain::alerting::rules::ChannelPolicy;
use whmcs_stock_monitor::domain::alerting::rules::Rule;
use whmcs_stock_monitor::domain::alerting::rules::Rules;
use whmcs_stock_monitor::domain::alerting::state::Memory;
use whmcs_stock_monitor::domain::capacity::Capacities;
use whmcs_stock_monitor::domain::capacity::CapacityRule;
use whmcs_stock_monitor::domain::catalogue::Choice;
use whmcs_stock_monitor::domain::catalogue::CombinationKey;
use whmcs_stock_monitor::domain::catalogue::CombinationUse;
use whmcs_stock_monitor::domain::catalogue::Companion;
use whmcs_stock_monitor::domain::catalogue::ConfigOption;
use whmcs_stock_monitor::domain::catalogue::Details;
use whmcs_stock_monitor::domain::catalogue::Figure;
use whmcs_stock_monitor::domain::catalogue::Level;
use whmcs_stock_monitor::domain::catalogue::Listing;
use whmcs_stock_monitor::domain::catalogue::Name;
use whmcs_stock_monitor::domain::catalogue::OptionKind;
use whmcs_stock_monitor::domain::catalogue::Product;
use whmcs_stock_monitor::domain::catalogue::Snapshot;
use whmcs_stock_monitor::domain::catalogue::options::Options;
use whmcs_stock_monitor::domain::forecast::Forecasts;
use whmcs_stock_monitor::domain::pattern::Pattern;
use whmcs_stock_monitor::domain::people::People;
use whmcs_stock_monitor::domain::pool::Bottleneck;
use whmcs_stock_monitor::domain::pool::PoolRule;
use whmcs_stock_monitor::domain::pool::PoolUse;
use whmcs_stock_monitor::domain::pool::PoolUser;
use whmcs_stock_monitor::domain::stand::Severity;
use whmcs_stock_monitor::domain::taking;

const SHOPS: usize = 3;
const PRODUCTS: i64 = 3;

/// A service: which product, and the place of the choice it holds of each option (how many, of a quantity option).
#[derive(Debug, Clone)]
struct Service {
    shop: usize,
    product: i64,
    picks: Vec<usize>,
}

/// A choice as the operator of the shop set it up.
#[derive(Debug, Clone)]
struct ChoiceSpec {
    hidden: bool,
    stock: Option<i64>,
}

#[derive(Debug, Clone)]
struct OptionSpec {
    kind: OptionKind,
    hidden: bool,
    choices: Vec<ChoiceSpec>,
}

#[derive(Debug, Clone)]
struct ProductSpec {
    /// `None` where WHMCS does not control its stock.
    level: Option<i64>,
    retired: bool,
    options: Vec<OptionSpec>,
}

/// Who draws: `None` stands for any. A choice of 0 is "no".
#[derive(Debug, Clone)]
struct UseSpec {
    shop: Option<usize>,
    product: Option<Option<i64>>,
    option: Option<i64>,
    choice: Option<i64>,
    by_name: bool,
    need: i64,
}

#[derive(Debug, Clone)]
struct PoolSpec {
    capacity: i64,
    uses: Vec<UseSpec>,
}

/// Everything there is.
#[derive(Debug, Clone)]
struct Estate {
    products: BTreeMap<(usize, i64), ProductSpec>,
    services: Vec<Service>,
    pools: Vec<PoolSpec>,
    /// Of a pair, in all products.
    capacities: Vec<((i64, i64), i64)>,
    limit: usize,
}

type Pair = (i64, i64);

fn shop_name(shop: usize) -> String {
    format!("shop{shop}")
}

fn option_id(at: usize) -> i64 {
    i64::try_from(at).expect("small") + 1
}

fn choice_id(option: usize, at: usize) -> i64 {
    option_id(option) * 10 + i64::try_from(at).expect("small")
}

impl ProductSpec {
    /// The pairs a service holds, each with how many: of yes/no options the first choice is yes, all else no.
    fn held(&self, service: &Service) -> Vec<(Pair, i64)> {
        let mut held = Vec::new();
        for (at, option) in self.options.iter().enumerate() {
            let pick = service.picks[at];
            match option.kind {
                OptionKind::Quantity => held.push((
                    (option_id(at), choice_id(at, 0)),
                    i64::try_from(pick).expect("small"),
                )),
                OptionKind::YesNo if pick == 0 => held.push(((option_id(at), choice_id(at, 0)), 1)),
                OptionKind::YesNo => held.push(((option_id(at), 0), 1)),
                OptionKind::Dropdown | OptionKind::Radio | OptionKind::Other => {
                    held.push(((option_id(at), choice_id(at, pick % option.choices.len())), 1));
                }
            }
        }
        held
    }

    /// The choices a customer can take of an option.
    fn offered(&self, at: usize) -> Vec<i64> {
        let option = &self.options[at];
        if option.hidden {
            return Vec::new();
        }
        let visible = option
            .choices
            .iter()
            .enumerate()
            .filter(|(_, choice)| !choice.hidden);
        let mut ids: Vec<i64> = visible.map(|(choice, _)| choice_id(at, choice)).collect();
        if option.kind == OptionKind::YesNo && !ids.is_empty() {
            ids.truncate(1);
            ids.push(0);
        }
        ids
    }

    fn stock(&self, pair: Pair) -> Option<i64> {
        let at = usize::try_from(pair.0 - 1).expect("an option");
        let choice = usize::try_from(pair.1 - pair.0 * 10).ok()?;
        self.options[at].choices.get(choice)?.stock
    }
}

impl Estate {
    fn services_of(&self, shop: usize, product: i64) -> impl Iterator<Item = &Service> {
        self.services
            .iter()
            .filter(move |service| service.shop == shop && service.product == product)
    }

    /// The product as the companion counts it.
    fn product(&self, shop: usize, id: i64) -> Arc<Product> {
        let spec = &self.products[&(shop, id)];
        let mut held: BTreeMap<Pair, i64> = BTreeMap::new();
        let mut ways: BTreeMap<Vec<Pair>, i64> = BTreeMap::new();
        for service in self.services_of(shop, id) {
            for (pair, many) in spec.held(service) {
                *held.entry(pair).or_default() += many;
            }
            let way = spec.held(service).into_iter().zip(&spec.options);
            let way: Vec<Pair> = way
                .filter(|(_, option)| option.kind.combines())
                .map(|((pair, _), _)| pair)
                .collect();
            *ways.entry(way).or_default() += 1;
        }
        let options = spec.options.iter().enumerate().map(|(at, option)| ConfigOption {
            id: option_id(at),
            name: Name::new(&format!("o{}", option_id(at))),
            kind: option.kind,
            hidden: option.hidden,
            choices: option
                .choices
                .iter()
                .enumerate()
                .map(|(choice, set_up)| Choice {
                    id: choice_id(at, choice),
                    name: Name::new(&format!("c{}", choice_id(at, choice))),
                    hidden: set_up.hidden,
                    in_use: Some(*held.get(&(option_id(at), choice_id(at, choice))).unwrap_or(&0)),
                    stock: set_up.stock.map_or(Figure::Absent, Figure::Number),
                })
                .collect(),
        });
        let combinations = ways.into_iter().map(|(way, many)| CombinationUse {
            key: CombinationKey::new(way),
            in_use: Some(many),
            stock: Figure::Absent,
        });
        let details = Details {
            id,
            group_id: None,
            group: None,
            name: None,
            hidden: Some(false),
            retired: Some(spec.retired),
            controlled: Some(spec.level.is_some()),
            quantity: Figure::Number(spec.level.unwrap_or(0)),
            in_use: Some(i64::try_from(self.services_of(shop, id).count()).expect("few")),
            options: options.collect::<Vec<_>>().into(),
            combinations: combinations.collect(),
            source_hash: 0,
        };
        Arc::new(Product {
            listing: Arc::new(Listing {
                id,
                group_id: None,
                name: Name::new(&format!("p{id}")),
                quantity: Figure::Absent,
                price: None,
                options: Options::default(),
                source_hash: 0,
            }),
            details: Some(Arc::new(details)),
            details_fresh: true,
        })
    }

    fn rules(&self) -> (Rules, Capacities) {
        let pattern = |id: Option<i64>, letter: &str, by_name: bool| match id {
            Some(0) if by_name => Pattern::text("No"),
            Some(id) if by_name => Pattern::text(&format!("{letter}{id}")),
            Some(id) => Pattern::Id(id),
            None => Pattern::text("*"),
        };
        let pools = self.pools.iter().enumerate().map(|(at, pool)| PoolRule {
            name: format!("pool {at}"),
            capacity: pool.capacity,
            uses: pool
                .uses
                .iter()
                .map(|used| PoolUse {
                    instance: used.shop.map(|shop| Pattern::text(&shop_name(shop))),
                    what: match used.product {
                        Some(id) => PoolUser::Product(pattern(id, "p", used.by_name)),
                        None => PoolUser::Choice {
                            option: pattern(used.option, "o", used.by_name),
                            choice: pattern(used.choice, "c", used.by_name),
                        },
                    },
                    need: used.need,
                })
                .collect(),
            ..PoolRule::default()
        });
        let capacities = self
            .capacities
            .iter()
            .map(|((option, choice), capacity)| CapacityRule {
                origin: "capacity".to_owned(),
                instances: Vec::new(),
                groups: Vec::new(),
                products: Vec::new(),
                options: vec![(Pattern::Id(*option), Pattern::Id(*choice))],
                capacity: *capacity,
            });
        let limit = Rule {
            max_combinations: Some(self.limit),
            ..Rule::default()
        };
        let channel = ChannelPolicy {
            name: "mail".to_owned(),
            severities: Vec::new(),
            default: true,
            quiet: None,
        };
        let capacities = Capacities {
            capacities: capacities.collect(),
            pools: pools.collect(),
        };
        (Rules::new(5, 1, vec![limit], vec![channel]), capacities)
    }
}

/// What a pool gives for one order of a product, or of one choice of it.
fn take(pool: &PoolSpec, shop: usize, product: i64, pair: Option<Pair>) -> i64 {
    let is = |wanted: Option<i64>, there: i64| wanted.is_none_or(|wanted| wanted == there);
    let uses = pool
        .uses
        .iter()
        .filter(|used| used.shop.is_none_or(|of| of == shop));
    uses.filter(|used| match (used.product, pair) {
        (Some(id), None) => is(id, product),
        (None, Some((option, choice))) => is(used.option, option) && is(used.choice, choice),
        (Some(_), Some(_)) | (None, None) => false,
    })
    .map(|used| used.need)
    .sum()
}

/// How many orders still fit, one after the other; below 0, how many would have to go before none is too many.
fn orders(mut left: i64, take: i64) -> i64 {
    let mut orders = 0;
    while left >= take {
        left -= take;
        orders += 1;
    }
    while left < 0 {
        left += take;
        orders -= 1;
    }
    orders
}

/// What the model says of a shop: products, and combinations by product and key.
type Said = (BTreeMap<i64, Level>, BTreeMap<(i64, String), Level>);

struct Model<'a> {
    estate: &'a Estate,
    /// What is left of each pool; `None` where a shop that it concerns cannot be counted on.
    left: Vec<Option<i64>>,
}

impl<'a> Model<'a> {
    /// Goes through all services, one by one.
    fn of(estate: &'a Estate, unread: Option<usize>) -> Self {
        let left = estate.pools.iter().map(|pool| {
            let concerns = |shop| pool.uses.iter().any(|used| used.shop.is_none_or(|of| of == shop));
            if unread.is_some_and(concerns) {
                return None;
            }
            let mut left = pool.capacity;
            for service in &estate.services {
                left -= take(pool, service.shop, service.product, None);
                let product = &estate.products[&(service.shop, service.product)];
                for (pair, many) in product.held(service) {
                    left -= many * take(pool, service.shop, service.product, Some(pair));
                }
            }
            Some(left)
        });
        Self {
            estate,
            left: left.collect(),
        }
    }

    fn shop(&self, shop: usize) -> Said {
        let mut said = Said::default();
        for id in 1..=PRODUCTS {
            let level = self.whole(shop, id);
            said.0.insert(id, level);
            for (key, level) in self.combinations(shop, id, level) {
                said.1.insert((id, key), level);
            }
        }
        said
    }

    fn whole(&self, shop: usize, id: i64) -> Level {
        let own = self.estate.products[&(shop, id)].level;
        let mut known: Vec<i64> = own.into_iter().collect();
        let mut blind = false;
        for (pool, left) in self.estate.pools.iter().zip(&self.left) {
            let take = take(pool, shop, id, None);
            match left {
                _ if take == 0 => {}
                Some(left) => known.push(orders(*left, take)),
                None => blind = true,
            }
        }
        match known.into_iter().min() {
            // A pool that was never read may take away whatever WHMCS says there is.
            Some(n) if !blind || n <= 0 => Level::Known(n),
            _ if blind => Level::Unknown,
            _ => Level::NotControlled,
        }
    }

    /// What an order of these choices has left beside the product's level; `None` where it has no figure of its own.
    fn of_choices(&self, shop: usize, id: i64, pairs: &[Pair], level: Level) -> Option<Level> {
        let product = &self.estate.products[&(shop, id)];
        let mut known: Vec<i64> = Vec::new();
        let mut blind = false;
        let mut limited = false;
        for pair in pairs {
            if let Some(stock) = product.stock(*pair) {
                known.push(stock);
                continue;
            }
            let declared = self.estate.capacities.iter().rev().find(|(of, _)| of == pair);
            if let Some((_, capacity)) = declared {
                let held = self.estate.services_of(shop, id).flat_map(|s| product.held(s));
                let in_use: i64 = held.filter(|(of, _)| of == pair).map(|(_, many)| many).sum();
                known.push(capacity - in_use);
            }
        }
        for (pool, left) in self.estate.pools.iter().zip(&self.left) {
            let drawing = pairs.iter().filter(|pair| product.stock(**pair).is_none());
            let choices: i64 = drawing.map(|pair| take(pool, shop, id, Some(*pair))).sum();
            if choices == 0 {
                continue;
            }
            limited = true;
            match left {
                Some(left) => known.push(orders(*left, choices + take(pool, shop, id, None))),
                None => blind = true,
            }
        }
        if known.is_empty() && !limited {
            return None;
        }
        // The product's own level could not be told.
        blind |= level == Level::Unknown;
        known.extend(level.known());
        Some(match known.into_iter().min() {
            Some(n) if !blind || n <= 0 => Level::Known(n),
            _ => Level::Unknown,
        })
    }

    fn combinations(&self, shop: usize, id: i64, level: Level) -> Vec<(String, Level)> {
        let product = &self.estate.products[&(shop, id)];
        let mut ways: Vec<Vec<Pair>> = vec![Vec::new()];
        let mut single: Vec<Pair> = Vec::new();
        for (at, option) in product.options.iter().enumerate() {
            let pairs: Vec<Pair> = product
                .offered(at)
                .into_iter()
                .map(|choice| (option_id(at), choice))
                .collect();
            if !option.kind.combines() {
                single.extend(pairs);
            } else if !pairs.is_empty() {
                let longer = |way: &Vec<Pair>| {
                    let way = way.clone();
                    pairs
                        .iter()
                        .map(move |pair| [way.as_slice(), &[*pair]].concat())
                        .collect::<Vec<_>>()
                };
                ways = ways.iter().flat_map(longer).collect();
            }
        }
        if ways.len() > self.estate.limit {
            let mut pairs: Vec<Pair> = ways.concat();
            pairs.sort_unstable();
            pairs.dedup();
            single.extend(pairs);
            ways.clear();
        }
        ways.extend(single.into_iter().map(|pair| vec![pair]));
        let mut found = Vec::new();
        for way in ways.into_iter().filter(|way| !way.is_empty()) {
            let key: Vec<String> = way.iter().map(|(o, c)| format!("{o}={c}")).collect();
            found.extend(
                self.of_choices(shop, id, &way, level)
                    .map(|level| (key.join(";"), level)),
            );
        }
        found
    }
}

/// The monitor of all shops.
struct Monitor {
    rules: Rules,
    capacities: Capacities,
    memories: Vec<Memory>,
    pools: Pools,
    built: BTreeMap<(usize, i64), Arc<Product>>,
    now: Timestamp,
}

impl Monitor {
    fn new(estate: &Estate) -> Self {
        let (rules, capacities) = estate.rules();
        let day = Duration::from_secs(86_400);
        let shops = (0..SHOPS).map(|shop| ShopParts::new(&shop_name(shop), day));
        let mut monitor = Self {
            rules,
            capacities,
            memories: vec![Memory::default(); SHOPS],
            pools: Pools::of(shops.collect()),
            built: BTreeMap::new(),
            now: "2026-11-21T12:00:00Z".parse().expect("a time"),
        };
        for (shop, id) in estate.products.keys() {
            monitor.rebuild(estate, *shop, *id);
        }
        monitor
    }

    fn rebuild(&mut self, estate: &Estate, shop: usize, id: i64) {
        self.built.insert((shop, id), estate.product(shop, id));
    }

    /// Looks at all products of a shop, or at those of these ids.
    fn look(&mut self, shop: usize, only: Option<&[i64]>) {
        self.now = self
            .now
            .checked_add(SignedDuration::from_secs(60))
            .expect("in range");
        let products = self
            .built
            .iter()
            .filter(|((of, id), _)| *of == shop && only.is_none_or(|only| only.contains(id)));
        let snapshot = Snapshot {
            observed_at: self.now,
            products: products.map(|(_, product)| Arc::clone(product)).collect(),
            companion: Companion::Contract1,
        };
        let seen = match only {
            Some(_) => Seen::Part(&snapshot),
            None => Seen::Catalogue(&snapshot),
        };
        let name = shop_name(shop);
        let policy = Policy {
            instance: &name,
            rules: &self.rules,
            capacities: &self.capacities,
            pools: Some(&self.pools),
            people: &People::default(),
            forecasts: &Forecasts::default(),
        };
        let decision = decide(policy, &self.memories[shop], seen, self.now, &mut Uuid::new_v4);
        assert_eq!(decision.outcome, Outcome::Accepted);
        self.memories[shop] = decision.next;
        self.pools = decision.pools.expect("evaluated").next;
    }

    fn left(&self) -> Vec<Option<i64>> {
        let board = self.pools.board(&self.capacities, self.now);
        board.pools.iter().map(|pool| pool.level.known()).collect()
    }

    /// Whatever a pool makes impossible to order stands among those that it holds back, and the pool speaks for it.
    fn pools_speak_for_all_they_hold_back(&self) {
        let board = self.pools.board(&self.capacities, self.now);
        for tracked in self.memories.iter().flat_map(|memory| &memory.products) {
            if tracked.retired == Some(true) {
                continue;
            }
            let whole = (None, &tracked.bottleneck, &tracked.series);
            let combinations = tracked.combinations.iter().filter(|c| !c.gone);
            let combinations = combinations.map(|c| (Some(&c.key), &c.bottleneck, &c.series));
            for (key, bottleneck, series) in std::iter::once(whole).chain(combinations) {
                let limiting = bottleneck.as_ref().and_then(Bottleneck::pool);
                let (Some(name), Level::Known(..=0)) = (limiting, series.level) else {
                    continue;
                };
                let pool = board.pool(name).expect("configured");
                let place = board.place(name).expect("configured");
                let drawn = tracked.drawn.as_ref().expect("it draws");
                let need = taking::need(&drawn.draws, place, key).expect("it takes some");
                let left = pool.level.known().expect("it limits");
                assert_eq!(series.level, Level::Known(left.div_euclid(need)));
                let listed = pool.by_need.iter().any(|(of, _)| *of == need);
                assert!(listed && pool.holds(need), "{need} of {name}: {:?}", pool.by_need);
                let standing = pool.standing.as_ref().expect("decided");
                assert!(standing.speaks_for(Some(need), series.severity, Severity::Ok));
                assert!(standing.open().next().is_some());
            }
        }
    }

    fn shop(&self, shop: usize) -> Said {
        let mut said = Said::default();
        for tracked in &self.memories[shop].products {
            said.0.insert(tracked.id, tracked.series.level);
            for combination in tracked.combinations.iter().filter(|c| !c.gone) {
                said.1.insert(
                    (tracked.id, combination.key.to_string()),
                    combination.series.level,
                );
            }
        }
        said
    }
}

fn some_option() -> impl Strategy<Value = OptionSpec> {
    let kind = prop_oneof![
        3 => Just(OptionKind::Dropdown),
        2 => Just(OptionKind::Radio),
        2 => Just(OptionKind::YesNo),
        2 => Just(OptionKind::Quantity),
    ];
    let choice = (prop::bool::weighted(0.15), prop::option::weighted(0.08, -1i64..6));
    let choices = prop::collection::vec(choice, 1..4);
    (kind, prop::bool::weighted(0.08), choices).prop_map(|(kind, hidden, mut choices)| {
        if kind == OptionKind::Quantity {
            choices.truncate(1);
        }
        OptionSpec {
            kind,
            hidden,
            choices: choices
                .into_iter()
                .map(|(hidden, stock)| ChoiceSpec { hidden, stock })
                .collect(),
        }
    })
}

fn some_use() -> impl Strategy<Value = UseSpec> {
    let whole = prop_oneof![
        3 => Just(None),
        1 => prop::option::of(1..=PRODUCTS).prop_map(Some),
    ];
    let choice = prop_oneof![
        1 => Just((None, None)),
        1 => (1i64..4).prop_map(|option| (Some(option), None)),
        4 => (1i64..4, 0i64..3).prop_map(|(option, at)| (Some(option), Some(option * 10 + at))),
        1 => (1i64..4).prop_map(|option| (Some(option), Some(0))),
    ];
    let shop = prop::option::weighted(0.5, 0..SHOPS);
    (shop, whole, choice, any::<bool>(), 1i64..4).prop_map(
        |(shop, product, (option, choice), by_name, need)| UseSpec {
            shop,
            product,
            option,
            choice,
            by_name,
            need,
        },
    )
}

fn some_service() -> impl Strategy<Value = Service> {
    let picks = prop::collection::vec(0usize..3, 3);
    (0..SHOPS, 1..=PRODUCTS, picks).prop_map(|(shop, product, picks)| Service { shop, product, picks })
}

fn some_estate() -> impl Strategy<Value = Estate> {
    let places = SHOPS * usize::try_from(PRODUCTS).expect("few");
    let product = (
        prop::option::weighted(0.7, -2i64..20),
        prop::bool::weighted(0.1),
        prop::collection::vec(some_option(), 0..4),
    );
    let pool = (-2i64..40, prop::collection::vec(some_use(), 1..4));
    let capacity = ((1i64..4, 0i64..3), 0i64..12);
    (
        prop::collection::vec(product, places),
        prop::collection::vec(some_service(), 0..24),
        prop::collection::vec(pool, 1..4),
        prop::collection::vec(capacity, 0..3),
        prop_oneof![3 => Just(256usize), 1 => 1usize..10],
    )
        .prop_map(|(products, services, pools, capacities, limit)| {
            let places = (0..SHOPS).flat_map(|shop| (1..=PRODUCTS).map(move |id| (shop, id)));
            let products = products.into_iter().map(|(level, retired, options)| ProductSpec {
                level,
                retired,
                options,
            });
            let pools = pools
                .into_iter()
                .map(|(capacity, uses)| PoolSpec { capacity, uses });
            let capacities = capacities
                .into_iter()
                .map(|((option, at), capacity)| ((option, option * 10 + at), capacity));
            Estate {
                products: places.zip(products).collect(),
                services,
                pools: pools.collect(),
                capacities: capacities.collect(),
                limit,
            }
        })
}

proptest! {
    #[test]
    fn levels_of_all_shops_are_what_services_and_orders_leave(
        estate in some_estate(),
        unread in prop::option::weighted(0.2, 0..SHOPS),
    ) {
        let mut monitor = Monitor::new(&estate);
        let read = (0..SHOPS).filter(|shop| Some(*shop) != unread);
        // Once to count, once more for what the counts of the other shops mean for the first.
        for shop in read.clone().chain(read.clone()) {
            monitor.look(shop, None);
        }
        let model = Model::of(&estate, unread);
        prop_assert_eq!(monitor.left(), model.left.clone());
        for shop in read {
            prop_assert_eq!(monitor.shop(shop), model.shop(shop), "shop {}", shop);
        }
        monitor.pools_speak_for_all_they_hold_back();
    }

    #[test]
    fn a_service_ordered_later_moves_exactly_what_it_should(
        mut estate in some_estate(),
        ordered in prop::collection::vec((some_service(), any::<bool>()), 1..4),
    ) {
        let mut monitor = Monitor::new(&estate);
        for shop in (0..SHOPS).chain(0..SHOPS) {
            monitor.look(shop, None);
        }
        for (service, part) in ordered {
            let (shop, id) = (service.shop, service.product);
            estate.services.push(service);
            monitor.rebuild(&estate, shop, id);
            let before: Vec<Said> = (0..SHOPS).map(|shop| monitor.shop(shop)).collect();
            monitor.look(shop, part.then_some(&[id]));
            let model = Model::of(&estate, None);
            prop_assert_eq!(monitor.left(), model.left.clone());
            for (other, before) in before.into_iter().enumerate() {
                if other == shop {
                    prop_assert_eq!(monitor.shop(shop), model.shop(shop), "the shop that was looked at");
                } else {
                    prop_assert_eq!(monitor.shop(other), before, "nobody looked at the others");
                    monitor.look(other, None);
                    prop_assert_eq!(monitor.shop(other), model.shop(other), "shop {}", other);
                }
            }
        }
    }
}
