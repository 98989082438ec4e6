//! Ready-made shops: a believable hosting shop, and catalogues of any size in the documented shape.

use crate::simulator::habits::Companion;
use crate::simulator::habits::Version;
use crate::simulator::product::ConfigOption;
use crate::simulator::product::Currency;
use crate::simulator::product::OptionKind;
use crate::simulator::product::Product;
use crate::simulator::shop::Shop;

/// The product of the sample shop whose stock `Story::demo` moves first; it begins with 20.
pub const STAR: i64 = 42;

/// The option and choice (RAM, 128 GB) whose modules several products of the sample shop share.
pub const KITS: (i64, i64) = (4, 13);
/// How many of these `Story::demo` begins with.
pub const KITS_LEFT: i64 = 8;

impl Shop {
    /// A hosting shop of 24 products in 4 groups on WHMCS 8.12 with our companion: some low or out of stock, some
    /// not counted, one hidden, one retired, and some whose names try to break things.
    #[must_use]
    pub fn sample() -> Self {
        Self::new(Version::V8_12, Companion::Contract1)
            .with_currencies(vec![
                Currency::new("EUR", "€", " EUR", 100),
                Currency::new("USD", "$", " USD", 109),
                Currency::new("GBP", "£", " GBP", 86),
            ])
            .with_products(dedicated_servers())
            .with_products(virtual_servers())
            .with_products(storage())
            .with_products(gpu_servers())
    }

    /// A catalogue of a given size: products 1 to `products`, each with so many dropdown options of so many
    /// choices. With 3 options of 4 choices a product is about 5.76 kB of GetProducts.
    #[must_use]
    pub fn bulk(products: usize, options: usize, choices: usize) -> Self {
        let last = i64::try_from(products).unwrap_or(i64::MAX);
        Self::new(Version::V8_12, Companion::Contract1)
            .with_products((1..=last).map(|pid| bulk_product(pid, options, choices)))
    }
}

fn dedicated_servers() -> Vec<Product> {
    let server = |pid, name: &str, qty, cents| {
        Product::new(pid, 1, "Dedicated Servers", name)
            .with_stock(qty)
            .with_price(cents)
            .with_module("dedicated")
            .with_description(
                "Own hardware, <b>no</b> neighbours.\r\n<ul><li>1 Gbit/s</li><li>24/7</li></ul>",
            )
            .with_option(memory())
            .with_option(disks())
            .with_option(ConfigOption::new(
                6,
                "Hardware RAID",
                OptionKind::YesNo,
                &[(30, "RAID controller")],
            ))
    };
    vec![
        server(40, "DS-16", 34, 3900).with_services(&[(4, 11), (5, 20), (6, 0)], 51),
        server(41, "DS-32", 27, 5900)
            .with_services(&[(4, 11), (5, 20), (6, 0)], 18)
            .with_services(&[(4, 12), (5, 21), (6, 30)], 7),
        server(STAR, "DS-64", 20, 8900)
            .with_services(&[(4, 11), (5, 20), (6, 0)], 12)
            .with_services(&[(4, 12), (5, 20), (6, 0)], 6)
            .with_services(&[(4, 12), (5, 21), (6, 30)], 3),
        server(43, "DS-128 &quot;Big Iron&quot;", 12, 15_900).with_services(&[(4, 13), (5, 21), (6, 30)], 4),
        server(44, "DS-256 / EPYC", 4, 28_900).with_services(&[(4, 13), (5, 22), (6, 30)], 9),
        server(45, "DS-8 (Auslaufmodell für Käufer)", 0, 2400).retired(),
        server(46, "DS-64 \u{200f}תל אביב\u{200e} edition", 16, 9400),
    ]
}

fn virtual_servers() -> Vec<Product> {
    let vps = |pid, name: &str, cents| {
        Product::new(pid, 2, "VPS &amp; Cloud", name)
            .with_price(cents)
            .with_module("kvm")
            .with_description("KVM, NVMe, snapshots.")
            .with_option(ConfigOption::new(
                7,
                "Location",
                OptionKind::Radio,
                &[(40, "Frankfurt"), (41, "Zürich"), (42, "São Paulo")],
            ))
            .with_option(ConfigOption::new(
                8,
                "Additional IPv4",
                OptionKind::Quantity,
                &[(50, "IPv4 address")],
            ))
            .with_services(&[(7, 40), (8, 1)], 3 + pid)
            .with_services(&[(7, 41), (8, 2)], pid / 2)
    };
    vec![
        vps(60, "VPS S", 490),
        vps(61, "VPS M", 990),
        vps(62, "VPS L", 1990),
        vps(63, "VPS \"Turbo\" & Co", 2990).with_stock(48),
        vps(64, "<b>VPS XL</b> <script>alert('stock')</script>", 3990).with_stock(31),
        vps(65, "VPS High\nMemory", 5990).with_stock(22),
        vps(66, "VPS staff only", 100).with_stock(9).hidden(),
    ]
}

fn storage() -> Vec<Product> {
    let box_of = |pid, name: &str, qty| {
        let product = Product::new(pid, 3, "Storage", name)
            .with_stock(qty)
            .with_price(100 * pid);
        product
            .with_services(&[], 2 * pid)
            .with_description("RAID-Z2, off-site copy optional.")
    };
    vec![
        box_of(70, "Storage Box 1 TB", 64),
        box_of(71, "Storage Box 5 TB", 38),
        box_of(72, "Storage Box 10 TB", 15),
        box_of(73, "Cold Storage 100 TB ❄️", 3),
        box_of(74, "Backup Vault; DROP TABLE tblproducts;--", 0),
    ]
}

