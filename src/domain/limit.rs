//! What limits a level, in words: the pool that does not suffice, and whom else it holds back.

use std::fmt;

use crate::domain::message::HeldBack;
use crate::domain::message::PoolRef;
use crate::domain::nameless::called;
use crate::domain::pool::Bottleneck;
use crate::domain::pool::Limited;

/// A sentence in pieces: names stand apart, so that a page can keep their letters from reordering the rest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sentence(pub Vec<Part>);

/// A piece of a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    Text(String),
    Name(String),
}

/// How names are shown, and how many of them.
#[derive(Clone, Copy)]
pub struct Style {
    /// The last look at a name before it is shown.
    pub name: fn(&str) -> String,
    /// How many names stand before the rest is counted.
    pub names: usize,
}

impl Sentence {
    fn text(&mut self, text: impl Into<String>) {
        self.0.push(Part::Text(text.into()));
    }

    fn name(&mut self, name: String) {
        self.0.push(Part::Name(name));
    }

    fn pool(&mut self, pool: &PoolRef, style: Style) {
        self.text("pool \"");
        self.name((style.name)(&pool.name));
        self.text("\"");
    }

    /// Whether there is nothing to say.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Sentence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            Part::Text(text) | Part::Name(text) => f.write_str(text),
        })
    }
}

/// Why a level is what it is: `0 because pool "64 GB DIMM kits" is empty; also holds back DS-128, DS-256`.
#[must_use]
pub fn why(level: Option<i64>, pool: &PoolRef, own: &Limited<'_>, style: Style) -> Sentence {
    let mut said = Sentence::default();
    match (level, pool.level, pool.need) {
        (Some(level @ ..=0), Some(0), _) => {
            said.text(format!("{level} because "));
            said.pool(pool, style);
            said.text(" is empty");
        }
        (Some(level @ ..=0), Some(left @ ..0), _) => {
            said.text(format!("{level} because "));
            said.pool(pool, style);
            said.text(format!(" is oversold by {}", left.unsigned_abs()));
        }
        (Some(level @ ..=0), Some(left), Some(need)) if left < need => {
            said.text(format!("{level}: {left} left in "));
            said.pool(pool, style);
            said.text(format!(", one takes {need}"));
        }
        (_, left, need) => {
            said.text("limited by ");
            said.pool(pool, style);
            said.text(remainder(left, need));
        }
    }
    let held = held_back(pool, Beside::Limited(own), style);
    if !held.is_empty() {
        said.text("; also holds back ");
        said.0.extend(held.0);
    }
    said
}

/// A limit that is no pool, or a pool of which nothing is known: `limited by RAM: 64 GB`.
#[must_use]
pub fn limited_by(bottleneck: &Bottleneck, style: Style) -> Sentence {
    let (text, name) = match bottleneck {
        Bottleneck::Choice(text) | Bottleneck::Capacity(text) => ("limited by ", text),
        Bottleneck::Pool(name) => ("limited by pool ", name),
    };
    Sentence(vec![Part::Text(text.to_owned()), Part::Name((style.name)(name))])
}

/// ` (5 left, one takes 2)`
fn remainder(left: Option<i64>, need: Option<i64>) -> String {
    let left = match left {
        Some(left @ ..0) => format!("oversold by {}", left.unsigned_abs()),
        Some(left) => format!("{left} left"),
        None => "what is left is not known".to_owned(),
    };
    match need {
        Some(need @ 2..) => format!(" ({left}, one takes {need})"),
        Some(_) | None => format!(" ({left})"),
    }
}

/// Beside what those stand whom a pool holds back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beside<'a> {
    /// A product or combination that the pool limits as well: its own shop needs no name, its product neither.
    Limited(&'a Limited<'a>),
    /// The pool itself, where that shop is named already, or none is: of several shops, the others are named.
    Shop(Option<&'a str>),
    /// The pool itself in a set-up of one shop.
    OneShop,
}

/// Whom a pool holds back: `DS-128, DS-256 +3`, each product once; empty where nobody.
#[must_use]
pub fn held_back(pool: &PoolRef, beside: Beside<'_>, style: Style) -> Sentence {
    let named = named(pool, beside);
    let shown = &named[..named.len().min(style.names)];
    let mut said = Sentence::default();
    for (index, one) in shown.iter().enumerate() {
        if index > 0 {
            said.text(", ");
        }
        said.name((style.name)(&one.name));
        if let Some(shop) = one.shop {
            said.text(" (");
            said.name((style.name)(shop));
            said.text(")");
        }
    }
    // What is counted is what is named: products, and of the own product its other choices.
    let products = |named: &[Named<'_>]| named.iter().filter(|one| !one.sibling).count();
    let siblings = named.len() - products(&named);
    let total = pool.holds_back_products.max(products(&named)) + siblings;
    match (total - shown.len(), shown.is_empty()) {
        (0, _) => {}
        (more, true) => said.text(more.to_string()),
        (more, false) => said.text(format!(" +{more}")),
    }
    said
}

/// The names of those it holds back, once each, a shop beside a name of another shop.
#[must_use]
pub fn names(pool: &PoolRef, beside: Beside<'_>) -> Vec<String> {
    let name = |one: Named<'_>| match one.shop {
        Some(shop) => format!("{} ({shop})", one.name),
        None => one.name,
    };
    named(pool, beside).into_iter().map(name).collect()
}

/// A name for one or several users: a product with all its choices; of the own product, the other choice.
struct Named<'a> {
    name: String,
    /// Where it must be told.
    shop: Option<&'a str>,
    /// Another choice of the own product.
    sibling: bool,
    of: &'a HeldBack,
}

