//! The overview as readers ask for it: searched, narrowed, sorted and paged, and never calmer than what was read allows.

use std::collections::HashMap;
use std::sync::Arc;

use whmcs_stock_monitor::domain::alerting::decision::Outcome;
use whmcs_stock_monitor::domain::alerting::state::Memory;
use whmcs_stock_monitor::domain::alerting::state::SeriesState;
use whmcs_stock_monitor::domain::alerting::state::Tracked;
use whmcs_stock_monitor::domain::catalogue::Level;
use whmcs_stock_monitor::domain::catalogue::Name;
use whmcs_stock_monitor::domain::forecast::Forecasts;
use whmcs_stock_monitor::domain::forecast::SellRate;
use whmcs_stock_monitor::domain::message::Capability;
use whmcs_stock_monitor::domain::pool::Board;
use whmcs_stock_monitor::domain::pool::Bottleneck;
use whmcs_stock_monitor::domain::source::Cause;
use whmcs_stock_monitor::observe::items::entries;
use whmcs_stock_monitor::observe::view::Instance;
use whmcs_stock_monitor::observe::view::LastPoll;
use whmcs_stock_monitor::observe::view::Seen;
use whmcs_stock_monitor::web::filters::Filters;
use whmcs_stock_monitor::web::filters::Show;
use whmcs_stock_monitor::web::filters::Sort;
use whmcs_stock_monitor::web::filters::State;
use whmcs_stock_monitor::web::fold::folded;
use whmcs_stock_monitor::web::index::Anchor;
use whmcs_stock_monitor::web::index::Index;
use whmcs_stock_monitor::web::overview::Group;
use whmcs_stock_monitor::web::selection::ROWS;
use whmcs_stock_monitor::web::selection::Selection;

use crate::HOSTILE;
use crate::fixture::combination;
use crate::fixture::frozen;
use crate::fixture::memory;
use crate::fixture::minute;
use crate::fixture::product;
use crate::fixture::series;
use crate::harness::Site;
use crate::harness::accepted;
use crate::harness::settings;
use crate::pools::pool;

/// The rows of the page, by what they are about, in their order.
fn rows(page: &str) -> Vec<&str> {
    let rows = page.split("<tr id=\"").skip(1);
    rows.filter_map(|row| row.split('"').next()).collect()
}

async fn asked(site: &Site, address: &str) -> String {
    let answer = site.get(address).await;
    assert_eq!(answer.status, 200, "{address}: {}", answer.body);
    answer.body
}

fn in_group(group: &str, tracked: Tracked) -> Tracked {
    Tracked {
        group: Some(Name::new(group)),
        ..tracked
    }
}

fn numbered(number: u32, state: SeriesState) -> SeriesState {
    SeriesState { number, ..state }
}

/// Sells a unit a day for each of these numbers of a day.
fn selling(rates: &[(u32, f64)]) -> Forecasts {
    let rates: HashMap<u32, SellRate> = rates
        .iter()
        .map(|(number, per_day)| {
            let rate = SellRate {
                per_day: *per_day,
                low: per_day * 0.8,
                high: per_day * 1.2,
                window_days: 7,
                drops: 20,
                sold: 20,
                observed_days: 7.0,
            };
            (*number, rate)
        })
        .collect();
    Forecasts::new(rates, minute(0))
}

/// A shop with one product of each kind, and their forecasts.
fn shop() -> Arc<Memory> {
    let mut fell = series(Level::Known(3));
    fell.previous_level = Some(30);
    fell.since = minute(9);
    let mut with_options = in_group("Dedizierte Größen", product(4, "DS-64", series(Level::Known(20))));
    with_options.series.number = 4;
    with_options.combinations = vec![
        combination("4=1", "RAM: 64 GB", numbered(41, series(Level::Known(0)))),
        combination("4=2", "RAM: 32 GB", numbered(42, series(Level::Known(20)))),
    ];
    let memory = memory(vec![
        in_group(
            "VPS",
            product(1, "Άλφα Straße", numbered(1, series(Level::Known(0)))),
        ),
        in_group("VPS", product(2, "Beta", numbered(2, fell))),
        in_group("VPS", product(3, "Gamma", numbered(3, series(Level::Known(40))))),
        with_options,
        in_group("Web", product(5, "Delta", numbered(5, frozen(4)))),
        in_group(
            "Web",
            product(6, "Epsilon", numbered(6, series(Level::NotControlled))),
        ),
    ]);
    let mut memory = Memory::clone(&memory);
    memory.forecasts = selling(&[(2, 1.0), (3, 10.0), (4, 0.01)]);
    Arc::new(memory)
}

