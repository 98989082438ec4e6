//! Looks at some products only, against shops that answer as asked, too much, too little, or not at all.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use axum::Form;
use axum::Json;
use axum::Router;
use axum::routing::post;
use jiff::Timestamp;
use serde_json::Value;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use whmcs_stock_monitor::domain::catalogue::Companion;
use whmcs_stock_monitor::domain::catalogue::Figure;
use whmcs_stock_monitor::domain::catalogue::Product;
use whmcs_stock_monitor::domain::catalogue::Snapshot;
use whmcs_stock_monitor::domain::source::Cause;
use whmcs_stock_monitor::whmcs::client::ApiSettings;
use whmcs_stock_monitor::whmcs::client::Client;
use whmcs_stock_monitor::whmcs::client::Look;
use whmcs_stock_monitor::whmcs::form::SignIn;
use whmcs_stock_monitor::whmcs::intake::Format;

type Fields = BTreeMap<String, String>;

/// How the shop answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Habit {
    AsAsked,
    /// Whatever is asked for, all is listed.
    All,
    /// Success, a total of 0 and no products.
    Nothing,
    Error,
    /// One more than it lists.
    WrongTotal,
    Twice,
    Firewall,
}

#[derive(Debug)]
struct State {
    habit: Habit,
    companion: Companion,
    stock: BTreeMap<i64, i64>,
    asked: Vec<String>,
}

struct World {
    state: Arc<Mutex<State>>,
    client: Client,
    seconds: i64,
}

fn ids(list: Option<&String>, all: &BTreeMap<i64, i64>) -> Vec<i64> {
    match list {
        Some(list) => list.split(',').map(|id| id.parse().unwrap()).collect(),
        None => all.keys().copied().collect(),
    }
}

fn answer(state: &mut State, form: &Fields) -> Value {
    let (action, list) = (form["action"].as_str(), form.get("pid").or(form.get("productid")));
    state
        .asked
        .push(format!("{action} {}", list.map_or("all", String::as_str)));
    let mut wanted = ids(list, &state.stock);
    wanted.retain(|id| state.stock.contains_key(id));
    if action == "GetProductDetails" {
        let details = |id: &i64| json!({"pid": id, "stockcontrol": 1, "qty": state.stock[id], "inuse": 3});
        let products: Vec<Value> = wanted.iter().map(details).collect();
        return match state.companion {
            Companion::Absent => json!({"result": "error", "message": "Invalid API Action"}),
            Companion::Foreign => {
                json!({"result": "success", "totalresults": products.len(), "products": {"product": products}})
            }
            Companion::Contract1 => json!({
                "result": "success", "contract": 1, "totalresults": products.len(), "products": {"product": products}
            }),
        };
    }
    let part = list.is_some();
    match state.habit {
        Habit::Nothing if part => return json!({"result": "success", "totalresults": 0}),
        Habit::Error if part => return json!({"result": "error", "message": "Product ID Not Found"}),
        Habit::Firewall => return json!({"result": "error", "message": "Invalid IP 192.0.2.1"}),
        Habit::All => wanted = state.stock.keys().copied().collect(),
        Habit::Twice if part => wanted.extend(wanted.clone()),
        Habit::AsAsked | Habit::Nothing | Habit::Error | Habit::WrongTotal | Habit::Twice => {}
    }
    let extra = usize::from(part && state.habit == Habit::WrongTotal);
    let listing = |id: &i64| json!({"pid": id, "gid": 1, "name": format!("P{id}"), "quantity_available": state.stock[id]});
    let products: Vec<Value> = wanted.iter().map(listing).collect();
    json!({"result": "success", "totalresults": products.len() + extra, "products": {"product": products}})
}

