//! A body of an operator's own: checked before the start, and where it fails all the same, a dead letter that can be mended.

use crate::daemon::Daemon;
use crate::daemon::eventually;
use crate::home;
use crate::receivers::Receivers;
use crate::shop::Shop;
use crate::shop::item;

const CHANNEL: &str = "[[channel]]\nname = \"erp\"\ntype = \"webhook\"\nurl = \"${ERP}\"\nformat = \"template\"\n\
                       template = \"config/erp.j2\"\n";

fn dead(daemon: &Daemon) -> Option<f64> {
    daemon.metric("whmcs_stock_outbox_messages{channel=\"erp\",state=\"dead\"}")
}

#[test]
fn a_template_that_does_not_do_stops_the_start_and_names_file_and_line() {
    let shop = Shop::open(vec![item(1, "A", 9)]);
    let receivers = Receivers::start();
    let mut home = home(&shop, &receivers);
    home.export("ERP", "https://hooks.shop.example/CANARY-path");
    home.write("config/monitor.toml", CHANNEL);
    let missing = home.run(&["config", "check"]);
    assert_eq!(missing.code, 78, "{missing:?}");
    assert!(
        missing
            .err
            .contains("names \"config/erp.j2\", which cannot be read: "),
        "{missing:?}"
    );
    home.write("config/erp.j2", "{\n  \"text\": {{ texxt }}\n}\n");
    let wrong = home.run(&["config", "check"]);
    assert_eq!(wrong.code, 78, "{wrong:?}");
    assert!(
        wrong.err.contains(
            "channel \"erp\": template (config/monitor.toml line 6) names \"config/erp.j2\", which does not do: line 2: \
             undefined value (tried with a message of the type stock.alerts)."
        ),
        "{wrong:?}"
    );
    assert!(!wrong.err.contains("CANARY"), "{wrong:?}");
    home.write("config/erp.j2", "{\n  \"text\": {{ text }}\n}\n");
    let good = home.run(&["config", "check"]);
    assert_eq!(good.code, 0, "{good:?}");
}

#[test]
fn what_a_template_cannot_render_is_a_dead_letter_until_it_is_mended() {
    let shop = Shop::open(vec![item(1, "A", 9)]);
    let receivers = Receivers::start();
    let mut home = home(&shop, &receivers);
    home.unset("WEBHOOK_URL");
    home.unset("WEBHOOK_SECRET");
    home.export("ERP", &receivers.hook.url());
    home.write("config/monitor.toml", CHANNEL);
    // No message that it is tried with names this product.
    let text = "{% if type == \"stock.alerts\" %}{\"left\": {{ data.alerts[0].level }}\
                {% if \"Trap\" in subject %}{{ nothing }}{% endif %}}{% endif %}";
    home.write("config/erp.j2", text);
    let mut daemon = home.start();
    eventually("the baseline needs no body", || {
        (daemon.metric("whmcs_stock_deliveries_total{channel=\"erp\"}") == Some(1.0)).then_some(())
    });
    assert_eq!(receivers.payloads().len(), 0);
    shop.stock(1, 4);
    eventually("the alert", || (receivers.payloads().len() == 1).then_some(()));
    assert_eq!(receivers.payloads()[0]["left"], 4);
    shop.catalogue(vec![item(1, "Trap", 0)]);
    eventually("a dead letter", || (dead(&daemon) == Some(1.0)).then_some(()));
    let listed = daemon.json("/api/v1/deliveries?state=dead");
    let letter = &listed["items"][0];
    assert_eq!(letter["reason"], "template", "{listed}");
    let error = letter["last_error"].as_str().unwrap();
    assert!(
        error.contains("the template gives this message no body: line 1: undefined value."),
        "{error}"
    );
    home.write("config/erp.j2", &text.replace("{{ nothing }}", ""));
    daemon.stop();
    let id = letter["id"].to_string();
    let replayed = home.run(&["deliveries", "replay", &id]);
    assert_eq!(replayed.code, 0, "{replayed:?}");
    let mut daemon = home.start();
    eventually("the mended body", || {
        (receivers.payloads().len() == 2).then_some(())
    });
    assert_eq!(receivers.payloads()[1]["left"], 0);
    daemon.wait_for_empty_outbox();
    assert_eq!(dead(&daemon), Some(0.0));
    daemon.stop();
}
