//! Answers of every shape that documentation, other clients and real systems show, read as they are meant.
//!
//! The bodies here are our own, of the same shapes. Where the collection they were learnt from lies beside the
//! repository (or where `WHMCS_EXAMPLES` says), each of its files is read too.

#![expect(clippy::expect_used, reason = "a test may panic")]

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use serde_json::value::RawValue;
use whmcs_stock_monitor::domain::catalogue::ConfigOption;
use whmcs_stock_monitor::domain::catalogue::Details;
use whmcs_stock_monitor::domain::catalogue::Figure;
use whmcs_stock_monitor::domain::catalogue::Listing;
use whmcs_stock_monitor::domain::catalogue::options::Options;
use whmcs_stock_monitor::whmcs::intern::Interner;
use whmcs_stock_monitor::whmcs::wire::Element;

#[path = "support/wire.rs"]
mod wire;

use wire::judged;

fn figure(figure: Figure) -> String {
    match figure {
        Figure::Absent => "-".to_owned(),
        Figure::Unreadable => "?".to_owned(),
        Figure::Number(n) => n.to_string(),
    }
}

/// `4 dropdown: 11 12`, an option a part.
fn options(options: &Options) -> String {
    let option = |option: &ConfigOption| {
        let choices: Vec<String> = option
            .choices
            .iter()
            .map(|choice| choice.id.to_string())
            .collect();
        format!(" [{} {:?}: {}]", option.id, option.kind, choices.join(" "))
    };
    options.to_vec().iter().map(option).collect()
}

fn listing(item: &Listing) -> String {
    format!(
        "{} stock {}{}",
        item.id,
        figure(item.quantity),
        options(&item.options)
    )
}

fn details(item: &Details) -> String {
    let control = item.controlled.map_or("-", |on| if on { "on" } else { "off" });
    format!(
        "{} stock {} control {control}{}",
        item.id,
        figure(item.quantity),
        options(&item.options)
    )
}

/// What is made of a body: the products, with how many there should be, or the cause why there are none.
fn read<T: Element>(status: u16, body: &[u8], shown: impl Fn(&T) -> String) -> String {
    let whole = judged::<T>(status, body, &[]);
    let mut told = match &whole {
        Ok(page) => format!("{} of {}", page.items.len(), figure(page.total)),
        Err(refusal) => format!("{}: {}", refusal.failure.cause.as_str(), refusal.failure.detail),
    };
    for item in whole.iter().flat_map(|page| &page.items) {
        let _ = write!(told, "; {}", shown(item));
    }
    told
}

/// As which action's answer a body is read.
#[derive(Debug, Clone, Copy)]
enum Action {
    Products,
    Details,
    /// A bare list of a table's rows, each read as details.
    Rows,
}

fn told(action: Action, status: u16, body: &[u8]) -> String {
    match action {
        Action::Products => read(status, body, listing),
        Action::Details => read(status, body, details),
        Action::Rows => {
            let rows: Vec<Box<RawValue>> = serde_json::from_slice(body).expect("a list");
            let row = |row: &RawValue| {
                let item = Details::read(row.get().as_bytes(), &mut Interner::default());
                details(&item.expect("a row"))
            };
            rows.iter().map(|raw| row(raw)).collect::<Vec<_>>().join("; ")
        }
    }
}

/// A file of the collection, and a body of ours of its shape: what each is read as.
struct Case {
    file: &'static str,
    action: Action,
    status: u16,
    is_read_as: &'static str,
    ours: String,
    ours_is_read_as: &'static str,
}

fn case(
    file: &'static str,
    action: Action,
    status: u16,
    is_read_as: &'static str,
    ours: impl Into<String>,
    ours_is_read_as: &'static str,
) -> Case {
    Case {
        file,
        action,
        status,
        is_read_as,
        ours: ours.into(),
        ours_is_read_as,
    }
}