async fn site() -> Site {
    let other = memory(vec![product(1, "Beta of us", series(Level::Known(1)))]);
    crate::harness::site(settings(None), vec![("default", shop()), ("us west", other)]).await
}

#[tokio::test]
async fn rows_come_worst_first_and_in_each_other_order() {
    let site = site().await;
    let order = |address: &'static str| async { rows(&asked(&site, address).await).join(" ") };
    assert_eq!(order("/").await, "p0-4 p0-1 p1-1 p0-2 p0-5 p0-3 p0-6");
    assert_eq!(order("/?sort=level").await, "p0-4 p0-1 p1-1 p0-2 p0-3 p0-5 p0-6");
    assert_eq!(order("/?sort=cover").await, "p0-2 p0-3 p0-4 p0-1 p1-1 p0-5 p0-6");
    assert!(order("/?sort=since").await.starts_with("p0-2 "));
    assert!(order("/?sort=change").await.starts_with("p0-2 "));
    assert_eq!(order("/?sort=name").await, "p1-1 p0-4 p0-2 p0-3 p0-1 p0-5 p0-6");
}

#[tokio::test]
async fn each_filter_leaves_what_it_names_and_they_hold_together() {
    let site = site().await;
    for (query, left) in [
        ("show=out", "p0-4 p0-1"),
        ("show=critical", "p1-1"),
        ("show=low", "p0-2"),
        ("show=unknown", "p0-5"),
        ("show=ok", "p0-4 p0-3"),
        ("show=not_controlled", "p0-6"),
        ("show=silent", ""),
        ("show=soon", "p0-2 p0-3"),
        ("instance=us%20west", "p1-1"),
        ("group=VPS", "p0-1 p0-2 p0-3"),
        ("group=Nothing", ""),
        ("state=unknown", "p0-5"),
        ("state=not_controlled", "p0-6"),
        ("state=known&group=Web", ""),
        ("q=beta", "p1-1 p0-2"),
        ("q=beta&instance=default", "p0-2"),
        ("q=beta+WEST", ""),
        ("q=%CE%86%CE%9B%CE%A6%CE%91", "p0-1"),
        ("q=STRASSE", "p0-1"),
        ("q=gr%C3%B6ssen", "p0-4"),
        ("q=64+gb", "p0-4"),
        ("q=32+gb", "p0-4"),
        ("q=vps+%233", "p0-3"),
        ("q=3", "p0-4 p0-3"),
        ("q=%F0%9F%A6%80", ""),
        ("group=VPS&show=low&q=eta&sort=level&page=1", "p0-2"),
    ] {
        let page = asked(&site, &format!("/?{query}")).await;
        assert_eq!(rows(&page).join(" "), left, "{query}");
        if left.is_empty() {
            assert!(
                page.contains("Nothing is left by these filters"),
                "{query}: {page}"
            );
        }
    }
}