fn named<'a>(pool: &'a PoolRef, beside: Beside<'_>) -> Vec<Named<'a>> {
    let one_shop = pool
        .holds_back
        .windows(2)
        .all(|two| two[0].instance == two[1].instance);
    let mut found: Vec<Named<'a>> = Vec::new();
    for held in &pool.holds_back {
        let (abroad, sibling) = match beside {
            Beside::Limited(own) => {
                let home = own.instance == held.instance;
                (!home, home && own.product_id == held.product_id)
            }
            Beside::Shop(home) => (home != Some(held.instance.as_str()), false),
            Beside::OneShop => (!one_shop, false),
        };
        let same =
            |named: &Named<'_>| named.of.instance == held.instance && named.of.product_id == held.product_id;
        if !sibling && found.iter().any(same) {
            continue;
        }
        found.push(Named {
            name: match &held.choice {
                Some(choice) if sibling => choice.clone(),
                Some(_) | None => called(&held.product, held.product_id).into_owned(),
            },
            shop: abroad.then_some(held.instance.as_str()),
            sibling,
            of: held,
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const STYLE: Style = Style {
        name: |name| name.to_owned(),
        names: 2,
    };
    const OWN: Limited<'_> = Limited {
        instance: "default",
        product_id: 1,
        combination: Some("RAM: 64 GB, Disk: NVMe"),
    };

    fn held(instance: &str, product_id: i64, product: &str, choice: &str) -> HeldBack {
        HeldBack {
            instance: instance.to_owned(),
            product_id,
            product: product.to_owned(),
            choice: Some(choice.to_owned()),
            need: 1,
        }
    }

    fn pool(level: Option<i64>, need: Option<i64>, holds_back: Vec<HeldBack>, products: usize) -> PoolRef {
        PoolRef {
            name: "64 GB DIMM kits".to_owned(),
            capacity: 40,
            level,
            need,
            holds_back_total: holds_back.len(),
            holds_back,
            holds_back_products: products,
            instances: Vec::new(),
        }
    }

    #[test]
    fn a_level_is_explained_by_what_is_left_and_what_one_takes() {
        for (level, left, need, said) in [
            (
                Some(0),
                Some(0),
                Some(1),
                "0 because pool \"64 GB DIMM kits\" is empty",
            ),
            (
                Some(0),
                Some(3),
                Some(4),
                "0: 3 left in pool \"64 GB DIMM kits\", one takes 4",
            ),
            (
                Some(-2),
                Some(-3),
                Some(2),
                "-2 because pool \"64 GB DIMM kits\" is oversold by 3",
            ),
            (
                Some(2),
                Some(5),
                Some(2),
                "limited by pool \"64 GB DIMM kits\" (5 left, one takes 2)",
            ),
            (
                Some(5),
                Some(5),
                Some(1),
                "limited by pool \"64 GB DIMM kits\" (5 left)",
            ),
            // The pool was filled since the level was seen.
            (
                Some(0),
                Some(9),
                Some(2),
                "limited by pool \"64 GB DIMM kits\" (9 left, one takes 2)",
            ),
            (
                Some(0),
                Some(3),
                None,
                "limited by pool \"64 GB DIMM kits\" (3 left)",
            ),
            (
                Some(0),
                None,
                Some(1),
                "limited by pool \"64 GB DIMM kits\" (what is left is not known)",
            ),
            (
                None,
                Some(-1),
                None,
                "limited by pool \"64 GB DIMM kits\" (oversold by 1)",
            ),
        ] {
            let pool = pool(left, need, Vec::new(), 0);
            assert_eq!(why(level, &pool, &OWN, STYLE).to_string(), said);
        }
    }

    #[test]
    fn who_else_is_held_back_is_named_once_and_the_rest_counted() {
        let a = || held("default", 2, "DS-128", "RAM: 64 GB");
        let again = || held("default", 2, "DS-128", "RAM: 128 GB");
        let b = || held("default", 3, "DS-256", "RAM: 64 GB");
        let sibling = || held("default", 1, "DS-64", "RAM: 128 GB");
        let abroad = || held("us", 1, "DS-64", "RAM: 64 GB");
        for (listed, products, said) in [
            (vec![a(), b()], 2, "DS-128, DS-256"),
            (vec![a(), again(), b()], 2, "DS-128, DS-256"),
            (vec![a(), again(), b(), abroad()], 6, "DS-128, DS-256 +4"),
            (vec![a(), b(), abroad()], 3, "DS-128, DS-256 +1"),
            // The own product is none of those counted.
            (vec![sibling(), a()], 1, "RAM: 128 GB, DS-128"),
            (vec![sibling(), a()], 5, "RAM: 128 GB, DS-128 +4"),
            (vec![abroad()], 1, "DS-64 (us)"),
            (vec![], 7, "7"),
            (vec![], 0, ""),
        ] {
            let pool = pool(Some(0), Some(1), listed, products);
            assert_eq!(held_back(&pool, Beside::Limited(&OWN), STYLE).to_string(), said);
        }
    }

    #[test]
    fn a_pools_own_list_names_every_shop_but_the_one_that_is_named_already() {
        let eu = || held("eu", 1, "DS-64", "RAM: 64 GB");
        let us = || held("us", 1, "DS-64", "RAM: 64 GB");
        for (listed, beside, said) in [
            (vec![eu(), us()], Beside::Shop(None), "DS-64 (eu), DS-64 (us)"),
            (vec![us()], Beside::Shop(None), "DS-64 (us)"),
            (vec![us()], Beside::Shop(Some("eu")), "DS-64 (us)"),
            (vec![us()], Beside::Shop(Some("us")), "DS-64"),
            (vec![us()], Beside::OneShop, "DS-64"),
        ] {
            let total = listed.len();
            let pool = pool(Some(0), None, listed, total);
            assert_eq!(held_back(&pool, beside, STYLE).to_string(), said);
        }
    }
}