const PRICES: &str = r#""pricing":{"EUR":{"prefix":"","suffix":" EUR","msetupfee":"0.00","monthly":"49.00","annually":"-1.00"},
    "CNY":{"prefix":"\u00a5","suffix":"","monthly":"390.00"}}"#;
const YES_NO: &str = r#""configoptions":{"configoption":[{"id":6,"name":"RAID controller","type":"3","minqty":0,"maxqty":4,
    "options":{"option":[{"id":30,"name":"Yes","rawName":null,"recurring":0,"required":null,"pricing":{"EUR":{"monthly":"9.00"}}}]}}]}"#;

/// One product of the documented shape, with further fields.
fn documented(more: &str) -> String {
    format!(
        r#"{{"result":"success","totalresults":1,"products":{{"product":[{{"pid":42,"gid":3,"type":"server","name":"DS-64",
        "description":"Own hardware\r\n<br \/>no neighbours","module":"dedicated","paytype":"recurring",{more}{PRICES},
        "customfields":{{"customfield":[{{"id":1,"name":"Hostname","description":"","required":""}}]}},{YES_NO}}}]}}}}"#
    )
}

fn refusal(message: &str) -> String {
    format!(r#"{{"result":"error","message":"{message}"}}"#)
}

/// What the documentation showed over the years.
fn official() -> Vec<Case> {
    use Action::Products;
    let slug = r#""slug":"ds-64","product-url":"https:\/\/shop.example\/store\/ds-64","#;
    let stock = format!(r#"{slug}"allowqty":2,"quantity_available":0,"#);
    let flattened = r#"{"result":"success","totalresults":"1","startnumber":"0","numreturned":"1",
        "products[product][0][pid] ":"> 7","products[product][0][customfields] ":""}"#;
    vec![
        case(
            "official_docs_8.12_stock_fields.json",
            Products,
            200,
            "1 of 1; 1 stock 0 [4 YesNo: 4]",
            documented(&stock),
            "1 of 1; 42 stock 0 [6 YesNo: 30]",
        ),
        case(
            "official_docs_8.3_slug.json",
            Products,
            200,
            "1 of 1; 1 stock - [4 YesNo: 4]",
            documented(slug),
            "1 of 1; 42 stock - [6 YesNo: 30]",
        ),
        case(
            "official_docs_2020-08_pre8.3.json",
            Products,
            200,
            "1 of 1; 1 stock - [4 YesNo: 4]",
            documented(""),
            "1 of 1; 42 stock - [6 YesNo: 30]",
        ),
        case(
            "official_docs_2018_flattened_legacy.json",
            Products,
            200,
            "0 of 1",
            flattened,
            "0 of 1",
        ),
    ]
}

/// What real systems and custom actions sent.
fn recorded() -> Vec<Case> {
    use Action::Products;
    use Action::Rows;
    let trimmed = format!(
        r#"{{"result":"success","totalresults":4,"products":{{"product":[{{"pid":7,"gid":2,"name":"Mail","module":"",
        "paytype":"onetime",{PRICES},"configoptions":{{"configoption":[]}}}}]}}}}"#
    );
    let priced =
        format!(r#"{{"result":"success","totalresults":4,"products":{{"product":[{{{PRICES}}}]}}}}"#);
    let row = format!(
        r#"[{{"id":7,"type":"other","gid":2,"name":"Mail","hidden":0,"stockcontrol":1,"qty":3,"allowqty":0,"retired":0,
        "configoption1":"","created_at":"2026-01-02 03:04:05","customfields":{{"customfield":[]}},{}}}]"#,
        YES_NO.replace("\"3\"", "\"4\"")
    );
    // The collection's lists services, whose options have no name.
    let numbered = r#"{"result":"success","totalresults":37,"startnumber":0,"numreturned":37,"products":{"product":{
        "128":{"id":128,"pid":48,"name":"Mail","configoptions":{"configoption":[]}}}}}"#;
    let unclosed = r#"{"result":"success","totalresults":1,"products":{"product":[{"pid":"7","gid":"","name":"Mail","description":""}}}"#;
    vec![
        case(
            "truehost_olitt_dd6d67b.json",
            Products,
            200,
            "1 of 4; 92 stock -",
            trimmed,
            "1 of 4; 7 stock -",
        ),
        case(
            "truehost_olitt_b5514a6.json",
            Products,
            200,
            "bad_answer: product 1 of the answer: pid is missing",
            priced,
            "bad_answer: product 1 of the answer: pid is missing",
        ),
        case(
            "blazing_addon_getproducts_2018.json",
            Rows,
            200,
            "48 stock 0 control off [1 Quantity: 1]",
            row,
            "7 stock 3 control on [6 Quantity: 30]",
        ),
        case(
            "blazing_addon_getclientsproducts_numeric_keyed_2018.json",
            Products,
            200,
            "bad_answer: product 1 of the answer: configoption.name is missing",
            numbered,
            "1 of 37; 48 stock -",
        ),
        case(
            "drosendo_getproductsactive_readme.invalid.json",
            Products,
            200,
            "bad_answer: product 1 of the answer: configoption.id is missing",
            unclosed,
            "bad_answer: HTTP 200, body: …",
        ),
    ]
}