impl World {
    /// Five products with 10 each, looked at once.
    async fn begin(companion: Companion) -> Self {
        let state = Arc::new(Mutex::new(State {
            habit: Habit::AsAsked,
            companion,
            stock: (1..=5).map(|id| (id, 10)).collect(),
            asked: Vec::new(),
        }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/includes/api.php", listener.local_addr().unwrap());
        let shared = Arc::clone(&state);
        let api = move |Form(form): Form<Fields>| {
            let answer = answer(&mut shared.lock().unwrap(), &form);
            async move { Json(answer) }
        };
        let router = Router::new().route("/includes/api.php", post(api));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let client = Client::new(ApiSettings {
            url,
            sign_in: SignIn::Credentials {
                identifier: "identifier".into(),
                secret: "secret".into(),
            },
            access_key: None,
            response_type: Format::Json,
            timeout: Duration::from_secs(20),
            connect_timeout: Duration::from_secs(10),
            allow_insecure_tls: false,
            ca_file: None,
            max_body: 1 << 20,
            details_interval: Duration::from_hours(1),
            max_requests: 2,
            retry_base: Duration::from_millis(1),
        })
        .unwrap();
        let mut world = Self {
            state,
            client,
            seconds: 0,
        };
        let whole = world.look(&[]).await;
        assert!(!whole.part);
        assert_eq!(
            stocks(&whole.result.unwrap()),
            [(1, 10), (2, 10), (3, 10), (4, 10), (5, 10)]
        );
        world.asked();
        world
    }

    async fn look(&mut self, ids: &[i64]) -> Look {
        self.seconds += 60;
        let now = Timestamp::from_second(1_800_000_000 + self.seconds).unwrap();
        self.client
            .look_at(ids, now, Duration::from_secs(20), &CancellationToken::new())
            .await
            .expect("not cancelled")
    }

    async fn see(&mut self, ids: &[i64]) -> Snapshot {
        let look = self.look(ids).await;
        assert_eq!(look.part, !ids.is_empty());
        look.result.expect("a sound answer")
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
    }

    /// What was asked since the last time.
    fn asked(&self) -> Vec<String> {
        let mut asked = std::mem::take(&mut self.state.lock().unwrap().asked);
        asked.sort_unstable();
        asked
    }
}

fn stocks(snapshot: &Snapshot) -> Vec<(i64, i64)> {
    let stock = |product: &Arc<Product>| match product.listing.quantity {
        Figure::Number(stock) => (product.id(), stock),
        Figure::Absent | Figure::Unreadable => (product.id(), i64::MIN),
    };
    snapshot.products.iter().map(stock).collect()
}

#[tokio::test]
async fn only_what_is_asked_for_is_looked_at_and_what_did_not_change_stays_the_same() {
    let mut world = World::begin(Companion::Contract1).await;
    let before = world.see(&[]).await;
    world.asked();
    world.change(|state| {
        state.stock.insert(2, 4);
        state.stock.insert(4, 0);
    });
    let part = world.see(&[2, 3]).await;
    assert_eq!(world.asked(), ["GetProductDetails 2,3", "GetProducts 2,3"]);
    assert_eq!(stocks(&part), [(2, 4), (3, 10)]);
    assert!(Arc::ptr_eq(&part.products[1], &before.products[2]));
    assert_eq!(part.companion, Companion::Contract1);
    let whole = world.see(&[]).await;
    assert_eq!(stocks(&whole), [(1, 10), (2, 4), (3, 10), (4, 0), (5, 10)]);
    assert!(Arc::ptr_eq(&whole.products[0], &before.products[0]));
    assert!(Arc::ptr_eq(&whole.products[1], &part.products[0]));
}

#[tokio::test]
async fn a_shop_that_lists_all_whatever_is_asked_is_understood() {
    let mut world = World::begin(Companion::Absent).await;
    world.change(|state| {
        state.habit = Habit::All;
        state.stock.insert(5, 1);
        state.stock.insert(1, 1);
    });
    assert_eq!(stocks(&world.see(&[4, 5]).await), [(4, 10), (5, 1)]);
    assert_eq!(world.asked(), ["GetProducts 4,5"]);
}

#[tokio::test]
async fn what_the_shop_does_not_list_is_missing_however_it_says_so() {
    let mut world = World::begin(Companion::Contract1).await;
    for habit in [Habit::AsAsked, Habit::Nothing, Habit::Error] {
        world.change(|state| state.habit = habit);
        assert_eq!(stocks(&world.see(&[77]).await), [], "{habit:?}");
        assert_eq!(world.asked(), ["GetProducts 77"], "{habit:?}");
    }
    world.change(|state| state.habit = Habit::AsAsked);
    assert_eq!(stocks(&world.see(&[3, 77]).await), [(3, 10)]);
}

#[tokio::test]
async fn a_product_that_was_never_seen_is_known_from_then_on() {
    let mut world = World::begin(Companion::Absent).await;
    world.change(|state| {
        state.stock.insert(0, 7);
        state.stock.insert(6, 8);
    });
    let part = world.see(&[0, 6]).await;
    assert_eq!(stocks(&part), [(0, 7), (6, 8)]);
    let whole = world.see(&[]).await;
    assert_eq!(whole.products.len(), 7);
    assert!(Arc::ptr_eq(&whole.products[0], &part.products[0]));
    assert!(Arc::ptr_eq(&whole.products[6], &part.products[1]));
}

#[tokio::test]
async fn where_a_part_does_not_add_up_all_is_looked_at() {
    for habit in [Habit::WrongTotal, Habit::Twice] {
        let mut world = World::begin(Companion::Absent).await;
        world.change(|state| state.habit = habit);
        let look = world.look(&[1]).await;
        assert!(!look.part, "{habit:?}");
        assert_eq!(look.result.expect("all").products.len(), 5, "{habit:?}");
        assert_eq!(world.asked(), ["GetProducts 1", "GetProducts all"], "{habit:?}");
    }
    for (was, is) in [
        (Companion::Contract1, Companion::Absent),
        (Companion::Contract1, Companion::Foreign),
        (Companion::Foreign, Companion::Absent),
    ] {
        let mut world = World::begin(was).await;
        world.change(|state| state.companion = is);
        let look = world.look(&[1]).await;
        assert!(!look.part, "{was:?} {is:?}");
        assert_eq!(look.result.expect("all").companion, is, "{was:?}");
    }
}

#[tokio::test]
async fn a_part_that_fails_is_a_failure() {
    let mut world = World::begin(Companion::Absent).await;
    world.change(|state| state.habit = Habit::Firewall);
    let look = world.look(&[1]).await;
    assert!(look.part);
    assert_eq!(look.result.expect_err("refused").cause, Cause::Ip);
    assert_eq!(world.asked(), ["GetProducts 1"]);
}

#[tokio::test]
async fn of_a_foreign_action_the_named_products_are_asked_anew_and_the_others_kept() {
    let mut world = World::begin(Companion::Foreign).await;
    let part = world.see(&[2, 4]).await;
    assert_eq!(
        world.asked(),
        ["GetProductDetails 2", "GetProductDetails 4", "GetProducts 2,4"]
    );
    assert!(part.products.iter().all(|product| product.details.is_some()));
    assert!(part.products.iter().all(|product| product.details_fresh));
    let whole = world.see(&[]).await;
    assert_eq!(world.asked(), ["GetProducts all"]);
    assert!(whole.products.iter().all(|product| product.details.is_some()));
}

#[tokio::test]
async fn before_a_look_at_all_a_part_is_one() {
    let mut world = World::begin(Companion::Absent).await;
    world.client.forget_companion();
    let look = world.look(&[1]).await;
    assert!(!look.part);
    assert_eq!(look.result.expect("all").products.len(), 5);
}
