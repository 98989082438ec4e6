//! The JSON of webhooks, to the byte.

use jiff::tz::TimeZone;
use whmcs_stock_monitor::domain::message::Body;
use whmcs_stock_monitor::domain::message::Capability;
use whmcs_stock_monitor::domain::message::Message;
use whmcs_stock_monitor::domain::source::Cause;
use whmcs_stock_monitor::notify::content::Content;

use crate::samples;

/// The body, a new line before each brace that opens: nothing else is changed.
fn body(message: &Message) -> String {
    let channel = samples::webhook(samples::webhook_settings("http://127.0.0.1:1/"));
    match channel.render(message, &TimeZone::UTC, None) {
        Content::Http { body, .. } => body
            .replace(":{", ":\n{")
            .replace("[{", "[\n{")
            .replace(",{", ",\n{"),
        Content::Mail { .. } | Content::Unrendered { .. } => panic!("not a webhook"),
    }
}

#[test]
fn alerts() {
    insta::assert_snapshot!(body(&samples::mixed()), @r#"
    {"type":"stock.alerts","timestamp":"2026-11-21T09:03:11Z","data":
    {"schema":1,"instance":"default","alerts":[
    {"alert_id":"default/42/-","reason":"worse","status":"firing","severity":"out","previous_severity":"low","product":
    {"id":42,"name":"DS-64","group":"Dedicated"},"combination":null,"pool":null,"bottleneck":null,"level":0,"previous_level":3,"thresholds":
    {"low":5,"critical":1,"origin":"global"},"started_at":"2026-11-21T06:58:11Z","observed_at":"2026-11-21T09:03:11Z","days_of_cover":null,"instance":"default","note":null,"ack":null,"after":null,"meanwhile":false},
    {"alert_id":"default/7/4=11;5=20","reason":"first","status":"firing","severity":"critical","previous_severity":"ok","product":
    {"id":7,"name":"VPS M","group":"Dedicated"},"combination":
    {"key":"4=11;5=20","label":"RAM: 64 GB, Disk: 2x NVMe"},"pool":null,"bottleneck":null,"level":1,"previous_level":2,"thresholds":
    {"low":5,"critical":1,"origin":"global"},"started_at":"2026-11-21T09:03:11Z","observed_at":"2026-11-21T09:03:11Z","days_of_cover":null,"instance":"default","note":null,"ack":null,"after":null,"meanwhile":false},
    {"alert_id":"default/8/-","reason":"first","status":"firing","severity":"low","previous_severity":"ok","product":
    {"id":8,"name":"VPS L & XL","group":"Dedicated"},"combination":null,"pool":null,"bottleneck":null,"level":6,"previous_level":null,"thresholds":
    {"low":8,"critical":2,"origin":"rule 2"},"started_at":"2026-11-21T09:03:11Z","observed_at":"2026-11-21T09:03:11Z","days_of_cover":3.24,"instance":"default","note":null,"ack":null,"after":null,"meanwhile":false},
    {"alert_id":"default/9/-","reason":"recovered","status":"resolved","severity":"ok","previous_severity":"critical","product":
    {"id":9,"name":"Web S","group":"Dedicated"},"combination":null,"pool":null,"bottleneck":null,"level":200,"previous_level":1,"thresholds":
    {"low":5,"critical":1,"origin":"global"},"started_at":"2026-11-16T17:56:31Z","observed_at":"2026-11-21T09:03:11Z","days_of_cover":null,"instance":"default","note":null,"ack":null,"after":null,"meanwhile":false}],"open":[
    {"alert_id":"default/11/-","reason":"reminder","status":"firing","severity":"out","previous_severity":"ok","product":
    {"id":11,"name":"DS-128","group":"Dedicated"},"combination":null,"pool":null,"bottleneck":null,"level":0,"previous_level":null,"thresholds":
    {"low":5,"critical":1,"origin":"global"},"started_at":"2026-11-19T01:29:51Z","observed_at":"2026-11-21T09:03:11Z","days_of_cover":null,"instance":"default","note":"shows 0: sold out, or stock control was switched off","ack":null,"after":null,"meanwhile":false},
    {"alert_id":"default/12/-","reason":"reminder","status":"firing","severity":"low","previous_severity":"ok","product":
    {"id":12,"name":"Web L","group":"Dedicated"},"combination":null,"pool":null,"bottleneck":null,"level":4,"previous_level":null,"thresholds":
    {"low":5,"critical":1,"origin":"global"},"started_at":"2026-11-20T08:03:11Z","observed_at":"2026-11-21T09:03:11Z","days_of_cover":null,"instance":"default","note":null,"ack":null,"after":null,"meanwhile":false}],"open_total":14}}
    "#);
}

#[test]
fn a_baseline() {
    insta::assert_snapshot!(body(&samples::baseline()), @r#"
    {"type":"stock.baseline","timestamp":"2026-11-21T09:03:11Z","data":
    {"schema":1,"instance":"default","products":84,"counts":
    {"ok":60,"low":5,"critical":1,"out":2,"not_controlled":14,"unknown":2},"combinations":
    {"ok":40,"low":0,"critical":0,"out":12,"not_controlled":0,"unknown":0},"pools":
    {"ok":2,"low":0,"critical":0,"out":1,"not_controlled":0,"unknown":0},"open":[
    {"alert_id":"default/11/-","reason":"reminder","status":"firing","severity":"out","previous_severity":"ok","product":
    {"id":11,"name":"DS-128","group":"Dedicated"},"combination":null,"pool":null,"bottleneck":null,"level":0,"previous_level":null,"thresholds":
    {"low":5,"critical":1,"origin":"global"},"started_at":"2026-11-19T01:29:51Z","observed_at":"2026-11-21T09:03:11Z","days_of_cover":null,"instance":"default","note":"shows 0: sold out, or stock control was switched off","ack":null,"after":null,"meanwhile":false},
    {"alert_id":"default/12/-","reason":"reminder","status":"firing","severity":"low","previous_severity":"ok","product":
    {"id":12,"name":"Web L","group":"Dedicated"},"combination":null,"pool":null,"bottleneck":null,"level":4,"previous_level":null,"thresholds":
    {"low":5,"critical":1,"origin":"global"},"started_at":"2026-11-20T08:03:11Z","observed_at":"2026-11-21T09:03:11Z","days_of_cover":null,"instance":"default","note":null,"ack":null,"after":null,"meanwhile":false}],"open_total":14}}
    "#);
}

#[test]
fn a_pool_and_what_it_limits() {
    insta::assert_snapshot!(body(&samples::pools()), @r#"
    {"type":"stock.alerts","timestamp":"2026-11-21T09:03:11Z","data":
    {"schema":1,"instance":"default","alerts":[
    {"alert_id":"pool:64 GB DIMM kits","reason":"first","status":"firing","severity":"out","previous_severity":"ok","product":null,"combination":null,"pool":
    {"name":"64 GB DIMM kits","capacity":40,"level":0,"need":null,"holds_back":[
    {"instance":"default","product_id":128,"product":"DS-128","choice":"RAM: 128 GB","need":2},
    {"instance":"default","product_id":42,"product":"DS-64","choice":"RAM: 64 GB","need":1},
    {"instance":"default","product_id":128,"product":"DS-128","choice":"RAM: 64 GB","need":1},
    {"instance":"default","product_id":256,"product":"DS-256","choice":null,"need":1}],"holds_back_total":6,"holds_back_products":5,"instances":["default"]},"bottleneck":null,"level":0,"previous_level":2,"thresholds":
    {"low":5,"critical":1,"origin":"global"},"started_at":"2026-11-21T09:03:11Z","observed_at":"2026-11-21T09:03:11Z","days_of_cover":null,"instance":"default","note":null,"ack":null,"after":null,"meanwhile":false},
    {"alert_id":"default/42/-","reason":"first","status":"firing","severity":"out","previous_severity":"ok","product":
    {"id":42,"name":"DS-64","group":"Dedicated"},"combination":
    {"key":"4=11;5=20","label":"RAM: 64 GB, Disk: 2x NVMe"},"pool":
    {"name":"64 GB DIMM kits","capacity":40,"level":0,"need":1,"holds_back":[
    {"instance":"default","product_id":128,"product":"DS-128","choice":"RAM: 64 GB","need":1},
    {"instance":"default","product_id":256,"product":"DS-256","choice":null,"need":1}],"holds_back_total":2,"holds_back_products":2,"instances":["default"]},"bottleneck":"pool 64 GB DIMM kits","level":0,"previous_level":2,"thresholds":
    {"low":5,"critical":1,"origin":"global"},"started_at":"2026-11-21T09:03:11Z","observed_at":"2026-11-21T09:03:11Z","days_of_cover":null,"instance":"default","note":null,"ack":null,"after":null,"meanwhile":false},
    {"alert_id":"default/77/-","reason":"first","status":"firing","severity":"out","previous_severity":"ok","product":
    {"id":77,"name":"DS-77","group":"Dedicated"},"combination":
    {"key":"4=13","label":"RAM: 256 GB"},"pool":
    {"name":"Rails","capacity":40,"level":3,"need":4,"holds_back":[],"holds_back_total":0,"holds_back_products":0,"instances":["default"]},"bottleneck":"pool Rails","level":0,"previous_level":null,"thresholds":
    {"low":5,"critical":1,"origin":"global"},"started_at":"2026-11-21T09:03:11Z","observed_at":"2026-11-21T09:03:11Z","days_of_cover":null,"instance":"default","note":null,"ack":null,"after":null,"meanwhile":false},
    {"alert_id":"default/77/-","reason":"first","status":"firing","severity":"low","previous_severity":"ok","product":
    {"id":77,"name":"DS-77","group":"Dedicated"},"combination":
    {"key":"4=14","label":"RAM: 512 GB"},"pool":null,"bottleneck":"RAM: 512 GB","level":4,"previous_level":null,"thresholds":
    {"low":5,"critical":1,"origin":"global"},"started_at":"2026-11-21T09:03:11Z","observed_at":"2026-11-21T09:03:11Z","days_of_cover":null,"instance":"default","note":null,"ack":null,"after":null,"meanwhile":false}],"open":[
    {"alert_id":"pool:IPv4 /29","reason":"reminder","status":"firing","severity":"low","previous_severity":"ok","product":null,"combination":null,"pool":
    {"name":"IPv4 /29","capacity":40,"level":4,"need":null,"holds_back":[],"holds_back_total":0,"holds_back_products":0,"instances":["default"]},"bottleneck":null,"level":4,"previous_level":null,"thresholds":
    {"low":5,"critical":1,"origin":"global"},"started_at":"2026-11-21T09:03:11Z","observed_at":"2026-11-21T09:03:11Z","days_of_cover":null,"instance":"default","note":null,"ack":null,"after":null,"meanwhile":false},
    {"alert_id":"default/12/-","reason":"reminder","status":"firing","severity":"low","previous_severity":"ok","product":
    {"id":12,"name":"Web L","group":"Dedicated"},"combination":null,"pool":
    {"name":"64 GB DIMM kits","capacity":40,"level":5,"need":2,"holds_back":[],"holds_back_total":0,"holds_back_products":0,"instances":["default"]},"bottleneck":"pool 64 GB DIMM kits","level":2,"previous_level":null,"thresholds":
    {"low":5,"critical":1,"origin":"global"},"started_at":"2026-11-21T09:03:11Z","observed_at":"2026-11-21T09:03:11Z","days_of_cover":null,"instance":"default","note":null,"ack":null,"after":null,"meanwhile":false},
    {"alert_id":"default/13/-","reason":"reminder","status":"firing","severity":"out","previous_severity":"ok","product":
    {"id":13,"name":"Web XL","group":"Dedicated"},"combination":null,"pool":
    {"name":"64 GB DIMM kits","capacity":40,"level":0,"need":1,"holds_back":[
    {"instance":"default","product_id":128,"product":"DS-128","choice":"RAM: 64 GB","need":1},
    {"instance":"default","product_id":256,"product":"DS-256","choice":null,"need":1}],"holds_back_total":2,"holds_back_products":2,"instances":["default"]},"bottleneck":"pool 64 GB DIMM kits","level":0,"previous_level":null,"thresholds":
    {"low":5,"critical":1,"origin":"global"},"started_at":"2026-11-21T09:03:11Z","observed_at":"2026-11-21T09:03:11Z","days_of_cover":null,"instance":"default","note":null,"ack":null,"after":null,"meanwhile":false}],"open_total":3}}
    "#);
}

#[test]
fn product_events() {
    insta::assert_snapshot!(body(&samples::products()), @r#"
    {"type":"stock.product","timestamp":"2026-11-21T09:03:11Z","data":
    {"schema":1,"instance":"default","events":[
    {"kind":"new","product":
    {"id":50,"name":"VPS XXL","group":"VPS"},"level":0,"severity":"out","state":"known","previous":null,"instance":"default"},
    {"kind":"gone","product":
    {"id":51,"name":"VPS 2019","group":"VPS"},"level":null,"severity":null,"state":"unknown","previous":null,"instance":"default"},
    {"kind":"returned","product":
    {"id":52,"name":"VPS 2020","group":"VPS"},"level":12,"severity":"ok","state":"known","previous":null,"instance":"default"},
    {"kind":"renamed","product":
    {"id":53,"name":"VPS New","group":"VPS"},"level":7,"severity":"ok","state":"known","previous":"VPS Old","instance":"default"},
    {"kind":"options_changed","product":
    {"id":54,"name":"VPS M","group":"VPS"},"level":null,"severity":null,"state":"unknown","previous":null,"instance":"default"},
    {"kind":"control_on","product":
    {"id":55,"name":"VPS L","group":"VPS"},"level":3,"severity":"low","state":"known","previous":null,"instance":"default"},
    {"kind":"control_off","product":
    {"id":56,"name":"VPS S","group":"VPS"},"level":null,"severity":null,"state":"not_controlled","previous":null,"instance":"default"}]}}
    "#);
}

#[test]
fn a_source_that_is_down_and_up_again() {
    let up = samples::message(Body::SourceUp {
        cause: Some(Cause::Timeout),
        since: samples::ago(5400),
    });
    insta::assert_snapshot!(format!("{}\n{}", body(&samples::down()), body(&up)), @r#"
    {"type":"source.down","timestamp":"2026-11-21T09:03:11Z","data":
    {"schema":1,"instance":"eu","cause":"firewall","words":"Something in front of WHMCS refused the request (a firewall or login page answered).","detail":"status 403, a page of HTML: \"Just a moment…\"","since":"2026-11-21T08:47:11Z","what_to_do":"Let this host's requests to includes/api.php through the firewall, WAF or CDN (a 403 or an HTML page came back).","pools":["64 GB DIMM kits","NVMe"]}}
    {"type":"source.up","timestamp":"2026-11-21T09:03:11Z","data":
    {"schema":1,"instance":"default","cause":"timeout","since":"2026-11-21T07:33:11Z","until":"2026-11-21T09:03:11Z","seconds":5400}}
    "#);
}

#[test]
fn a_capability_that_is_lost_and_regained() {
    let lost = samples::message(Body::SourceDegraded {
        lost: Capability::StockFields,
    });
    let regained = samples::message(Body::SourceRestored {
        regained: Capability::Companion,
        since: samples::ago(60),
    });
    insta::assert_snapshot!(format!("{}\n{}", body(&lost), body(&regained)), @r#"
    {"type":"source.degraded","timestamp":"2026-11-21T09:03:11Z","data":
    {"schema":1,"instance":"default","cause":"stock_fields","words":"WHMCS no longer sends stock figures with its products.","since":"2026-11-21T09:03:11Z","what_to_do":"Levels are unknown until the figures are back, and nothing is said about stock. Check whether WHMCS was changed or updated, and that stock control is switched on for the products."}}
    {"type":"source.restored","timestamp":"2026-11-21T09:03:11Z","data":
    {"schema":1,"instance":"default","cause":"companion","words":"The companion (GetProductDetails) answers again.","since":"2026-11-21T09:02:11Z","until":"2026-11-21T09:03:11Z","seconds":60}}
    "#);
}

#[test]
fn a_ping_of_no_shop() {
    let message = Message {
        instance: None,
        ..samples::message(Body::Ping)
    };
    insta::assert_snapshot!(body(&message), @r#"
    {"type":"test.ping","timestamp":"2026-11-21T09:03:11Z","data":
    {"schema":1,"instance":null,"text":"This is a test: messages of the stock monitor arrive here."}}
    "#);
}

#[test]
fn times_have_milliseconds_where_they_have_any_and_never_more() {
    let at = |text: &str| Message {
        at: text.parse().expect("a time"),
        ..samples::message(Body::Ping)
    };
    for (time, written) in [
        ("2026-11-21T09:03:11.999999999Z", "\"2026-11-21T09:03:11.999Z\""),
        ("2026-11-21T09:03:11.000999Z", "\"2026-11-21T09:03:11Z\""),
        ("2026-11-21T10:03:11.050+01:00", "\"2026-11-21T09:03:11.050Z\""),
    ] {
        let body = body(&at(time));
        assert!(body.contains(written), "{body}");
    }
}

#[test]
fn hostile_names_stay_inside_their_strings() {
    let message = samples::alerts(samples::hostile());
    let channel = samples::webhook(samples::webhook_settings("http://127.0.0.1:1/"));
    let Content::Http { body, .. } = channel.render(&message, &TimeZone::UTC, None) else {
        panic!("not a webhook")
    };
    let read: serde_json::Value = serde_json::from_str(&body).expect("well-formed");
    for (alert, sent) in samples::hostile()
        .iter()
        .zip(read["data"]["alerts"].as_array().expect("a list"))
    {
        assert_eq!(sent["product"]["name"], alert.name());
    }
}