/// What authors of clients believe.
fn synthetic() -> Vec<Case> {
    use Action::Details;
    use Action::Products;
    let services = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<whmcsapi version=\"8.13.1\">\n<action>getclientsproducts</action>\n<result>success</result>\n\
        <totalresults>2</totalresults>\n<startnumber>0</startnumber>\n<numreturned>2</numreturned>\n<products>\n<product>\n<id>5</id>\n<name>Mail</name>\n</product>\n\
        <product>\n<id>6</id>\n<name>Caf\u{e9}</name>\n</product>\n</products>\n</whmcsapi>\n";
    vec![
        case(
            "synthetic/continuum_empty_products_string.json",
            Products,
            200,
            "0 of 0",
            r#"{"result":"success","totalresults":"0","products":""}"#,
            "0 of 0",
        ),
        case(
            "synthetic/continuum_single_object_product.json",
            Products,
            200,
            "1 of -; 9 stock -",
            r#"{"result":"success","products":{"product":{"pid":7,"name":"Mail","quantity_available":"-1"}}}"#,
            "1 of -; 7 stock -1",
        ),
        case(
            "synthetic/continuum_string_pid.json",
            Products,
            200,
            "1 of -; 7 stock -",
            r#"{"result":"success","products":{"product":[{"pid":"8","name":"Mail"}]}}"#,
            "1 of -; 8 stock -",
        ),
        case(
            "synthetic/mohn93_GetProducts-full.json",
            Products,
            200,
            "2 of 2; 5 stock -; 6 stock -",
            r#"{"result":"success","totalresults":2,"products":{"product":[{"pid":7,"name":"Mail"},{"pid":8,"name":"Web"}]}}"#,
            "2 of 2; 7 stock -; 8 stock -",
        ),
        case(
            "synthetic/getclientsproducts_8.13.1.xml",
            Details,
            200,
            "2 of 2; 1 stock - control -; 3 stock - control -",
            services,
            "2 of 2; 5 stock - control -; 6 stock - control -",
        ),
    ]
}