#[tokio::test]
async fn what_is_no_filter_is_refused_by_name() {
    let site = site().await;
    for (query, blamed) in [
        ("show=red", "show"),
        ("sort=price", "sort"),
        ("state=gone", "state"),
        ("instance=mars", "instance"),
        ("page=0", "page"),
        ("page=x", "page"),
        ("query=x", "query"),
        ("q=a&q=b", "q"),
    ] {
        let answer = site.get(&format!("/?{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.body.contains(blamed), "{}", answer.body);
    }
}

#[tokio::test]
async fn the_links_of_a_page_keep_what_was_chosen() {
    let site = site().await;
    let page = asked(&site, "/?q=a%20%26%20b&group=VPS&sort=level").await;
    for link in [
        "href=\"/?q=a+%26+b&#38;show=out&#38;group=VPS&#38;sort=level\"",
        "href=\"/?group=VPS&#38;sort=level\"",
        "href=\"/?q=a+%26+b&#38;sort=level\"",
        "name=\"q\" value=\"a &#38; b\"",
        "<option value=\"VPS\" selected>",
        "<option value=\"level\" selected>",
    ] {
        assert!(page.contains(link), "{link} in {page}");
    }
    let orders = asked(&site, "/?q=beta&group=VPS").await;
    assert!(
        orders.contains("href=\"/?q=beta&#38;group=VPS&#38;sort=cover\""),
        "{orders}"
    );
    // A tile that is chosen leads back to all.
    let page = asked(&site, "/?show=out&q=ds").await;
    assert!(page.contains("href=\"/?q=ds\" aria-current=\"true\""), "{page}");
    assert!(page.contains("<input type=\"hidden\" name=\"show\" value=\"out\">"));
}

#[tokio::test]
async fn a_row_leads_to_its_product_and_its_combinations_stand_under_it() {
    let site = site().await;
    let page = asked(&site, "/?show=out&q=64").await;
    assert!(page.contains("href=\"/products/default/4\""), "{page}");
    assert!(
        page.contains("href=\"/products/default/4?combination=4%3D1\""),
        "{page}"
    );
    assert!(page.contains("1 combination: 1 out"), "{page}");
    // The product itself stands with its own figure.
    assert!(
        page.contains("<b class=\"level\">20</b> <span class=\"tag\">OK</span>"),
        "{page}"
    );
    let other = asked(&site, "/?instance=us+west").await;
    assert!(other.contains("href=\"/products/us%20west/1\""), "{other}");
}

#[tokio::test]
async fn a_level_that_is_not_known_is_never_shown_as_a_figure() {
    let unknown = SeriesState {
        last_level: None,
        ..series(Level::Unknown)
    };
    let shop = memory(vec![
        product(1, "Never known", unknown),
        product(2, "No longer known", frozen(0)),
        product(3, "Not counted", series(Level::NotControlled)),
    ]);
    let site = crate::harness::site(settings(None), vec![("default", shop)]).await;
    let page = asked(&site, "/").await;
    let mut levels: Vec<&str> = page
        .split("<b class=\"level\">")
        .skip(1)
        .filter_map(|rest| rest.split('<').next())
        .collect();
    levels.sort_unstable();
    assert_eq!(levels, ["?", "?", "–"], "{page}");
    assert!(page.contains("2 of 3 not known"), "{page}");
}

#[tokio::test]
async fn names_of_any_kind_stay_names() {
    let mut hostile = in_group(HOSTILE, product(1, HOSTILE, series(Level::Known(2))));
    hostile.combinations = vec![combination("1=2", HOSTILE, series(Level::Known(0)))];
    let site = crate::harness::site(settings(None), vec![("default", memory(vec![hostile]))]).await;
    for address in [
        "/".to_owned(),
        format!("/?q={}", "%3Cscript%3Ealert(1)%3C%2Fscript%3E"),
        format!("/?group={}&q=%22%3E%3Cscript%3E", "%3Cscript%3E"),
    ] {
        let page = asked(&site, &address).await;
        assert!(!page.contains("<script>"), "{page}");
    }
    assert_eq!(rows(&asked(&site, "/?q=%3Cscript%3Ealert").await), ["p0-1"]);
}

#[tokio::test]
async fn nothing_one_and_ten_thousand_products_each_make_a_page() {
    let site = crate::harness::site(settings(None), vec![("default", Arc::default())]).await;
    let empty = asked(&site, "/").await;
    assert!(empty.contains("Nothing is known yet") && empty.contains("The first accepted poll"));
    let mut read = Memory::default();
    read.source.last_accepted_at = Some(minute(10));
    site.view.publish("default", Arc::new(read), accepted());
    let empty = asked(&site, "/").await;
    assert!(
        empty.contains("<h1>The shop answers and shows no product</h1>")
            && empty.contains("the API role allows"),
        "{empty}"
    );
    assert!(!empty.contains("The first accepted poll"), "{empty}");
    for count in [1, ROWS, ROWS + 1, 10_000] {
        let products = (1..=i64::try_from(count).unwrap())
            .map(|id| product(id, &format!("P{id:05}"), series(Level::Known(10_000 - id))));
        site.view
            .publish("default", memory(products.collect()), accepted());
        let page = asked(&site, "/").await;
        assert_eq!(rows(&page).len(), count.min(ROWS));
        let pages = count.div_ceil(ROWS);
        let last = asked(&site, "/?page=99999").await;
        assert_eq!(rows(&last).len(), count - (pages - 1) * ROWS);
        assert_eq!(page.contains("rel=\"next\""), pages > 1);
        assert!(!last.contains("rel=\"next\""));
        assert!(page.len() < 150_000, "{}", page.len());
    }
    let page = asked(&site, "/?page=2&sort=name").await;
    assert!(page.contains("href=\"/?sort=name\"") && page.contains("href=\"/?sort=name&#38;page=3\""));
    assert_eq!(rows(&page)[0], "p0-51");
}

#[tokio::test]
async fn what_a_pool_holds_back_is_one_row() {
    let held = |id: i64| {
        let mut held = product(id, &format!("DS-{id}"), series(Level::Known(0)));
        held.bottleneck = Some(Bottleneck::Pool(Arc::from("Kits")));
        held
    };
    let mut products: Vec<Tracked> = (1..=42).map(held).collect();
    products.push(product(50, "Other", series(Level::Known(0))));
    let site = crate::harness::site(settings(None), vec![("default", memory(products))]).await;
    site.view.show_pools(Arc::new(Board {
        pools: vec![pool("Kits", 40, Some(0), Vec::new())],
    }));
    let page = asked(&site, "/").await;
    assert_eq!(rows(&page), ["pool0", "p0-50"]);
    assert!(page.contains("<h1>1 out, 1 pool out</h1>"), "{page}");
    assert!(page.contains("What it limits: 42 out"), "{page}");
    assert!(page.contains("30 more</a>"), "twelve of them are named: {page}");
    // Who searches for one of them finds it.
    let found = asked(&site, "/?q=DS-41").await;
    assert_eq!(rows(&found), ["pool0"]);
    assert!(found.contains("href=\"/products/default/41\"") && !found.contains("products/default/40"));
    assert_eq!(rows(&asked(&site, "/?q=kits").await), ["pool0"]);
}

#[tokio::test]
async fn what_runs_out_next_stands_before_the_rows() {
    let page = asked(&site().await, "/").await;
    let next = page.split("<ol>").nth(1).unwrap().split("</ol>").next().unwrap();
    let at = |name: &str| next.find(name).unwrap_or_else(|| panic!("{name} in {next}"));
    assert!(at("Beta") < at("Gamma") && at("Gamma") < at("DS-64"), "{next}");
    assert!(next.contains("<b class=\"when soon\">about 3 days</b>"), "{next}");
    assert!(next.contains("<b class=\"when\">more than a year</b>"), "{next}");
    assert!(!asked(&site().await, "/?q=beta").await.contains("id=\"next\""));
}

#[tokio::test]
async fn the_page_says_whether_its_figures_can_be_trusted() {
    let failed = |at| LastPoll {
        observed_at: minute(at),
        outcome: Outcome::Failed(Cause::Dns),
        detail: String::new(),
    };
    let well = || memory(vec![product(1, "DS-64", series(Level::Known(40)))]);
    let recent = || {
        let mut memory = Memory::clone(&well());
        memory.source.last_accepted_at = Some(jiff::Timestamp::now());
        Arc::new(memory)
    };
    let trust = |page: &str| {
        let part = page.split("<section class=\"trust ").nth(1).unwrap();
        let (tone, rest) = part.split_once('"').unwrap();
        let words = rest.split("<b>").nth(1).unwrap().split("</b>").next().unwrap();
        format!("{tone}: {words}")
    };
    let site = crate::harness::site(settings(None), vec![("a", recent()), ("b", recent())]).await;
    assert_eq!(trust(&asked(&site, "/").await), "good: All figures are current");
    site.view.publish("b", recent(), failed(11));
    assert_eq!(
        trust(&asked(&site, "/").await),
        "part: Some figures are old or missing"
    );
    site.view.publish("a", recent(), failed(11));
    let old = asked(&site, "/").await;
    assert_eq!(trust(&old), "bad: The last poll of every shop failed");
    assert!(
        !old.contains("oldest read")
            && old.contains("the oldest figures of 2 shops are from <time class=\"at\""),
        "{old}"
    );
    assert!(old.contains("<h1>Nothing was low when last read</h1>"), "{old}");
    // Accepted once, and then nothing more came.
    site.view.publish("a", recent(), accepted());
    site.view.publish("b", well(), accepted());
    assert_eq!(
        trust(&asked(&site, "/").await),
        "part: Some figures are old or missing"
    );
    let mut short = Memory::clone(&recent());
    short.source.lost = vec![(Capability::StockFields, minute(3))];
    site.view.publish("b", Arc::new(short), accepted());
    let page = asked(&site, "/").await;
    assert_eq!(trust(&page), "part: Some figures no longer come");
    assert!(page.contains("WHMCS no longer sends stock figures."));
    // The next poll is long due.
    site.view.publish("b", recent(), accepted());
    site.view.expect("b", Some(minute(0)));
    assert!(trust(&asked(&site, "/").await).starts_with("part: "));
    let never = |name: &str| Instance::new(name, Arc::default());
    site.view.reconfigure(vec![never("c")], &[]);
    assert_eq!(
        trust(&asked(&site, "/").await),
        "waiting: There are no figures yet: the first poll is still to come."
    );
    site.view.publish("c", Arc::default(), failed(12));
    assert!(trust(&asked(&site, "/").await).starts_with("bad: There are no figures"));
    site.view.reconfigure(vec![Instance::new("d", recent())], &[]);
    assert_eq!(
        trust(&asked(&site, "/").await),
        "waiting: The figures are those from before the start"
    );
}

/// Numbers that look random and are the same at each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }

    fn series(&mut self, number: u32) -> SeriesState {
        let level = i64::try_from(self.below(9)).unwrap() - 1;
        let state = match self.below(6) {
            0 => frozen(level),
            1 => series(Level::NotControlled),
            _ => series(Level::Known(level)),
        };
        SeriesState {
            previous_level: (self.below(2) == 0).then(|| i64::try_from(self.below(30)).unwrap()),
            since: minute(i64::try_from(self.below(50)).unwrap()),
            ..numbered(number, state)
        }
    }

    fn memory(&mut self) -> Arc<Memory> {
        let names = ["Alpha", "ÄLPHA", "beta 64", "Straße", "", "64", "ΟΔΟΣ"];
        let mut number = 0;
        let mut next = || {
            number += 1;
            number
        };
        let products = (1..=1 + i64::try_from(self.below(40)).unwrap()).map(|id| {
            let own = self.series(next());
            let mut tracked = in_group(
                self.pick(&["VPS", "Web", "größe"]),
                product(id, self.pick(&names), own),
            );
            tracked.gone = self.below(12) == 0;
            tracked.retired = Some(self.below(12) == 0);
            tracked.combinations = (0..self.below(4))
                .map(|choice| {
                    let mut one = combination(&format!("1={choice}"), self.pick(&names), self.series(next()));
                    one.gone = self.below(8) == 0;
                    one
                })
                .collect();
            tracked
        });
        let mut memory = Memory::clone(&memory(products.collect()));
        let rates: Vec<(u32, f64)> = (0..number)
            .filter(|n| n % 3 == 0)
            .map(|n| (n, f64::from(n % 7 + 1)))
            .collect();
        memory.forecasts = selling(&rates);
        Arc::new(memory)
    }
}

/// The products that the filters leave, found without any index: each series is asked for itself.
fn plainly(seen: &Seen, filters: &Filters) -> Vec<(usize, i64)> {
    let words: Vec<String> = filters.q.split_whitespace().map(folded).collect();
    let mut found = Vec::new();
    for (place, shop) in seen.instances.iter().enumerate() {
        let all: Vec<_> = entries(&shop.name, &shop.memory)
            .filter(|entry| !entry.is_gone())
            .collect();
        for entry in &all {
            let own = all
                .iter()
                .find(|other| other.product.id == entry.product.id && other.combination.is_none())
                .unwrap();
            let group = Group::of(entry);
            let folds = |entry: &whmcs_stock_monitor::observe::items::Entry<'_>| {
                let group = Group::of(entry);
                entry.combination.is_some()
                    && (group == Group::of(own) || (group < Group::Ok && !entry.is_open()))
            };
            if folds(entry) {
                continue;
            }
            let name = folded(entry.product.name.shown());
            let of = entry
                .product
                .group
                .as_ref()
                .map(|group| folded(group.shown()))
                .unwrap_or_default();
            let mut labels: Vec<String> = entry.combination.iter().map(|one| folded(&one.label)).collect();
            if entry.combination.is_none() {
                let likewise = all
                    .iter()
                    .filter(|other| other.product.id == entry.product.id && folds(other));
                labels.extend(
                    likewise
                        .filter_map(|other| other.combination)
                        .map(|one| folded(&one.label)),
                );
            }
            let is = |word: &String| {
                name.contains(word.as_str())
                    || of.contains(word.as_str())
                    || labels.iter().any(|label| label.contains(word.as_str()))
                    || word.trim_start_matches('#') == entry.product.id.to_string()
            };
            let lasting = entry
                .cover()
                .filter(|_| entry.level() > Some(0) && !entry.is_silent());
            let shown = match filters.show {
                None => true,
                Some(Show::Group(wanted)) => wanted == group,
                Some(Show::Soon) => lasting.is_some_and(|cover| cover.days < 7.0),
            };
            let wanted = shown
                && words.iter().all(is)
                && filters.instance.as_deref().is_none_or(|name| name == &*shop.name)
                && filters
                    .group
                    .as_deref()
                    .is_none_or(|name| entry.product.group.as_ref().is_some_and(|of| of.shown() == name))
                && filters.state.is_none_or(|state| state.key() == entry.state());
            if wanted {
                found.push((place, entry.product.id));
            }
        }
    }
    found.dedup();
    found
}

