//! One shelf, two shops: pools from real answers, through the store, over restarts and side by side.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use jiff::SignedDuration;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use whmcs_stock_monitor::domain::alerting::decision::Outcome;
use whmcs_stock_monitor::domain::alerting::rules::ChannelPolicy;
use whmcs_stock_monitor::domain::alerting::rules::Rules;
use whmcs_stock_monitor::domain::capacity::Capacities;
use whmcs_stock_monitor::domain::catalogue::Level;
use whmcs_stock_monitor::domain::pattern::Pattern;
use whmcs_stock_monitor::domain::pool::Board;
use whmcs_stock_monitor::domain::pool::PoolRule;
use whmcs_stock_monitor::domain::pool::PoolUse;
use whmcs_stock_monitor::domain::pool::PoolUser;
use whmcs_stock_monitor::jobs::check::Check;
use whmcs_stock_monitor::jobs::check::Checked;
use whmcs_stock_monitor::jobs::shop::Sharing;
use whmcs_stock_monitor::jobs::shop::Shelf;
use whmcs_stock_monitor::jobs::shop::Shop as Watched;
use whmcs_stock_monitor::scheduler::Schedule;
use whmcs_stock_monitor::simulator::faults::Fault;
use whmcs_stock_monitor::simulator::faults::Refusal;
use whmcs_stock_monitor::simulator::habits::Companion;
use whmcs_stock_monitor::simulator::product::ConfigOption;
use whmcs_stock_monitor::simulator::product::OptionKind;
use whmcs_stock_monitor::simulator::product::Product;
use whmcs_stock_monitor::simulator::server::Simulator;
use whmcs_stock_monitor::store::db::Store;
use whmcs_stock_monitor::store::db::StoreSettings;
use whmcs_stock_monitor::store::history::EventFilter;
use whmcs_stock_monitor::store::history::LevelQuery;

use crate::world::client;
use crate::world::disk;
use crate::world::known;
use crate::world::ram;
use crate::world::shop;
use crate::world::telling;
use crate::world::told;

const SHOPS: [&str; 2] = ["eu", "us"];

/// Two simulated shops and the monitor of both.
struct Estate {
    sites: Vec<Simulator>,
    path: PathBuf,
    running: Running,
    now: Timestamp,
    _folder: TempDir,
}

/// What a start makes.
struct Running {
    store: Store,
    shelf: Arc<Shelf>,
    checks: Vec<Check>,
}

impl Running {
    async fn start(path: &Path, sites: &[Simulator], pools: &[PoolRule], patience: Duration) -> Self {
        let store = Store::open(&StoreSettings {
            path: path.to_owned(),
        })
        .await
        .unwrap()
        .store;
        let channel = ChannelPolicy {
            name: "hook".to_owned(),
            severities: Vec::new(),
            default: true,
            quiet: None,
        };
        let mut rules = Rules::new(5, 1, Vec::new(), vec![channel]);
        rules.epoch = 1 + pools.iter().map(|pool| pool.uses.len() as u64).sum::<u64>();
        let rules = Arc::new(rules);
        let capacities = Arc::new(Capacities {
            capacities: Vec::new(),
            pools: pools.to_vec(),
        });
        let (mut sharing, mut ids) = (Vec::new(), Vec::new());
        for name in SHOPS.into_iter().take(sites.len()) {
            let id = store.instance(name).await.unwrap();
            ids.push(id);
            sharing.push(Sharing {
                name: name.into(),
                id: Some(id),
                schedule: Schedule::parse("every 5m", &TimeZone::UTC).unwrap(),
            });
        }
        let id = store.pools().await.unwrap();
        let shelf = Shelf::new(id, Arc::clone(&capacities), sharing).waiting(patience);
        let shelf = Arc::new(shelf);
        let check = |((name, id), site): ((&str, _), &Simulator)| Check {
            shop: Arc::new(Watched::new(name, id)),
            client: Arc::new(client(&site.url())),
            store: store.clone(),
            rules: Arc::clone(&rules),
            capacities: Arc::clone(&capacities),
            pools: Some(Arc::clone(&shelf)),
            windows: Arc::from([]),
            telling: Arc::new(telling()),
            details_budget: Duration::from_secs(60),
        };
        let checks = SHOPS.into_iter().zip(ids).zip(sites).map(check).collect();
        Self { store, shelf, checks }
    }
}

