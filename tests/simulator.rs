//! The simulated WHMCS, seen by a client that reads bytes: its answers and each of its faults.

#![expect(clippy::expect_used, clippy::panic, reason = "what fails here is the test")]

use std::io::Read;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use whmcs_stock_monitor::simulator::delivery::Coding;
use whmcs_stock_monitor::simulator::faults::Fault;
use whmcs_stock_monitor::simulator::faults::Filler;
use whmcs_stock_monitor::simulator::faults::Refusal;
use whmcs_stock_monitor::simulator::habits::Companion;
use whmcs_stock_monitor::simulator::habits::ListShape;
use whmcs_stock_monitor::simulator::habits::Version;
use whmcs_stock_monitor::simulator::json::Spelling;
use whmcs_stock_monitor::simulator::product::ConfigOption;
use whmcs_stock_monitor::simulator::product::OptionKind;
use whmcs_stock_monitor::simulator::product::Product;
use whmcs_stock_monitor::simulator::samples::STAR;
use whmcs_stock_monitor::simulator::server::Settings;
use whmcs_stock_monitor::simulator::server::Simulator;
use whmcs_stock_monitor::simulator::shop::Shop;

/// An answer, taken apart.
#[derive(Debug)]
struct Seen {
    status: u16,
    head: String,
    body: Vec<u8>,
    /// Whether as many bytes came as were announced.
    whole: bool,
}

impl Seen {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines
            .filter(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .next()
    }

    fn products(&self) -> Vec<Value> {
        self.json()["products"]["product"]
            .as_array()
            .cloned()
            .expect("a list of products")
    }
}

fn form(simulator: &Simulator, action: &str, more: &str) -> String {
    let (identifier, secret) = (simulator.identifier(), simulator.secret());
    format!("identifier={identifier}&secret={secret}&responsetype=json&action={action}{more}")
}

async fn connect(simulator: &Simulator) -> TcpStream {
    TcpStream::connect(simulator.address())
        .await
        .expect("the simulator listens")
}

fn request(body: &str, headers: &str) -> Vec<u8> {
    let length = body.len();
    let head = "POST /includes/api.php HTTP/1.1\r\nHost: whmcs\r\nUser-Agent: raw\r\n";
    let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
    format!("{head}{kind}{headers}Content-Length: {length}\r\n\r\n{body}").into_bytes()
}

async fn post(simulator: &Simulator, body: &str, headers: &str) -> Seen {
    let mut stream = connect(simulator).await;
    let headers = format!("Connection: close\r\n{headers}");
    stream
        .write_all(&request(body, &headers))
        .await
        .expect("the request is taken");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.expect("an orderly end");
    seen(&bytes)
}

async fn call(simulator: &Simulator, action: &str, more: &str) -> Seen {
    post(simulator, &form(simulator, action, more), "").await
}

fn seen(bytes: &[u8]) -> Seen {
    let end = bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .expect("a head");
    let head = String::from_utf8(bytes[..end].to_vec()).expect("ASCII");
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .expect("a status");
    let mut seen = Seen {
        status,
        head,
        body: bytes[end + 4..].to_vec(),
        whole: true,
    };
    if seen.header("transfer-encoding") == Some("chunked") {
        (seen.body, seen.whole) = joined_chunks(&seen.body);
    } else if let Some(length) = seen.header("content-length") {
        seen.whole = seen.body.len() == length.parse::<usize>().expect("a length");
    }
    seen
}

fn joined_chunks(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        let Some(end) = rest.windows(2).position(|two| two == b"\r\n") else {
            return (body, false);
        };
        let size = std::str::from_utf8(&rest[..end]).expect("ASCII");
        let size = usize::from_str_radix(size, 16).expect("a chunk's size");
        if size == 0 {
            return (body, &rest[end..] == b"\r\n\r\n");
        }
        body.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 4 + size..];
    }
}

fn gunzipped(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut plain)?;
    Ok(plain)
}

fn small_shop(version: Version, companion: Companion) -> Shop {
    let ram = ConfigOption::new(4, "RAM", OptionKind::Dropdown, &[(11, "32 GB"), (12, "64 GB")]);
    let raid = ConfigOption::new(3, "RAID", OptionKind::YesNo, &[(9, "RAID")]);
    let addresses = ConfigOption::new(6, "IPv4", OptionKind::Quantity, &[(15, "Address")]);
    Shop::new(version, companion).with_products([
        Product::new(42, 3, "Dedicated", "DS-64 \"é\" 😀 \u{200f}<b>")
            .with_stock(7)
            .with_option(ram)
            .with_option(raid)
            .with_option(addresses)
            .with_services(&[(4, 11), (3, 0), (6, 2)], 12)
            .with_services(&[(4, 11), (3, 9), (6, 1)], 1)
            .with_services(&[(4, 12), (3, 0), (6, 4)], 9),
        Product::new(43, 4, "VPS", "VPS").with_module("kvm").hidden(),
    ])
}

async fn small() -> Simulator {
    start(small_shop(Version::V8_12, Companion::Contract1)).await
}