#[test]
fn the_index_finds_what_a_plain_look_at_each_series_finds() {
    let mut numbers = Numbers(7);
    for _ in 0..60 {
        let seen = Seen {
            instances: vec![
                Instance::new("a", numbers.memory()),
                Instance::new("b", numbers.memory()),
            ],
            ..Seen::default()
        };
        let index = Index::new(&seen);
        for _ in 0..20 {
            let maybe = |numbers: &mut Numbers, from: &[&str]| {
                (numbers.below(3) == 0).then(|| numbers.pick(from).to_owned())
            };
            let shows: Vec<Show> = Group::ALL
                .into_iter()
                .map(Show::Group)
                .chain([Show::Soon])
                .collect();
            let filters = Filters {
                q: maybe(
                    &mut numbers,
                    &["64", "LPHA", "strasse", "vps beta", "#3", "οδοσ", "zz"],
                )
                .unwrap_or_default(),
                show: (numbers.below(2) == 0).then(|| shows[usize::try_from(numbers.below(8)).unwrap()]),
                instance: maybe(&mut numbers, &["a", "b"]),
                group: maybe(&mut numbers, &["VPS", "größe", "none"]),
                state: (numbers.below(4) == 0)
                    .then(|| State::ALL[usize::try_from(numbers.below(3)).unwrap()]),
                sort: Sort::ALL[usize::try_from(numbers.below(6)).unwrap()],
                page: 1,
            };
            let selection = Selection::new(&index, &seen, &filters);
            let heads = (1..=selection.pages()).flat_map(|page| selection.page(page));
            let mut found: Vec<(usize, i64)> = heads
                .map(|head| match head.anchor {
                    Anchor::Product { shop, product } => {
                        let products = &seen.instances[shop as usize].memory.products;
                        (shop as usize, products[product as usize].id)
                    }
                    Anchor::Pool(_) => panic!("there are no pools"),
                })
                .collect();
            found.sort_unstable();
            assert_eq!(found, plainly(&seen, &filters), "{filters:?}");
            assert_eq!(found.len(), selection.total());
        }
        let worst = Selection::new(&index, &seen, &Filters::default());
        let by_shop = ["a", "b"].map(|shop| {
            let filters = Filters {
                instance: Some(shop.to_owned()),
                ..Filters::default()
            };
            Selection::new(&index, &seen, &filters).counts
        });
        for group in Group::ALL {
            let counted: usize = by_shop.iter().map(|counts| counts.of(group)).sum();
            assert_eq!(worst.counts.of(group), counted, "{group:?}");
        }
        let soon: usize = by_shop.iter().map(|counts| counts.soon).sum();
        assert_eq!(worst.counts.soon, soon);
        let groups: Vec<Group> = worst.page(1).map(|head| head.group).collect();
        assert!(groups.is_sorted(), "{groups:?}");
        let latest = index
            .ordered(Sort::Cover)
            .iter()
            .map(|head| index.head(*head).cover());
        assert!(latest.collect::<Vec<f32>>().is_sorted());
        let counted = entries("a", &seen.instances[0].memory).filter(|entry| entry.state() == "unknown");
        assert_eq!(index.shops[0].unknown, counted.count());
    }
}