fn refusals() -> Vec<Case> {
    use Action::Products;
    let emitted = "<html><pre>Laminas\\HttpHandlerRunner\\Exception\\EmitterException: Output has been emitted previously</pre></html>";
    let emitted_is = "server: HTTP 500, a web page: Laminas\\HttpHandlerRunner\\Exception\\EmitterException: Output has been emitted previously";
    vec![
        case(
            "errors/invalid_or_missing_credentials.json",
            Products,
            403,
            "credentials: HTTP 403: Invalid or missing credentials",
            refusal("Invalid or missing credentials"),
            "credentials: HTTP 403: Invalid or missing credentials",
        ),
        case(
            "errors/invalid_ip_403.json",
            Products,
            403,
            "ip: HTTP 403: Invalid IP 1.2.3.4",
            refusal("Invalid IP 2001:db8::7"),
            "ip: HTTP 403: Invalid IP 2001:db8::7",
        ),
        case(
            "errors/invalid_ip_nvp.txt",
            Products,
            403,
            "ip: HTTP 403: Invalid IP 103.170.226.94",
            "result=error;message=Invalid IP 192.0.2.7",
            "ip: HTTP 403: Invalid IP 192.0.2.7",
        ),
        case(
            "errors/invalid_permissions_escaped_quotes.json",
            Products,
            403,
            "permission: HTTP 403: Invalid Permissions: API action \"getproductsgroups\" is not allowed",
            refusal(r"Invalid Permissions: API action \u0022getproducts\u0022 is not allowed"),
            "permission: HTTP 403: Invalid Permissions: API action \"getproducts\" is not allowed",
        ),
        case(
            "errors/invalid_api_action_message.json",
            Products,
            200,
            "action_missing: HTTP 200: Invalid API Action: \"addpromotion\" is not a valid API action",
            refusal(r"Invalid API Action: \u0022getproductdetails\u0022 is not a valid API action"),
            "action_missing: HTTP 200: Invalid API Action: \"getproductdetails\" is not a valid API action",
        ),
        case(
            "errors/malformed_utf8_message.json",
            Products,
            200,
            "encoding: HTTP 200: Error generating JSON encoded response: Malformed UTF-8 characters, possibly incorrectly encoded",
            refusal(
                "Error generating JSON encoded response: Malformed UTF-8 characters, possibly incorrectly encoded",
            ),
            "encoding: HTTP 200: Error generating JSON encoded response: Malformed UTF-8 characters, possibly incorrectly encoded",
        ),
        case(
            "errors/emitter_exception_500_excerpt.html.txt",
            Products,
            500,
            "server: HTTP 500, body: …",
            emitted,
            emitted_is,
        ),
    ]
}

fn cases() -> Vec<Case> {
    [official(), recorded(), synthetic(), refusals()]
        .into_iter()
        .flatten()
        .collect()
}

/// A text that is quoted at length is compared as far as `…`.
fn assert_told(what: &str, told: &str, expected: &str) {
    match expected.strip_suffix('…') {
        Some(start) => assert!(told.starts_with(start), "{what}: {told}"),
        None => assert_eq!(told, expected, "{what}"),
    }
}

#[test]
fn a_body_of_every_shape_that_was_seen_is_read_as_it_is_meant() {
    for case in cases() {
        let told = told(case.action, case.status, case.ours.as_bytes());
        assert_told(case.file, &told, case.ours_is_read_as);
    }
}

#[test]
fn each_answer_of_the_collection_is_read_as_its_page_says() {
    let Some(folder) = examples() else {
        println!("skipped: there is no ../shared/whmcs-examples (WHMCS_EXAMPLES names another folder)");
        return;
    };
    let cases = cases();
    for case in &cases {
        let body = fs::read(folder.join(case.file)).expect(case.file);
        let told = told(case.action, case.status, &body);
        assert_told(case.file, &told, case.is_read_as);
    }
    for file in files(&folder) {
        assert!(
            cases.iter().any(|case| folder.join(case.file) == file),
            "{} is of a shape that nobody reads here",
            file.display()
        );
    }
    println!("{} answers are read as their page says", cases.len());
}

/// Every answer of the collection.
fn files(folder: &Path) -> Vec<PathBuf> {
    let inside = ["", "errors", "synthetic"].map(|part| folder.join(part));
    inside
        .iter()
        .flat_map(|folder| fs::read_dir(folder).expect("a folder"))
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_file() && path.file_name().is_some_and(|name| name != "SOURCES.md"))
        .collect()
}

/// Where the collection lies, if it does.
fn examples() -> Option<PathBuf> {
    let folder = match std::env::var_os("WHMCS_EXAMPLES") {
        Some(named) => PathBuf::from(named),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/whmcs-examples"),
    };
    folder.is_dir().then_some(folder)
}