async fn start(shop: Shop) -> Simulator {
    Simulator::start(shop).await.expect("a free port")
}

#[tokio::test]
async fn get_products_has_the_documented_shape_with_stock_from_8_12_on() {
    for (version, has_stock) in [
        (Version::V8_3, false),
        (Version::V8_12, true),
        (Version::V9_0, true),
    ] {
        let simulator = start(small_shop(version, Companion::None)).await;
        let seen = call(&simulator, "GetProducts", "").await;
        assert_eq!(
            (seen.status, seen.header("content-type")),
            (200, Some("application/json"))
        );
        assert!(seen.whole && seen.body.is_ascii());
        let answer = seen.json();
        assert_eq!(
            (&answer["result"], &answer["totalresults"]),
            (&json!("success"), &json!(2))
        );
        let product = &seen.products()[0];
        assert_eq!((&product["pid"], &product["gid"]), (&json!(42), &json!(3)));
        assert_eq!(product["name"], json!("DS-64 \"é\" 😀 \u{200f}<b>"));
        assert_eq!(product["pricing"]["EUR"]["monthly"], json!("49.00"));
        assert_eq!(product["pricing"]["EUR"]["annually"], json!("-1.00"));
        let expected = has_stock.then(|| json!(7));
        assert_eq!(product.get("quantity_available"), expected.as_ref());
        assert_eq!(product.get("allowqty").is_some(), has_stock);
        for absent in [
            "hidden",
            "retired",
            "groupname",
            "stockcontrol",
            "stocklevel",
            "qty",
        ] {
            assert_eq!(product.get(absent), None, "{absent}");
        }
        let option = &product["configoptions"]["configoption"][0];
        assert_eq!((&option["id"], &option["type"]), (&json!(4), &json!("1")));
        assert_eq!(option.get("minqty").is_some(), has_stock);
        let choice = &option["options"]["option"][1];
        assert_eq!((&choice["id"], &choice["name"]), (&json!(12), &json!("64 GB")));
        assert_eq!(
            (&choice["rawName"], &choice["required"]),
            (&json!("64 GB"), &Value::Null)
        );
        let uncontrolled = &seen.products()[1];
        assert_eq!(
            uncontrolled.get("quantity_available"),
            has_stock.then(|| json!(0)).as_ref()
        );
    }
}

#[tokio::test]
async fn get_products_is_filtered_by_ids_group_and_module() {
    let simulator = small().await;
    for (filter, expected) in [
        ("&pid=42", vec![42]),
        ("&pid=43,42,999", vec![42, 43]),
        ("&gid=4", vec![43]),
        ("&module=kvm", vec![43]),
        ("&gid=3&module=kvm", vec![]),
        ("&pid=999", vec![]),
        ("&pid=&gid=", vec![42, 43]),
    ] {
        let seen = call(&simulator, "GetProducts", filter).await;
        let ids: Vec<i64> = seen
            .products()
            .iter()
            .map(|p| p["pid"].as_i64().unwrap())
            .collect();
        assert_eq!(ids, expected, "{filter}");
        assert_eq!(seen.json()["totalresults"], json!(expected.len()), "{filter}");
    }
}

#[tokio::test]
async fn the_companion_answers_as_its_contract_says() {
    let simulator = small().await;
    let seen = call(&simulator, "GetProductDetails", "&productid=42").await;
    let expected = json!({"result":"success","contract":1,"totalresults":1,"products":{"product":[
      {"pid":42,"gid":3,"groupname":"Dedicated","name":"DS-64 \"é\" 😀 \u{200f}<b>","hidden":0,"retired":0,
       "stockcontrol":1,"qty":7,"inuse":22,
       "configoptions":{"configoption":[
         {"id":4,"name":"RAM","type":"1","hidden":0,"minqty":0,"maxqty":0,"options":{"option":[
           {"id":11,"name":"32 GB","hidden":0,"inuse":13},{"id":12,"name":"64 GB","hidden":0,"inuse":9}]}},
         {"id":3,"name":"RAID","type":"3","hidden":0,"minqty":0,"maxqty":0,"options":{"option":[
           {"id":9,"name":"RAID","hidden":0,"inuse":1}]}},
         {"id":6,"name":"IPv4","type":"4","hidden":0,"minqty":1,"maxqty":16,"options":{"option":[
           {"id":15,"name":"Address","hidden":0,"inuse":61}]}}]},
       "combinations":{"combination":[{"options":"3=0;4=11","inuse":12},{"options":"3=0;4=12","inuse":9},
         {"options":"3=9;4=11","inuse":1}]}}]}});
    assert_eq!(seen.json(), expected);
    let all = call(&simulator, "getproductdetails", "").await;
    assert_eq!(all.json()["totalresults"], json!(2));
    assert_eq!(all.products()[1]["hidden"], json!(1));
    assert_eq!(all.products()[1]["stockcontrol"], json!(0));
}

