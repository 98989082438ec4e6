//! One planted mistake, and the ways to plant it.

use whmcs_stock_monitor::doctor::finding::Id;
use whmcs_stock_monitor::simulator::faults::Fault;
use whmcs_stock_monitor::simulator::faults::Refusal;
use whmcs_stock_monitor::simulator::habits::Companion;
use whmcs_stock_monitor::simulator::habits::Version;
use whmcs_stock_monitor::simulator::product::ConfigOption;
use whmcs_stock_monitor::simulator::product::OptionKind;
use whmcs_stock_monitor::simulator::product::Product;
use whmcs_stock_monitor::simulator::shop::Shop;

use crate::tls::Made;
use crate::world::World;

pub struct Case {
    pub mistake: &'static str,
    pub plant: fn() -> World,
    pub id: Id,
    pub severity: &'static str,
    /// Of the problem, the mend or the setting.
    pub words: &'static [&'static str],
    pub arguments: &'static [&'static str],
}

pub fn case(mistake: &'static str, id: Id, words: &'static [&'static str], plant: fn() -> World) -> Case {
    Case {
        mistake,
        plant,
        id,
        severity: "failure",
        words,
        arguments: &[],
    }
}

impl Case {
    pub fn warning(self) -> Self {
        Self {
            severity: "warning",
            ..self
        }
    }

    pub fn with_test(self) -> Self {
        Self {
            arguments: &["--send-test"],
            ..self
        }
    }
}

pub fn refusing(refusal: Refusal) -> World {
    let world = World::new();
    world.refuse(refusal);
    world
}

pub fn failing(fault: Fault) -> World {
    let world = World::new();
    world.shop.fail_always(fault);
    world
}

pub fn set(changes: &[(&str, &str)]) -> World {
    let mut world = World::new();
    for (name, value) in changes {
        world.set(name, value);
    }
    world
}

/// The shop behind TLS; its authority is trusted where `trusted`.
pub fn secured(made: Made, trusted: bool) -> World {
    let mut world = World::new();
    let (port, ca) = world.behind_tls(world.shop.address(), made);
    world.set(
        "WHMCS_API_URL",
        &format!("https://localhost:{port}/includes/api.php"),
    );
    if trusted {
        world.set("WHMCS_CA_FILE", &ca);
    }
    world
}

pub fn capacity(version: Version, companion: Companion) -> World {
    let memory = ConfigOption::new(4, "RAM", OptionKind::Dropdown, &[(11, "32 GB"), (12, "64 GB")]);
    let product = Product::new(1, 1, "Servers", "DS-64")
        .with_stock(12)
        .with_option(memory);
    let world = World::of(Shop::new(version, companion).with_products([product]));
    world.rules("[[capacity]]\noptions = { RAM = \"64 GB\" }\ncapacity = 10\n");
    world
}
