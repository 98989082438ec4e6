//! How a product looks in GetProducts and in GetProductDetails.

use crate::simulator::habits::Companion;
use crate::simulator::habits::Habits;
use crate::simulator::json::Spelling;
use crate::simulator::json::Writer;
use crate::simulator::product::Choice;
use crate::simulator::product::ConfigOption;
use crate::simulator::product::Currency;
use crate::simulator::product::Product;

/// What stands where the stock should, behind a broken add-on.
const GARBLED: &str = "several";

/// The part of a GetProducts element that changes with the stock, from the opening brace on.
#[must_use]
pub fn listing_head(product: &Product, habits: &Habits) -> String {
    let mut json = Writer::new(habits.spelling);
    let slug = slug(&product.name, product.pid);
    json.open('{');
    json.key("pid").number(product.pid).key("gid").number(product.gid);
    json.key("type")
        .string("server")
        .key("name")
        .string(&product.name);
    json.key("slug").string(&slug).key("product-url");
    json.string(&format!(
        "https://shop.example/store/group-{}/{slug}",
        product.gid
    ));
    json.key("description").string(&product.description);
    json.key("module").string(&product.module);
    json.key("paytype").string("recurring");
    if habits.version.has_stock() {
        json.key("allowqty").number(0).key("quantity_available");
        if product.garbled {
            json.string(GARBLED);
        } else {
            json.number(if product.stock_control { product.qty } else { 0 });
        }
    }
    json.finish()
}

/// The rest of a GetProducts element, from the comma to the closing brace: prices and options.
#[must_use]
pub fn listing_tail(product: &Product, habits: &Habits) -> String {
    let mut json = Writer::new(habits.spelling);
    json.key("pricing").open('{');
    for currency in &habits.currencies {
        json.key(&currency.code).open('{');
        json.key("prefix").string(&currency.prefix);
        json.key("suffix").string(&currency.suffix);
        prices(&mut json, price(product.monthly_cents, currency), "-1.00");
        json.close('}');
    }
    json.close('}');
    json.key("customfields")
        .open('{')
        .key("customfield")
        .open('[')
        .close(']')
        .close('}');
    json.key("configoptions").open('{').key("configoption").open('[');
    for option in &product.options {
        listed_option(&mut json, option, habits);
    }
    json.close(']').close('}').close('}');
    format!(",{}", json.finish())
}

fn listed_option(json: &mut Writer, option: &ConfigOption, habits: &Habits) {
    json.open('{')
        .key("id")
        .number(option.id)
        .key("name")
        .string(&option.name);
    json.key("type").string(option.kind.code());
    if habits.version.has_stock() {
        json.key("minqty")
            .number(option.min)
            .key("maxqty")
            .number(option.max);
    }
    json.key("options").open('{').key("option").open('[');
    for choice in &option.choices {
        listed_choice(json, choice, habits);
    }
    json.close(']').close('}').close('}');
}

fn listed_choice(json: &mut Writer, choice: &Choice, habits: &Habits) {
    json.open('{')
        .key("id")
        .number(choice.id)
        .key("name")
        .string(&choice.name);
    json.key("rawName").string(&choice.name);
    json.key("recurring")
        .number(0)
        .key("required")
        .null()
        .key("pricing")
        .open('{');
    for currency in &habits.currencies {
        json.key(&currency.code).open('{');
        prices(json, price(choice.monthly_cents, currency), "0.00");
        json.close('}');
    }
    json.close('}').close('}');
}

const SETUP_FEES: [&str; 6] = [
    "msetupfee",
    "qsetupfee",
    "ssetupfee",
    "asetupfee",
    "bsetupfee",
    "tsetupfee",
];
const LONG_CYCLES: [&str; 5] = [
    "quarterly",
    "semiannually",
    "annually",
    "biennially",
    "triennially",
];

fn prices(json: &mut Writer, monthly: String, others: &str) {
    for fee in SETUP_FEES {
        json.key(fee).string("0.00");
    }
    json.key("monthly").string(&monthly);
    for cycle in LONG_CYCLES {
        json.key(cycle).string(others);
    }
}

fn price(cents: i64, currency: &Currency) -> String {
    let cents = cents * currency.rate_percent / 100;
    format!("{}.{:02}", cents / 100, cents % 100)
}

/// ASCII letters and digits of the name, the rest as hyphens, and the id, as a shop's addresses have it.
fn slug(name: &str, pid: i64) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    format!("{}-{pid}", words.join("-").to_ascii_lowercase())
}

/// A product's whole element in GetProductDetails; without its stock fields if `stock` is false.
#[must_use]
pub fn details(product: &Product, habits: &Habits, stock: bool) -> String {
    match habits.companion {
        Companion::Foreign => foreign_details(product, habits.spelling, stock),
        Companion::None | Companion::FileMissing | Companion::Contract1 => {
            own_details(product, habits.spelling, stock)
        }
    }
}

fn own_details(product: &Product, spelling: Spelling, stock: bool) -> String {
    let mut json = Writer::new(spelling);
    json.open('{');
    described(&mut json, product, stock);
    json.key("inuse").number(product.in_use());
    json.key("configoptions").open('{').key("configoption").open('[');
    for option in &product.options {
        detailed_option(&mut json, product, option);
    }
    json.close(']').close('}');
    json.key("combinations").open('{').key("combination").open('[');
    for (key, in_use) in product.combinations() {
        json.open('{')
            .key("options")
            .string(&key)
            .key("inuse")
            .number(in_use);
        if let Some(stock) = product.combination_stock.get(&key) {
            json.key("stock").number(*stock);
        }
        json.close('}');
    }
    json.close(']').close('}').close('}');
    json.finish()
}

/// In somebody else's custom action: the table's row, no counts, numbers as strings.
fn foreign_details(product: &Product, spelling: Spelling, stock: bool) -> String {
    let mut json = Writer::new(Spelling {
        string_numbers: true,
        ..spelling
    });
    json.open('{');
    described(&mut json, product, stock);
    json.close('}');
    json.finish()
}

fn described(json: &mut Writer, product: &Product, stock: bool) {
    json.key("pid").number(product.pid).key("gid").number(product.gid);
    json.key("groupname")
        .string(&product.group)
        .key("name")
        .string(&product.name);
    json.key("hidden").number(i64::from(product.hidden));
    json.key("retired").number(i64::from(product.retired));
    if stock {
        json.key("stockcontrol").number(i64::from(product.stock_control));
        json.key("qty");
        if product.garbled {
            json.string(GARBLED);
        } else {
            json.number(product.qty);
        }
    }
}

fn detailed_option(json: &mut Writer, product: &Product, option: &ConfigOption) {
    json.open('{')
        .key("id")
        .number(option.id)
        .key("name")
        .string(&option.name);
    json.key("type").string(option.kind.code());
    json.key("hidden").number(i64::from(option.hidden));
    json.key("minqty")
        .number(option.min)
        .key("maxqty")
        .number(option.max);
    json.key("options").open('{').key("option").open('[');
    for choice in &option.choices {
        json.open('{')
            .key("id")
            .number(choice.id)
            .key("name")
            .string(&choice.name);
        json.key("hidden").number(i64::from(choice.hidden));
        json.key("inuse").number(product.choice_in_use(option, choice.id));
        if let Some(stock) = choice.stock {
            json.key("stock").number(stock);
        }
        json.close('}');
    }
    json.close(']').close('}').close('}');
}