#[tokio::test]
async fn the_companion_leaves_unknown_ids_out_and_refuses_when_none_is_known() {
    let simulator = small().await;
    let some = call(&simulator, "GetProductDetails", "&productid=999%2C43%2C42").await;
    let ids: Vec<Value> = some
        .products()
        .iter()
        .map(|product| product["pid"].clone())
        .collect();
    assert_eq!(
        (ids, &some.json()["totalresults"]),
        (vec![json!(42), json!(43)], &json!(2))
    );
    let none = call(&simulator, "GetProductDetails", "&productid=998,999").await;
    let expected = json!({"result":"error","message":"Product ID Not Found"});
    assert_eq!((none.status, none.json()), (200, expected));
}

#[tokio::test]
async fn levels_that_a_site_keeps_itself_are_sent_where_there_are_some() {
    let simulator = small().await;
    let change = |product: &mut Product| {
        product.options[0].choices[1].stock = Some(5);
        product.combination_stock.insert("3=9;4=12".to_owned(), 2);
    };
    simulator.shop().edit(42, change).unwrap();
    let product = call(&simulator, "GetProductDetails", "&productid=42")
        .await
        .products()
        .remove(0);
    let choices = &product["configoptions"]["configoption"][0]["options"]["option"];
    assert_eq!((choices[0].get("stock"), &choices[1]["stock"]), (None, &json!(5)));
    let last = product["combinations"]["combination"]
        .as_array()
        .unwrap()
        .last()
        .cloned();
    assert_eq!(last, Some(json!({"options":"3=9;4=12","inuse":0,"stock":2})));
}

#[tokio::test]
async fn somebody_elses_action_answers_one_product_a_call_without_a_contract() {
    let simulator = start(small_shop(Version::V8_3, Companion::Foreign)).await;
    let seen = call(&simulator, "GetProductDetails", "&productid=42,43").await;
    assert_eq!(seen.json().get("contract"), None);
    let [product] = &seen.products()[..] else {
        panic!("{}", seen.text())
    };
    assert_eq!(
        (&product["stockcontrol"], &product["qty"]),
        (&json!("1"), &json!("7"))
    );
    assert_eq!(product.get("inuse"), None);
    let all = call(&simulator, "GetProductDetails", "").await;
    assert_eq!(all.json()["message"], json!("Product ID Not Found"));
}

#[tokio::test]
async fn an_action_that_is_not_there_is_refused_in_the_words_of_the_version() {
    let missing = "Invalid API Action: \"getproductdetails\" is not a valid API action";
    let denied = "Invalid Permissions: API action \"getproductdetails\" is not allowed";
    for (version, companion, message) in [
        (Version::V8_3, Companion::None, denied),
        (Version::V8_12, Companion::None, denied),
        (Version::V9_0, Companion::None, missing),
        (Version::V9_0, Companion::FileMissing, "API Function Not Found"),
    ] {
        let simulator = start(small_shop(version, companion)).await;
        let seen = call(&simulator, "GetProductDetails", "").await;
        assert_eq!((seen.status, &seen.json()["message"]), (403, &json!(message)));
        assert!(!message.contains('"') || seen.text().contains("\\u0022"));
    }
}

#[tokio::test]
async fn whmcs_details_tells_the_version_unless_the_role_lacks_it() {
    let simulator = small().await;
    let seen = call(&simulator, "WhmcsDetails", "").await;
    assert_eq!(seen.json()["whmcs"]["version"], json!("8.12.0"));
    let mut settings = Settings::default();
    settings.access.denied.push("WhmcsDetails".to_owned());
    let strict = Simulator::start_with(Shop::sample(), settings).await.unwrap();
    let seen = call(&strict, "WhmcsDetails", "").await;
    assert_eq!(seen.status, 403);
    assert!(seen.text().contains("whmcsdetails"));
    assert_eq!(call(&strict, "GetProducts", "").await.status, 200);
}

#[tokio::test]
async fn who_may_not_ask_is_told_why() {
    let mut settings = Settings::default();
    settings.access.access_key = Some("key".to_owned());
    let simulator = Simulator::start_with(Shop::sample(), settings).await.unwrap();
    let (id, secret) = (simulator.identifier().to_owned(), simulator.secret().to_owned());
    let ask = "responsetype=json&accesskey=key";
    for (body, status, message) in [
        (format!("{ask}&action=GetProducts"), 403, "Authentication Failed"),
        (
            format!("{ask}&action=GetProducts&identifier={id}&secret=x"),
            403,
            "Authentication Failed",
        ),
        (
            format!("{ask}&action=GetProducts&identifier=x&secret={secret}"),
            403,
            "Invalid or missing credentials",
        ),
        (
            format!("{ask}&identifier={id}&secret={secret}"),
            400,
            "Empty action request",
        ),
        (form(&simulator, "GetProducts", ""), 403, "Invalid IP 127.0.0.1"),
        (
            form(&simulator, "GetProducts", "&accesskey=no"),
            403,
            "Invalid IP 127.0.0.1",
        ),
    ] {
        let seen = post(&simulator, &body, "").await;
        assert_eq!(seen.json(), json!({"result":"error","message":message}));
        assert_eq!(seen.status, status, "{message}");
    }
    assert_eq!(
        call(&simulator, "GetProducts", "&accesskey=key").await.status,
        200
    );
    let plain = post(&simulator, "action=GetProducts", "").await;
    assert_eq!(plain.text(), "result=error;message=Authentication Failed");
}