impl Estate {
    /// First looks wait for none.
    async fn open(products: [Product; 2], pools: &[PoolRule]) -> Self {
        Self::patient(products, pools, Duration::ZERO).await
    }

    /// First looks wait so long for others.
    async fn patient(products: [Product; 2], pools: &[PoolRule], patience: Duration) -> Self {
        let mut sites = Vec::new();
        for product in products {
            let site = shop(Companion::Contract1, [product]);
            sites.push(Simulator::start(site).await.unwrap());
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stock.db");
        Self {
            running: Running::start(&path, &sites, pools, patience).await,
            sites,
            path,
            now: "2026-11-21T12:00:00Z".parse().unwrap(),
            _folder: folder,
        }
    }

    /// The monitor stops and starts again, with these pools.
    async fn restart(self, pools: &[PoolRule]) -> Self {
        let Running { store, shelf, checks } = self.running;
        drop((shelf, checks));
        store.close().await;
        Self {
            running: Running::start(&self.path, &self.sites, pools, Duration::ZERO).await,
            ..self
        }
    }

    fn wait(&mut self, minutes: i64) {
        self.now = self.now.checked_add(SignedDuration::from_mins(minutes)).unwrap();
    }

    /// An accepted poll of a shop, a minute later.
    async fn look(&mut self, shop: usize) -> Checked {
        self.wait(1);
        looked(&self.running.checks[shop], self.now).await
    }

    /// How the pools stand, as pages show them.
    async fn board(&self) -> Arc<Board> {
        let Running { store, shelf, checks } = &self.running;
        let mut shown = Arc::default();
        let show = |board| shown = board;
        shelf.show(store, &checks[0].rules, self.now, show).await.unwrap();
        shown
    }

    fn order(&self, shop: usize, picks: &[(i64, i64)]) {
        self.sites[shop].shop().order(1, picks).unwrap();
    }
}

async fn looked(check: &Check, now: Timestamp) -> Checked {
    let cancel = CancellationToken::new();
    let checked = check.run(now, &cancel).await.unwrap().unwrap();
    assert_eq!(checked.outcome, Outcome::Accepted, "{}", checked.detail);
    checked
}

fn left(board: &Arc<Board>) -> Option<i64> {
    board.pool("64 GB kits").unwrap().level.known()
}

/// The levels of RAM = 64 GB with each disk.
fn with_64_gb(checked: &Checked) -> Vec<(String, Level)> {
    let there = &checked.memory.product(1).unwrap().combinations;
    let there = there.iter().filter(|combination| !combination.gone);
    there
        .map(|combination| (combination.key.to_string(), combination.series.level))
        .collect()
}

/// RAM and Disk, 90 in WHMCS, and so many services with 64 GB.
fn server(services: i64) -> Product {
    Product::new(1, 3, "Dedicated", "DS-64")
        .with_stock(90)
        .with_option(ram())
        .with_option(disk())
        .with_services(&[(4, 12), (5, 20)], services)
        .with_services(&[(4, 11), (5, 21)], 7)
}

fn kits(capacity: i64) -> PoolRule {
    PoolRule {
        name: "64 GB kits".to_owned(),
        capacity,
        uses: vec![PoolUse {
            instance: None,
            what: PoolUser::Choice {
                option: Pattern::text("RAM"),
                choice: Pattern::text("64 GB"),
            },
            need: 1,
        }],
        ..PoolRule::default()
    }
}

#[tokio::test]
async fn a_shelf_that_two_shops_sell_from_is_counted_once() {
    let mut estate = Estate::open([server(4), server(8)], &[kits(20)]).await;
    let first = estate.look(0).await;
    assert_eq!(left(&estate.board().await), None, "us was never read");
    let unknown = with_64_gb(&first);
    assert!(unknown.iter().all(|(_, level)| *level == Level::Unknown) && unknown.len() == 2);
    estate.look(1).await;
    assert_eq!(left(&estate.board().await), Some(8));
    estate.look(0).await;
    estate.order(1, &[(4, 12), (5, 20)]);
    estate.order(1, &[(4, 11), (5, 20)]);
    estate.order(0, &[(4, 12), (5, 21)]);
    for (shop, left_then) in [(1, 7), (0, 6), (1, 6), (0, 6)] {
        let checked = estate.look(shop).await;
        assert_eq!(left(&estate.board().await), Some(left_then));
        let expected = known([("4=12;5=20", left_then), ("4=12;5=21", left_then)]);
        assert_eq!(with_64_gb(&checked), expected, "exactly those with 64 GB");
    }
    for _ in 0..6 {
        estate.order(0, &[(4, 12), (5, 20)]);
    }
    let checked = estate.look(0).await;
    assert_eq!(told(&checked).len(), 1, "{:?}", told(&checked));
    let checked = estate.look(1).await;
    assert_eq!(with_64_gb(&checked), known([("4=12;5=20", 0), ("4=12;5=21", 0)]));
    assert!(
        told(&checked).is_empty(),
        "the pool spoke for us as well: {:?}",
        told(&checked)
    );
    let board = estate.board().await;
    let shops: Vec<&str> = board.pools[0].holds_back().map(|user| &*user.instance).collect();
    assert_eq!(shops, SHOPS);
}

#[tokio::test]
async fn after_a_start_the_last_counts_of_the_other_shop_are_there_while_they_are_young() {
    let mut estate = Estate::open([server(4), server(16)], &[kits(20)]).await;
    estate.look(0).await;
    estate.look(1).await;
    let before = estate.board().await;
    assert_eq!(left(&before), Some(0));
    let mut estate = estate.restart(&[kits(20)]).await;
    assert_eq!(*estate.board().await, *before, "before anything was asked");
    let checked = estate.look(0).await;
    assert_eq!(left(&estate.board().await), Some(0));
    assert!(told(&checked).is_empty(), "{:?}", told(&checked));
    estate.wait(15);
    let mut estate = estate.restart(&[kits(20)]).await;
    estate.order(0, &[(4, 12), (5, 20)]);
    let checked = estate.look(0).await;
    assert_eq!(
        left(&estate.board().await),
        None,
        "us was read three intervals ago"
    );
    assert!(told(&checked).is_empty(), "{:?}", told(&checked));
    estate.look(1).await;
    assert_eq!(left(&estate.board().await), Some(-1));
}

#[tokio::test]
async fn a_pool_has_a_history_and_is_no_shop() {
    let mut estate = Estate::open([server(4), server(8)], &[kits(20)]).await;
    for shop in [0, 1, 0] {
        estate.look(shop).await;
    }
    estate.order(0, &[(4, 12), (5, 20)]);
    estate.look(0).await;
    let reader = estate.running.store.reader();
    let pools = reader.pools().await.unwrap().unwrap();
    let memory = reader
        .memory(pools, &estate.running.checks[0].rules.global())
        .await
        .unwrap();
    let query = LevelQuery {
        instance: pools,
        product: memory.products[0].id,
        combination: None,
        from: None,
        to: None,
        after: None,
        limit: 10,
    };
    let points = reader.level_history(&query).await.unwrap().unwrap();
    let levels: Vec<Option<i64>> = points.iter().map(|point| point.stood.level()).collect();
    assert_eq!(levels, [None, Some(8), Some(7)]);
    let shops: Vec<String> = reader
        .instances()
        .await
        .unwrap()
        .into_iter()
        .map(|i| i.name)
        .collect();
    assert_eq!(shops, SHOPS);
    assert_eq!(reader.instance("(pools)").await.unwrap(), None);
    let polls = reader.polls(None, None, 100).await.unwrap();
    assert!(polls.iter().all(|poll| SHOPS.contains(&poll.instance.as_str())));
    for _ in 0..7 {
        estate.order(0, &[(4, 12), (5, 20)]);
    }
    estate.look(0).await;
    let reader = estate.running.store.reader();
    let all = reader.events(EventFilter::default(), None, 100).await.unwrap();
    assert!(all.iter().all(|event| event.instance != "(pools)"), "{all:?}");
    let own = EventFilter {
        instance: Some(pools),
        ..EventFilter::default()
    };
    let own = reader.events(own, None, 100).await.unwrap();
    let moved: Vec<(&str, Option<i64>)> = own.iter().map(|e| (e.kind.as_str(), e.level)).collect();
    assert_eq!(moved, [("severity", Some(0))]);
}

#[tokio::test]
async fn counts_of_before_a_pool_was_taken_out_are_not_taken_up_again() {
    let mut estate = Estate::open([server(4), server(8)], &[kits(20)]).await;
    estate.look(0).await;
    estate.look(1).await;
    let mut estate = estate.restart(&[]).await;
    estate.look(0).await;
    assert!(estate.board().await.pools.is_empty());
    // While nobody counts, us sells; its polls are recorded all the same.
    estate.order(1, &[(4, 12), (5, 20)]);
    estate.look(1).await;
    let mut estate = estate.restart(&[kits(20)]).await;
    estate.look(0).await;
    assert_eq!(
        left(&estate.board().await),
        None,
        "what us took then is not what it takes now"
    );
    estate.look(1).await;
    assert_eq!(left(&estate.board().await), Some(7));
}

#[tokio::test]
async fn a_choice_renamed_in_one_shop_leaves_the_pool_unknown_over_restarts_until_it_has_its_name_again() {
    let mut estate = Estate::open([server(4), server(8)], &[kits(20)]).await;
    estate.look(0).await;
    estate.look(1).await;
    assert_eq!(left(&estate.board().await), Some(8));
    let call = |estate: &Estate, name: &str| {
        let choices = [(11, "32 GB"), (12, name)];
        let renamed = ConfigOption::new(4, "RAM", OptionKind::Dropdown, &choices);
        let edited = estate.sites[1].shop().edit(1, |product| {
            product.options = vec![renamed, disk()];
        });
        edited.unwrap();
    };
    call(&estate, "64 GB DDR5");
    let checked = estate.look(1).await;
    assert_eq!(checked.lost.len(), 1);
    assert!(told(&checked).is_empty(), "{:?}", told(&checked));
    let mut estate = estate.restart(&[kits(20)]).await;
    for shop in [0, 1, 0] {
        let checked = estate.look(shop).await;
        assert!(checked.lost.is_empty(), "it was said before the restart");
        let board = estate.board().await;
        assert_eq!(left(&board), None);
        assert_eq!(
            board.pools[0].unknown,
            "us: nobody counts DS-64's \"RAM: 64 GB\" (8 services), which no use of the pool names any more (it is now \
             \"RAM: 64 GB DDR5\"). Change the pool's uses to what is meant."
        );
    }
    call(&estate, "64 GB");
    estate.look(1).await;
    assert_eq!(left(&estate.board().await), Some(8));
    let mut both = kits(20);
    both.uses.push(PoolUse {
        what: PoolUser::Choice {
            option: Pattern::text("RAM"),
            choice: Pattern::text("64 GB DDR5"),
        },
        ..both.uses[0].clone()
    });
    call(&estate, "64 GB DDR5");
    estate.look(1).await;
    assert_eq!(left(&estate.board().await), None);
    let mut estate = estate.restart(&[both]).await;
    estate.look(0).await;
    estate.look(1).await;
    assert_eq!(left(&estate.board().await), Some(8), "named as it is called now");
}

#[tokio::test]
async fn a_shop_that_is_taken_out_leaves_a_pool_that_names_it_unknown() {
    let mut named = kits(20);
    named.uses[0].instance = Some(Pattern::text("*"));
    let mut estate = Estate::open([server(4), server(8)], std::slice::from_ref(&named)).await;
    estate.look(0).await;
    estate.look(1).await;
    assert_eq!(left(&estate.board().await), Some(8));
    drop(estate.sites.pop());
    let mut estate = estate.restart(std::slice::from_ref(&named)).await;
    let checked = estate.look(0).await;
    assert!(told(&checked).is_empty(), "{:?}", told(&checked));
    let board = estate.board().await;
    assert_eq!(left(&board), None);
    assert_eq!(
        board.pools[0].unknown,
        "us is no longer configured, and its services are not counted. Take it out of the pool's uses."
    );
    named.uses[0].instance = Some(Pattern::text("eu"));
    let mut estate = estate.restart(&[named]).await;
    estate.look(0).await;
    assert_eq!(left(&estate.board().await), Some(16));
}

#[tokio::test]
async fn a_shop_without_such_a_choice_may_be_away() {
    let bare = Product::new(1, 3, "Dedicated", "DS-0").with_stock(90);
    let mut estate = Estate::open([server(4), bare], &[kits(20)]).await;
    estate.look(1).await;
    estate.look(0).await;
    assert_eq!(left(&estate.board().await), Some(16));
    let mut estate = estate.restart(&[kits(20)]).await;
    estate.wait(60);
    estate.look(0).await;
    assert_eq!(left(&estate.board().await), Some(16));
}

#[tokio::test]
async fn shops_that_are_polled_side_by_side_lose_no_count() {
    let mut estate = Estate::open([server(0), server(0)], &[kits(60)]).await;
    for round in 1..=12 {
        for shop in [0, 1] {
            estate.order(shop, &[(4, 12), (5, 20)]);
        }
        estate.wait(1);
        let [eu, us] = [0, 1].map(|shop| looked(&estate.running.checks[shop], estate.now));
        tokio::join!(eu, us);
        assert_eq!(left(&estate.board().await), Some(60 - 2 * round));
    }
}

/// Longer than any test takes: whoever waits so long has failed.
const FOR_EVER: Duration = Duration::from_secs(600);

#[tokio::test]
async fn first_looks_wait_for_each_other_and_are_right_at_once() {
    let estate = Estate::patient([server(4), server(16)], &[kits(20)], FOR_EVER).await;
    let [eu, us] = [0, 1].map(|shop| looked(&estate.running.checks[shop], estate.now));
    let (eu, us) = tokio::join!(eu, us);
    let expected = known([("4=12;5=20", 0), ("4=12;5=21", 0)]);
    assert_eq!([with_64_gb(&eu), with_64_gb(&us)], [expected.clone(), expected]);
    assert_eq!(left(&estate.board().await), Some(0));
    for checked in [&eu, &us] {
        assert_eq!(told(checked).len(), 1, "a baseline: {:?}", told(checked));
    }
    let reader = estate.running.store.reader();
    let events = reader.events(EventFilter::default(), None, 100).await.unwrap();
    let of_shops: Vec<_> = events.iter().filter(|event| event.pool.is_none()).collect();
    assert!(
        of_shops.iter().all(|event| event.kind.as_str() == "baseline"),
        "{of_shops:?}"
    );
    // Each recorded its own counts: they are there after a start.
    let before = estate.board().await;
    let mut estate = estate.restart(&[kits(20)]).await;
    assert_eq!(*estate.board().await, *before);
    for shop in [0, 1] {
        let checked = estate.look(shop).await;
        assert!(told(&checked).is_empty(), "{:?}", told(&checked));
        assert_eq!(checked.level_changes, 0);
    }
}

#[tokio::test]
async fn what_a_first_look_counted_is_recorded_by_its_own_shop_alone() {
    let estate = Estate::patient([server(4), server(8)], &[kits(20)], FOR_EVER).await;
    let checks = &estate.running.checks;
    let cancel = CancellationToken::new();
    let us = checks[1].look(estate.now, &cancel).await.unwrap().unwrap();
    assert!(checks[1].count(&us).await.unwrap());
    let eu = looked(&checks[0], estate.now).await;
    let expected = known([("4=12;5=20", 8), ("4=12;5=21", 8)]);
    assert_eq!(with_64_gb(&eu), expected, "us had counted");
    // It stops before us is recorded: what us takes is not known.
    let estate = estate.restart(&[kits(20)]).await;
    assert_eq!(left(&estate.board().await), None);
}

#[tokio::test]
async fn a_first_look_waits_for_no_shop_that_failed_and_not_for_ever_for_one_that_hangs() {
    let mut estate = Estate::patient([server(4), server(16)], &[kits(20)], FOR_EVER).await;
    estate.sites[1].fail_always(Fault::Refused(Refusal::IpBanned));
    let cancel = CancellationToken::new();
    let us = estate.running.checks[1].run(estate.now, &cancel);
    let (us, eu) = tokio::join!(us, looked(&estate.running.checks[0], estate.now));
    assert!(matches!(us.unwrap().unwrap().outcome, Outcome::Failed(_)));
    assert!(with_64_gb(&eu).iter().all(|(_, level)| *level == Level::Unknown));
    estate.sites[1].heal();
    let us = estate.look(1).await;
    assert_eq!(left(&estate.board().await), Some(0));
    assert_eq!(us.moved, [0]);
    let eu = estate.look(0).await;
    assert!(told(&eu).is_empty(), "a baseline that came late: {:?}", told(&eu));
    assert_eq!(with_64_gb(&eu), known([("4=12;5=20", 0), ("4=12;5=21", 0)]));

    let patience = Duration::from_millis(300);
    let estate = Estate::patient([server(4), server(16)], &[kits(20)], patience).await;
    estate.sites[1].fail_always(Fault::Hang);
    let stop = CancellationToken::new();
    let us = estate.running.checks[1].run(estate.now, &stop);
    let eu = async {
        let began = Instant::now();
        let checked = looked(&estate.running.checks[0], estate.now).await;
        let took = began.elapsed();
        assert!(took >= patience, "{took:?}");
        assert!(
            with_64_gb(&checked)
                .iter()
                .all(|(_, level)| *level == Level::Unknown)
        );
        // Only the first decision waits.
        let began = Instant::now();
        looked(&estate.running.checks[0], estate.now).await;
        assert!(began.elapsed() < took.max(Duration::from_secs(5)));
        stop.cancel();
    };
    let (us, ()) = tokio::join!(us, eu);
    assert!(us.unwrap().is_none());
}

#[tokio::test]
async fn who_waits_for_another_first_look_stops_at_once_when_told() {
    let estate = Estate::patient([server(4), server(16)], &[kits(20)], FOR_EVER).await;
    let cancel = CancellationToken::new();
    let told = async {
        while estate.sites[0].request_count() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        cancel.cancel();
    };
    let (ended, ()) = tokio::join!(estate.running.checks[0].run(estate.now, &cancel), told);
    assert!(ended.unwrap().is_none());
    let polls = estate.running.store.reader().polls(None, None, 10).await.unwrap();
    assert!(polls.is_empty(), "{polls:?}");
}

#[tokio::test]
async fn another_shops_levels_follow_a_pool_without_asking_it() {
    let mut estate = Estate::open([server(4), server(8)], &[kits(20)]).await;
    for shop in [0, 1, 0] {
        estate.look(shop).await;
    }
    let asked = estate.sites[0].request_count();
    for _ in 0..7 {
        estate.order(1, &[(4, 12), (5, 20)]);
    }
    let us = estate.look(1).await;
    assert_eq!(
        (us.moved.as_slice(), left(&estate.board().await)),
        ([0].as_slice(), Some(1))
    );
    let eu = &estate.running.checks[0];
    let polls = || async {
        let reader = estate.running.store.reader();
        reader.polls(None, None, 100).await.unwrap()
    };
    let before = polls().await.len();
    let refreshed = eu.refresh(estate.now).await.unwrap().expect("levels changed");
    assert_eq!(
        with_64_gb(&refreshed),
        known([("4=12;5=20", 1), ("4=12;5=21", 1)])
    );
    assert_eq!(refreshed.level_changes, 2);
    assert!(refreshed.moved.is_empty(), "nobody has to follow that");
    let shown = polls().await;
    assert_eq!(shown.len(), before + 1);
    assert!(
        shown.iter().any(|poll| poll.part && poll.instance == "eu"),
        "{shown:?}"
    );
    assert!(eu.refresh(estate.now).await.unwrap().is_none(), "nothing is new");
    assert_eq!(polls().await.len(), before + 1);
    assert_eq!(estate.sites[0].request_count(), asked, "eu was not asked");
    // What was committed is what its next poll finds.
    let next = estate.look(0).await;
    assert_eq!(next.level_changes, 0);
    assert!(told(&next).is_empty(), "{:?}", told(&next));

    // A shop that fails, or was not read since the start, keeps its levels.
    estate.sites[0].fail_always(Fault::Refused(Refusal::IpBanned));
    let cancel = CancellationToken::new();
    estate.wait(1);
    let failed = estate.running.checks[0]
        .run(estate.now, &cancel)
        .await
        .unwrap()
        .unwrap();
    assert!(matches!(failed.outcome, Outcome::Failed(_)));
    estate.order(1, &[(4, 12), (5, 20)]);
    estate.look(1).await;
    assert!(
        estate.running.checks[0]
            .refresh(estate.now)
            .await
            .unwrap()
            .is_none()
    );
    estate.sites[0].heal();
    let mut estate = estate.restart(&[kits(20)]).await;
    assert!(
        estate.running.checks[0]
            .refresh(estate.now)
            .await
            .unwrap()
            .is_none()
    );
    let back = estate.look(0).await;
    assert_eq!(with_64_gb(&back), known([("4=12;5=20", 0), ("4=12;5=21", 0)]));
}
