//! `call`: an action by hand, its answer, and how it ends where there is none.

use crate::daemon::Home;
use crate::home;
use crate::receivers::Receivers;
use crate::shop::Mode;
use crate::shop::Shop;
use crate::shop::item;

fn set_up() -> (Shop, Home) {
    let shop = Shop::open(vec![item(42, "DS-64 \u{202e}é", 7)]);
    let home = home(&shop, &Receivers::start());
    (shop, home)
}

#[test]
fn an_answer_is_printed_indented_and_its_parameters_arrive_as_written() {
    let (shop, home) = set_up();
    let ended = home.run(&["call", "GetProducts", "pid[]=1", "pid[]=2", "note=a=b &c"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(ended.json()["products"]["product"][0]["quantity_available"], 7);
    assert!(
        ended.out.contains("\n        \"name\": \"DS-64 \\u202eé\",\n"),
        "{ended:?}"
    );
    let asked = shop.asked();
    assert_eq!(asked.len(), 1);
    assert!(
        asked[0]
            .form
            .ends_with("&pid%5B%5D=1&pid%5B%5D=2&note=a%3Db+%26c"),
        "{asked:?}"
    );
    assert!(!home.path("data/stock.db").exists());
}

#[test]
fn what_may_change_something_is_asked_with_write_only() {
    let (shop, home) = set_up();
    let held = home.run(&["call", "UpdateProduct", "pid=1"]);
    assert_eq!((held.code, held.out.as_str()), (64, ""), "{held:?}");
    assert!(held.err.contains("--write"), "{held:?}");
    assert!(shop.asked().is_empty());
    assert_eq!(home.run(&["call", "UpdateProduct", "pid=1", "--write"]).code, 3);
    assert_eq!(home.run(&["call", "listorders"]).code, 3);
    let actions: Vec<String> = shop.asked().into_iter().map(|asked| asked.action).collect();
    assert_eq!(actions, ["UpdateProduct", "listorders"]);
}

#[test]
fn a_refusal_is_told_in_words_with_its_mend_and_without_the_credentials() {
    let (shop, home) = set_up();
    let missing = home.run(&["call", "GetNothing"]);
    assert_eq!((missing.code, missing.out.as_str()), (3, ""), "{missing:?}");
    insta::assert_snapshot!(missing.err, @r#"
    WHMCS does not know the action. (HTTP 200: Invalid API Action: "getnothing" is not a valid API action)
    Check the action's spelling and the WHMCS version; GetProductDetails needs the companion file.
    "#);
    shop.mode(Mode::EchoRefusal);
    let refused = home.run(&["call", "GetProducts"]);
    assert!(
        refused.code == 3 && refused.err.contains("WHMCS refused the API credentials"),
        "{refused:?}"
    );
    assert!(refused.err.contains("[redacted]"), "{refused:?}");
    shop.mode(Mode::Plain(
        200,
        String::new(),
        r#"{"result":"error","message":"Client ID Not Found"}"#.into(),
    ));
    let business = home.run(&["call", "GetClientsDetails", "clientid=9"]);
    insta::assert_snapshot!(business.err, @r"
    WHMCS did not do what was asked. (HTTP 200: Client ID Not Found)
    Check the action's parameters in the API's documentation (https://developers.whmcs.com/api/api-index/).
    ");
}

#[test]
fn a_command_that_is_wrong_is_a_usage_error_and_asks_nothing() {
    let (shop, home) = set_up();
    for arguments in [
        &["call"][..],
        &["call", "Get/../Products"],
        &["call", "GetProducts", "pid"],
        &["call", "GetProducts", "=1"],
        &["call", "GetProducts", "Secret=canary"],
        &["call", "GetProducts", "responsetype=xml"],
    ] {
        let ended = home.run(arguments);
        assert_eq!(ended.code, 64, "{arguments:?} {ended:?}");
        assert!(!ended.err.contains("canary"), "{ended:?}");
    }
    assert_eq!(home.run(&["call", "GetProducts", "--instance", "none"]).code, 78);
    assert!(shop.asked().is_empty());
}

#[test]
fn with_several_shops_one_must_be_named() {
    let (shop, home) = set_up();
    let other = Shop::open(vec![item(1, "Other", 1)]);
    let file = format!(
        "[[instance]]\nname = \"eu\"\nurl = \"{}\"\nidentifier = \"an-identifier\"\nsecret = \"a-secret\"\n",
        other.url()
    );
    home.write("config/monitor.toml", &file);
    let unsaid = home.run(&["call", "GetProducts"]);
    assert_eq!(unsaid.code, 64, "{unsaid:?}");
    assert!(unsaid.err.contains("(default, eu)"), "{unsaid:?}");
    let named = home.run(&["call", "GetProducts", "--instance", "eu"]);
    assert_eq!(named.json()["products"]["product"][0]["name"], "Other");
    assert!(shop.asked().is_empty());
}