#[tokio::test]
async fn only_a_post_to_the_api_is_answered() {
    let simulator = small().await;
    for (line, status) in [("GET /includes/api.php?a=b", 405), ("POST /admin/", 404)] {
        let mut stream = connect(&simulator).await;
        let head = format!("{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        assert_eq!(seen(&bytes).status, status);
    }
    assert_eq!(simulator.requests()[0].query, "a=b");
}

#[tokio::test]
async fn a_change_of_the_shop_shows_in_the_next_answer() {
    let simulator = small().await;
    let levels = async || {
        let listed = call(&simulator, "GetProducts", "").await.products();
        let detailed = call(&simulator, "GetProductDetails", "").await.products();
        let pairs = listed.iter().zip(&detailed);
        pairs
            .map(|(l, d)| (l["quantity_available"].clone(), d["qty"].clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(levels().await[0], (json!(7), json!(7)));
    simulator.shop().order(42, &[(4, 12), (3, 9), (6, 1)]).unwrap();
    assert_eq!(levels().await[0], (json!(6), json!(6)));
    simulator.shop().restock(42, 4).unwrap();
    assert_eq!(levels().await[0], (json!(10), json!(10)));
    simulator.shop().set_qty(42, -3).unwrap();
    assert_eq!(levels().await[0], (json!(-3), json!(-3)));
    assert!(simulator.shop().order(42, &[]).is_err(), "nothing is left");
    simulator.shop().set_stock_control(42, false).unwrap();
    assert_eq!(levels().await[0], (json!(0), json!(-3)));
    simulator.shop().rename(42, "New").unwrap();
    simulator.shop().set_hidden(42, true).unwrap();
    simulator
        .shop()
        .terminate(42, &[(4, 12), (3, 9), (6, 1)])
        .unwrap();
    let product = call(&simulator, "GetProductDetails", "&productid=42")
        .await
        .products()
        .remove(0);
    assert_eq!(
        (&product["name"], &product["hidden"], &product["inuse"]),
        (&json!("New"), &json!(1), &json!(22))
    );
    simulator
        .shop()
        .edit(42, |product| product.options.clear())
        .unwrap();
    let product = call(&simulator, "GetProducts", "&pid=42")
        .await
        .products()
        .remove(0);
    assert_eq!(product["configoptions"]["configoption"], json!([]));
    simulator
        .shop()
        .add(Product::new(7, 1, "New", "Seven").with_stock(1));
    simulator.shop().remove(43).unwrap();
    assert_eq!(levels().await, [(json!(1), json!(1)), (json!(0), json!(-3))]);
    assert!(simulator.shop().set_qty(43, 1).is_err());
    simulator
        .shop()
        .change_habits(|habits| habits.version = Version::V8_3);
    assert_eq!(levels().await[0].0, Value::Null);
}

#[tokio::test]
async fn habits_change_how_answers_are_written() {
    let simulator = small().await;
    simulator.shop().change_habits(|habits| {
        habits.spelling = Spelling {
            string_numbers: true,
            raw_unicode: true,
        };
        habits.byte_order_mark = true;
        habits.list_shape = ListShape::NumericKeys;
    });
    let seen = call(&simulator, "GetProducts", "").await;
    assert!(seen.body.starts_with(b"\xef\xbb\xbf\r\n{") && seen.text().contains('😀'));
    let answer: Value = serde_json::from_slice(&seen.body[5..]).unwrap();
    assert_eq!(answer["totalresults"], json!("2"));
    assert_eq!(answer["products"]["product"]["1"]["pid"], json!("43"));
    simulator.shop().change_habits(|habits| {
        habits.byte_order_mark = false;
        habits.list_shape = ListShape::SingleObject;
    });
    let one = call(&simulator, "GetProducts", "&pid=42").await.json();
    assert_eq!(one["products"]["product"]["quantity_available"], json!("7"));
    let none = call(&simulator, "GetProducts", "&pid=1").await.json();
    assert_eq!(none["products"]["product"], json!(""));
    assert_eq!(call(&simulator, "GetProducts", "").await.products().len(), 2);
}

#[tokio::test]
async fn a_shop_that_pages_answers_page_by_page() {
    let simulator = start(Shop::bulk(7, 1, 2)).await;
    simulator
        .shop()
        .change_habits(|habits| habits.page_size = Some(3));
    let mut ids = Vec::new();
    for start in [0, 3, 6, 9] {
        let seen = call(&simulator, "GetProducts", &format!("&limitstart={start}")).await;
        let (answer, products) = (seen.json(), seen.products());
        assert_eq!(
            (&answer["totalresults"], &answer["startnumber"]),
            (&json!(7), &json!(start))
        );
        assert_eq!(answer["numreturned"], json!(products.len()));
        ids.extend(products.iter().map(|product| product["pid"].as_i64().unwrap()));
    }
    assert_eq!(ids, (1..=7).collect::<Vec<_>>());
    let served: Vec<usize> = simulator
        .served()
        .iter()
        .map(|served| served.levels.len())
        .collect();
    assert_eq!(served, [3, 3, 1]);
}

#[tokio::test]
async fn the_account_holds_every_request_without_secrets_and_every_level_served() {
    let simulator = small().await;
    call(&simulator, "GetProducts", "&limitnum=5").await;
    simulator.shop().set_qty(42, 3).unwrap();
    call(&simulator, "GetProductDetails", "&productid=42,43").await;
    simulator.fail_next(1, Fault::NoStockFields);
    call(&simulator, "GetProducts", "").await;
    let requests = simulator.requests();
    assert_eq!(requests.len(), 3);
    assert_eq!(
        (requests[0].number, requests[0].action.as_str()),
        (1, "GetProducts")
    );
    assert_eq!(requests[0].params.get("limitnum").map(String::as_str), Some("5"));
    assert_eq!(requests[0].user_agent, "raw");
    assert!(
        requests
            .iter()
            .all(|request| request.finished && request.at_once == 1)
    );
    assert!(!format!("{requests:?}").contains(simulator.secret()));
    assert!(!format!("{requests:?}").contains(simulator.identifier()));
    assert_eq!(requests[2].fault, Some(Fault::NoStockFields));
    let served: Vec<_> = simulator
        .served()
        .iter()
        .map(|s| (s.request, s.levels.to_vec()))
        .collect();
    assert_eq!(served, [(1, vec![(42, 7), (43, 0)]), (2, vec![(42, 3)])]);
    simulator.forget();
    assert_eq!((simulator.requests().len(), simulator.served().len()), (0, 0));
    assert_eq!((simulator.request_count(), simulator.connection_count()), (3, 3));
}

#[tokio::test]
async fn gzip_and_chunks_carry_the_same_answer() {
    let plain = start(Shop::bulk(600, 3, 4)).await;
    let expected = call(&plain, "GetProducts", "").await;
    assert_eq!(
        expected.header("content-length"),
        Some(expected.body.len().to_string().as_str())
    );
    for coding in [Coding::Chunked, Coding::Gzip] {
        let settings = Settings {
            coding,
            ..Settings::default()
        };
        let simulator = Simulator::start_with(Shop::bulk(600, 3, 4), settings)
            .await
            .unwrap();
        let body = form(&simulator, "GetProducts", "");
        let seen = post(&simulator, &body, "Accept-Encoding: gzip\r\n").await;
        assert!(seen.whole && seen.header("transfer-encoding").is_some());
        let coded = seen.header("content-encoding") == Some("gzip");
        assert_eq!(coded, coding == Coding::Gzip);
        let body = if coded {
            gunzipped(&seen.body).unwrap()
        } else {
            seen.body
        };
        assert!(body == expected.body, "{coding:?}");
    }
    let settings = Settings {
        coding: Coding::Gzip,
        ..Settings::default()
    };
    let simulator = Simulator::start_with(Shop::bulk(600, 3, 4), settings)
        .await
        .unwrap();
    let unasked = call(&simulator, "GetProducts", "").await;
    assert!(unasked.header("content-encoding").is_none() && unasked.body == expected.body);
}

#[tokio::test]
async fn an_ordinary_client_reads_it_over_one_connection() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let settings = Settings {
        coding: Coding::Gzip,
        ..Settings::default()
    };
    let simulator = Simulator::start_with(Shop::sample(), settings).await.unwrap();
    let client = reqwest::Client::new();
    for round in 0..3 {
        simulator.shop().set_qty(STAR, round).unwrap();
        let fields = [
            ("identifier", simulator.identifier()),
            ("secret", simulator.secret()),
            ("action", "GetProducts"),
            ("responsetype", "json"),
        ];
        let answer = client.post(simulator.url()).form(&fields).send().await.unwrap();
        let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        let products = answer["products"]["product"].as_array().unwrap();
        let names: Vec<&str> = products
            .iter()
            .filter_map(|product| product["name"].as_str())
            .collect();
        let expected: Vec<String> = simulator
            .shop()
            .products()
            .map(|product| product.name.clone())
            .collect();
        assert_eq!(names, expected);
        let star = products
            .iter()
            .find(|product| product["pid"] == json!(STAR))
            .unwrap();
        assert_eq!(star["quantity_available"], json!(round));
    }
    assert_eq!(simulator.connection_count(), 1);
    assert!(simulator.requests().iter().all(|request| request.accepts_gzip));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_stay_whole_and_true_while_many_ask_and_the_stock_moves() {
    let simulator = std::sync::Arc::new(start(Shop::bulk(200, 1, 2)).await);
    let clients: Vec<_> = (0..6)
        .map(|_| {
            let simulator = std::sync::Arc::clone(&simulator);
            tokio::spawn(async move {
                let mut highest = 0;
                for _ in 0..15 {
                    let seen = call(&simulator, "GetProducts", "").await;
                    assert!(seen.whole);
                    let level = seen.products()[0]["quantity_available"].as_i64().unwrap();
                    assert!(level >= highest, "an older level after a newer one");
                    highest = level;
                }
            })
        })
        .collect();
    let shop = simulator.shop_handle();
    for qty in 100..400 {
        shop.lock().set_qty(1, qty).unwrap();
        tokio::task::yield_now().await;
    }
    for client in clients {
        client.await.unwrap();
    }
    assert_eq!((simulator.request_count(), simulator.served().len()), (90, 90));
    assert!(simulator.requests().iter().all(|request| request.finished));
}

#[tokio::test]
async fn each_refusal_comes_with_its_message_and_status_as_json_or_plain_text() {
    let simulator = small().await;
    let mut refusals = Refusal::all_forbidden();
    refusals.extend([
        Refusal::EmptyAction,
        Refusal::ProductNotFound,
        Refusal::MalformedUtf8,
    ]);
    for refusal in refusals {
        let message = refusal.message("GetProducts");
        simulator.fail_next(1, Fault::Refused(refusal.clone()));
        let seen = call(&simulator, "GetProducts", "").await;
        assert_eq!(
            (seen.status, &seen.json()["result"]),
            (refusal.status(), &json!("error"))
        );
        assert_eq!(seen.json()["message"], json!(message));
        simulator.fail_next(1, Fault::RefusedPlain(refusal.clone()));
        let seen = call(&simulator, "GetProducts", "").await;
        assert_eq!(
            (seen.status, seen.text()),
            (refusal.status(), format!("result=error;message={message}"))
        );
    }
    assert_eq!(call(&simulator, "GetProducts", "").await.products().len(), 2);
}

#[tokio::test]
async fn pages_come_in_place_of_answers() {
    let simulator = small().await;
    for (fault, status, text) in [
        (Fault::LoginPage, 200, "type=\"password\""),
        (Fault::MaintenancePage(503), 503, "maintenance"),
        (Fault::MaintenancePage(200), 200, "maintenance"),
        (Fault::FirewallPage, 403, "blocked"),
        (Fault::OutputAlreadySent, 500, "EmitterException"),
        (Fault::Status(502, None), 502, "<h1>"),
        (Fault::Status(504, None), 504, "<h1>"),
    ] {
        simulator.fail_next(1, fault);
        let seen = call(&simulator, "GetProducts", "").await;
        assert_eq!(
            (seen.status, seen.header("content-type")),
            (status, Some("text/html; charset=utf-8"))
        );
        assert!(seen.whole && seen.text().contains(text), "{}", seen.text());
        assert_eq!(seen.header("retry-after"), None);
    }
    for (fault, status) in [
        (Fault::RateLimited(Some(7)), 429),
        (Fault::Status(503, Some(7)), 503),
    ] {
        simulator.fail_next(1, fault);
        let seen = call(&simulator, "GetProducts", "").await;
        assert_eq!((seen.status, seen.header("retry-after")), (status, Some("7")));
    }
    for status in [301, 302, 307, 308] {
        let location = "http://127.0.0.1:9/elsewhere".to_owned();
        simulator.fail_next(
            1,
            Fault::Redirect {
                status,
                location: location.clone(),
            },
        );
        let seen = call(&simulator, "GetProducts", "").await;
        assert_eq!(
            (seen.status, seen.header("location")),
            (status, Some(location.as_str()))
        );
    }
    simulator.fail_next(1, Fault::WarningBeforeJson);
    let text = call(&simulator, "GetProducts", "").await.text();
    assert!(text.starts_with("<br />") && text.ends_with("}]}}"), "{text}");
}

#[tokio::test]
async fn bodies_that_say_nothing_come_under_status_200() {
    let simulator = small().await;
    let body = |body: &[u8]| Fault::Body {
        status: 200,
        content_type: "text/plain".to_owned(),
        body: body.to_vec(),
    };
    for (fault, expected) in [
        (Fault::EmptyBody, &b""[..]),
        (Fault::Null, b"null"),
        (Fault::EmptyList, b"[]"),
        (body(b"\0\xff"), b"\0\xff"),
    ] {
        simulator.fail_next(1, fault);
        let seen = call(&simulator, "GetProducts", "").await;
        assert_eq!(
            (seen.status, seen.body.as_slice(), seen.whole),
            (200, expected, true)
        );
    }
}

#[tokio::test]
async fn catalogues_can_lack_what_they_should_have() {
    let simulator = start(Shop::sample()).await;
    simulator.fail_next(1, Fault::NoProducts);
    assert_eq!(
        call(&simulator, "GetProducts", "").await.json(),
        json!({"result":"success","totalresults":24})
    );
    simulator.fail_next(1, Fault::EmptyCatalogue);
    let empty = json!({"result":"success","totalresults":0,"products":{"product":[]}});
    assert_eq!(call(&simulator, "GetProducts", "").await.json(), empty);
    simulator.fail_next(1, Fault::FewerThanTotal(5));
    let fewer = call(&simulator, "GetProducts", "").await;
    assert_eq!(
        (fewer.products().len(), &fewer.json()["totalresults"]),
        (19, &json!(24))
    );
    simulator.fail_next(2, Fault::NoStockFields);
    for (action, absent) in [
        ("GetProducts", "quantity_available"),
        ("GetProductDetails", "qty"),
    ] {
        let products = call(&simulator, action, "").await.products();
        assert_eq!(products.len(), 24);
        assert!(
            products.iter().all(|product| product.get(absent).is_none()),
            "{absent}"
        );
        assert!(
            products
                .iter()
                .all(|product| product.get("stockcontrol").is_none())
        );
    }
    assert_eq!(simulator.served().len(), 0);
    assert_eq!(
        call(&simulator, "GetProducts", "").await.products()[0]["quantity_available"],
        json!(34)
    );
}

#[tokio::test]
async fn a_truncated_body_ends_before_its_length() {
    let simulator = start(Shop::sample()).await;
    let whole = call(&simulator, "GetProducts", "").await;
    simulator.fail_next(1, Fault::TruncatedBody);
    let seen = call(&simulator, "GetProducts", "").await;
    assert!(!seen.whole);
    assert_eq!(seen.header("content-length"), whole.header("content-length"));
    assert_eq!(seen.body, whole.body[..whole.body.len() / 2]);
}

#[tokio::test]
async fn a_truncated_gzip_is_whole_as_http_and_broken_as_gzip() {
    let simulator = start(Shop::sample()).await;
    simulator.fail_next(1, Fault::TruncatedGzip);
    let seen = call(&simulator, "GetProducts", "").await;
    assert!(seen.whole && seen.header("content-encoding") == Some("gzip"));
    assert_eq!(
        gunzipped(&seen.body).unwrap_err().kind(),
        std::io::ErrorKind::UnexpectedEof
    );
}

#[tokio::test]
async fn a_gzip_bomb_is_small_on_the_wire_and_right_as_gzip() {
    let simulator = small().await;
    for filler in [Filler::Zeros, Filler::Spaces, Filler::Products, Filler::Name] {
        simulator.fail_next(
            1,
            Fault::GzipBomb {
                bytes: 3 << 20,
                filler,
            },
        );
        let seen = call(&simulator, "GetProducts", "").await;
        assert!(seen.whole && seen.header("content-encoding") == Some("gzip"));
        let plain = gunzipped(&seen.body).unwrap();
        assert!(
            plain.len() >= 3 << 20 && seen.body.len() < 64 << 10,
            "{filler:?}: {}",
            seen.body.len()
        );
        let parsed = serde_json::from_slice::<Value>(&plain);
        assert_eq!(parsed.is_ok(), filler != Filler::Zeros, "{filler:?}");
    }
    simulator.fail_next(
        1,
        Fault::GzipBomb {
            bytes: 4 << 30,
            filler: Filler::Zeros,
        },
    );
    let seen = call(&simulator, "GetProducts", "").await;
    assert!(seen.whole && seen.body.len() < 16 << 20);
    let length = u32::from_le_bytes(seen.body[seen.body.len() - 4..].try_into().unwrap());
    assert_eq!(length, 0, "4 GiB, as gzip counts");
}

#[tokio::test]
async fn a_huge_body_is_as_long_as_asked_for_and_an_endless_one_does_not_end() {
    let simulator = small().await;
    simulator.fail_next(
        1,
        Fault::HugeBody {
            bytes: Some(5 << 20),
            filler: Filler::Spaces,
        },
    );
    let seen = call(&simulator, "GetProducts", "").await;
    assert!(seen.whole && seen.body.len() > 5 << 20);
    assert_eq!(seen.products(), Vec::<Value>::new());
    simulator.fail_next(
        1,
        Fault::HugeBody {
            bytes: None,
            filler: Filler::Products,
        },
    );
    let mut stream = connect(&simulator).await;
    stream
        .write_all(&request(&form(&simulator, "GetProducts", ""), ""))
        .await
        .unwrap();
    let mut buffer = vec![0; 1 << 16];
    let mut got = 0;
    while got < 20 << 20 {
        let n = stream.read(&mut buffer).await.unwrap();
        assert!(n > 0, "it ended after {got} bytes");
        got += n;
    }
    drop(stream);
    assert_eq!(call(&simulator, "GetProducts", "").await.products().len(), 2);
}

#[tokio::test]
async fn a_drip_takes_an_interval_a_byte() {
    let simulator = small().await;
    let interval = Duration::from_millis(3);
    for fault in [Fault::Drip(interval), Fault::DripFromStart(interval)] {
        simulator.fail_next(1, fault);
        let began = Instant::now();
        let seen = call(&simulator, "WhmcsDetails", "").await;
        assert!(seen.whole);
        assert!(began.elapsed() >= interval * u32::try_from(seen.body.len()).unwrap());
        assert_eq!(seen.json()["result"], json!("success"));
    }
}

#[tokio::test]
async fn a_delayed_answer_is_the_true_one_and_counts_as_served() {
    let simulator = small().await;
    simulator.fail_next(1, Fault::Delay(Duration::from_millis(30)));
    let began = Instant::now();
    assert_eq!(call(&simulator, "GetProducts", "").await.products().len(), 2);
    assert!(began.elapsed() >= Duration::from_millis(30));
    assert_eq!(simulator.served().len(), 1);
}

/// Reads until the connection ends, and says how: with the bytes, or with the error.
async fn until_the_end(stream: &mut TcpStream) -> (Vec<u8>, Option<std::io::ErrorKind>) {
    let mut bytes = Vec::new();
    let end = stream.read_to_end(&mut bytes).await;
    (bytes, end.err().map(|e| e.kind()))
}

#[tokio::test]
async fn a_reset_is_a_reset_and_a_close_is_orderly() {
    let simulator = start(Shop::sample()).await;
    for (fault, expected) in [
        (Fault::Reset, Some(std::io::ErrorKind::ConnectionReset)),
        (Fault::ResetMidBody, Some(std::io::ErrorKind::ConnectionReset)),
        (Fault::Close, None),
    ] {
        simulator.fail_next(1, fault.clone());
        let mut stream = connect(&simulator).await;
        stream
            .write_all(&request(&form(&simulator, "GetProducts", ""), ""))
            .await
            .unwrap();
        let (bytes, end) = until_the_end(&mut stream).await;
        assert_eq!(end, expected, "{fault:?}");
        assert!(bytes.is_empty() || fault == Fault::ResetMidBody);
    }
}

#[tokio::test]
async fn a_hang_lasts_until_the_client_leaves_or_the_simulator_stops() {
    let simulator = small().await;
    simulator.fail_always(Fault::Hang);
    let mut stream = connect(&simulator).await;
    stream
        .write_all(&request(&form(&simulator, "GetProducts", ""), ""))
        .await
        .unwrap();
    let waited = tokio::time::timeout(Duration::from_millis(50), until_the_end(&mut stream)).await;
    assert!(waited.is_err(), "it answered");
    while simulator.request_count() == 0 {
        tokio::task::yield_now().await;
    }
    simulator.heal();
    assert_eq!(call(&simulator, "GetProducts", "").await.status, 200);
    assert_eq!(simulator.requests()[1].at_once, 2);
    simulator.stop().await;
    assert!(until_the_end(&mut stream).await.0.is_empty());
}

#[tokio::test]
async fn names_can_hold_bytes_that_are_no_utf8() {
    let simulator = small().await;
    simulator.fail_next(1, Fault::InvalidUtf8);
    let seen = call(&simulator, "GetProducts", "").await;
    assert!(seen.whole && std::str::from_utf8(&seen.body).is_err());
    let mended: Value = serde_json::from_str(&seen.text()).expect("JSON but for the bytes");
    assert_eq!(mended["totalresults"], json!(2));
    assert!(
        mended["products"]["product"][0]["name"]
            .as_str()
            .unwrap()
            .contains("\u{fffd}")
    );
}

#[tokio::test]
async fn nesting_is_as_deep_as_asked_for_and_closed() {
    let simulator = small().await;
    simulator.fail_next(2, Fault::DeepNesting(100_000));
    let text = call(&simulator, "GetProducts", "").await.text();
    assert!(text.contains(&"[".repeat(100_000)));
    assert_eq!(text.matches('[').count(), text.matches(']').count());
    assert!(
        serde_json::from_str::<Value>(&text)
            .unwrap_err()
            .to_string()
            .contains("recursion")
    );
    simulator.heal();
    simulator.fail_next(1, Fault::DeepNesting(50));
    assert_eq!(
        call(&simulator, "GetProducts", "").await.products()[0]["pid"],
        json!(1)
    );
}

#[tokio::test]
async fn raw_bytes_go_out_as_they_are() {
    let simulator = small().await;
    let raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".to_vec();
    simulator.fail_next(1, Fault::Raw(raw.clone()));
    let mut stream = connect(&simulator).await;
    stream
        .write_all(&request(&form(&simulator, "GetProducts", ""), ""))
        .await
        .unwrap();
    assert_eq!(until_the_end(&mut stream).await, (raw, None));
}

#[tokio::test]
async fn a_fault_can_be_for_one_action_alone() {
    let simulator = small().await;
    simulator.faults().keep(Some("GetProductDetails"), Fault::Null);
    simulator.faults().queue(Some("GetProducts"), 1, Fault::EmptyList);
    assert_eq!(call(&simulator, "GetProductDetails", "").await.text(), "null");
    assert_eq!(call(&simulator, "GetProducts", "").await.text(), "[]");
    assert_eq!(call(&simulator, "GetProducts", "").await.products().len(), 2);
    assert_eq!(call(&simulator, "GetProductDetails", "").await.text(), "null");
}

#[tokio::test]
async fn while_it_is_down_connections_are_refused_and_then_it_is_back_on_its_port() {
    let mut simulator = small().await;
    let url = simulator.url();
    let mut open = connect(&simulator).await;
    simulator.go_down().await;
    let refused = TcpStream::connect(simulator.address()).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    assert!(until_the_end(&mut open).await.0.is_empty());
    simulator.come_up().await.unwrap();
    assert_eq!(simulator.url(), url);
    assert_eq!(call(&simulator, "GetProducts", "").await.products().len(), 2);
}