fn gpu_servers() -> Vec<Product> {
    let gpu = |pid, name: &str, qty, cents| {
        Product::new(pid, 4, "GPU 🚀", name)
            .with_stock(qty)
            .with_price(cents)
            .with_module("dedicated")
            .with_option(memory())
            .with_services(&[(4, 13)], qty / 2)
    };
    vec![
        gpu(80, "GPU L4", 18, 24_900),
        gpu(81, "GPU A100 🚀", 11, 119_900),
        gpu(82, "GPU H100 SXM", 2, 299_900),
        gpu(83, "GPU 4 × RTX 6000", 13, 89_900),
        gpu(84, "GPU cluster (by appointment)", 0, 990_000).without_stock_control(),
    ]
}

fn memory() -> ConfigOption {
    ConfigOption::new(
        4,
        "RAM",
        OptionKind::Dropdown,
        &[(11, "32 GB"), (12, "64 GB"), (13, "128 GB")],
    )
}

fn disks() -> ConfigOption {
    let choices = [(20, "2x NVMe"), (21, "4x SATA"), (22, "8x SAS 2.5\"")];
    ConfigOption::new(5, "Disk", OptionKind::Dropdown, &choices)
}

/// Fills a product of 3 options of 4 choices up to the size that the measurements are agreed for.
const BULK_DESCRIPTION: &str = "Intel Xeon or AMD EPYC, ECC memory, hot-swap bays, redundant power.\r\n\
    <ul>\r\n<li>1 Gbit/s unmetered</li>\r\n<li>IPv4 /29 and IPv6 /64</li>\r\n<li>Remote hands, 24/7</li>\r\n\
    <li>Rescue system and KVM over IP</li>\r\n</ul>\r\nReady within four working hours. Set-up is free with a term \
    of a year or more; every server comes with a private network of its own, reverse DNS, daily hardware checks and \
    a spare-parts guarantee of two hours, day and night.";

fn bulk_product(pid: i64, options: usize, choices: usize) -> Product {
    let gid = 1 + pid % 20;
    let mut product = Product::new(pid, gid, &format!("Group {gid}"), &format!("Server {pid:06}"))
        .with_stock(pid * 37 % 60)
        .with_price(3900 + pid % 500 * 10)
        .with_module("dedicated")
        .with_description(BULK_DESCRIPTION);
    product.options = (0..)
        .take(options)
        .map(|nth| bulk_option(gid, nth, choices))
        .collect();
    let picks = product.default_picks();
    product.add_services(&picks, 1 + pid % 9);
    product
}

/// Products of a group share its options, as configurable option groups are used.
fn bulk_option(gid: i64, nth: i64, choices: usize) -> ConfigOption {
    let id = gid * 100 + nth;
    let names: Vec<(i64, String)> = (0..)
        .take(choices)
        .map(|choice| {
            (
                id * 100 + choice,
                format!("Choice {} of option {nth}", choice + 1),
            )
        })
        .collect();
    let names: Vec<(i64, &str)> = names.iter().map(|(id, name)| (*id, name.as_str())).collect();
    ConfigOption::new(id, &format!("Option {nth}"), OptionKind::Dropdown, &names)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_sample_is_a_shop_of_24_products_in_4_groups_of_every_kind() {
        let shop = Shop::sample();
        let products: Vec<&Product> = shop.products().collect();
        assert_eq!(products.len(), 24);
        assert_eq!(
            products
                .iter()
                .map(|product| product.gid)
                .collect::<BTreeSet<_>>()
                .len(),
            4
        );
        assert!(products.iter().any(|product| product.hidden));
        assert!(products.iter().any(|product| product.retired));
        assert!(products.iter().any(|product| !product.stock_control));
        let kinds = products.iter().flat_map(|product| &product.options);
        assert_eq!(
            kinds
                .map(|option| option.kind.code())
                .collect::<BTreeSet<_>>()
                .len(),
            4
        );
        for mark in ["&quot;", "🚀", "\u{200f}", "<script>", "\"", "\n", "&"] {
            assert!(
                products.iter().any(|product| product.name.contains(mark)),
                "{mark:?}"
            );
        }
        assert_eq!(shop.product(STAR).map(|product| product.qty), Some(20));
    }

    #[test]
    fn the_services_of_the_sample_hold_choices_that_exist() {
        for product in Shop::sample().products() {
            for (option, picked) in product.services.keys().flatten() {
                let option = product.options.iter().find(|own| own.id == *option).unwrap();
                let exists = option.choices.iter().any(|choice| choice.id == *picked);
                let free = matches!(option.kind, OptionKind::YesNo | OptionKind::Quantity);
                assert!(exists || free, "{}: {}={picked}", product.name, option.id);
            }
        }
    }

    #[test]
    fn a_bulk_product_has_the_agreed_size() {
        let mut shop = Shop::bulk(2000, 3, 4);
        let pieces = shop.catalogue();
        let total: usize = pieces
            .pieces
            .iter()
            .map(|(head, tail)| head.len() + tail.len() + 1)
            .sum();
        let each = total / pieces.pieces.len();
        assert!((5700..=5820).contains(&each), "{each} bytes a product");
        let names: BTreeSet<&str> = shop.products().map(|product| product.name.as_str()).collect();
        assert_eq!(names.len(), 2000);
    }
}
