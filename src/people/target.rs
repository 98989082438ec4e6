//! Which series somebody means: by an alert's id, by a product's number or name, by a pool's name.

use crate::domain::alerting::state::Combination;
use crate::domain::alerting::state::Memory;
use crate::domain::alerting::state::Tracked;
use crate::domain::catalogue::CombinationKey;
use crate::domain::nameless;
use crate::domain::nameless::called;
use crate::domain::pattern::Pattern;
use crate::notify::clean;

/// How the id of a pool's alert begins.
const POOL: &str = "pool:";
/// How many names a message lists.
const NAMED: usize = 5;

/// What somebody means.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// `default/42/-`, `pool:NAME`, a number (`42`, `#42`), a name, or a pattern.
    pub text: &'a str,
    /// Only in this shop.
    pub instance: Option<&'a str>,
    /// A combination of the product.
    pub combination: Option<&'a CombinationKey>,
}

/// The one series that is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// The shop; `None` for a pool.
    pub instance: Option<String>,
    /// Its number within its instance.
    pub number: u32,
    pub alert_id: String,
    /// For people: `DS-64 [RAM: 64 GB]`.
    pub title: String,
}

/// Why it is not clear which is meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unclear {
    #[error("{0}")]
    Unknown(String),
    #[error("{0}")]
    Several(String),
}

/// The series that is meant, of the shops or of the pools (each a product of `pools`).
///
/// # Errors
/// None is meant, or several are.
pub fn find(shops: &[(&str, &Memory)], pools: &Memory, wanted: &Wanted<'_>) -> Result<Series, Unclear> {
    if let Some(rest) = wanted.text.strip_prefix(POOL) {
        return pool(pools, rest);
    }
    if let Some((instance, product, key)) = by_id(shops, wanted.text) {
        return of_product(instance, product, key.as_ref().or(wanted.combination));
    }
    let found = products(shops, wanted);
    match found.as_slice() {
        [] => Err(Unclear::Unknown(format!(
            "No product {:?} is watched. `status` lists them.",
            clean::name(wanted.text)
        ))),
        [(instance, product)] => of_product(instance, product, wanted.combination),
        several => Err(Unclear::Several(format!(
            "{:?} names several: {}. Give one of these.",
            clean::name(wanted.text),
            named(several)
        ))),
    }
}

fn named(several: &[(&str, &Tracked)]) -> String {
    let names = several.iter().take(NAMED);
    let names = names.map(|(instance, product)| {
        format!(
            "{} ({}/{}/-)",
            clean::line(&called(product.name.shown(), product.id), 60),
            instance,
            product.id
        )
    });
    let names: Vec<String> = names.collect();
    match several.len() - names.len() {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

/// The product of an alert's id, and the combination.
fn by_id<'a>(
    shops: &[(&'a str, &'a Memory)],
    text: &str,
) -> Option<(&'a str, &'a Tracked, Option<CombinationKey>)> {
    // An instance's name may hold slashes; what follows it may not.
    let mut parts = text.rsplitn(3, '/');
    let key = match parts.next()? {
        "-" => None,
        key => Some(key.parse().ok()?),
    };
    let id = parts.next()?.parse().ok()?;
    let name = parts.next()?;
    let (instance, memory) = shops.iter().find(|(instance, _)| *instance == name)?;
    Some((instance, memory.product(id)?, key))
}

/// By number, else by whole name, else by pattern; what is gone does not count.
fn products<'a>(shops: &[(&'a str, &'a Memory)], wanted: &Wanted<'_>) -> Vec<(&'a str, &'a Tracked)> {
    let there = |matches: &dyn Fn(&Tracked) -> bool| -> Vec<(&'a str, &'a Tracked)> {
        let asked = shops
            .iter()
            .filter(|(name, _)| wanted.instance.is_none_or(|wanted| wanted == *name));
        let all = asked.flat_map(|(name, memory)| {
            let products = memory.products.iter();
            products.map(move |product| (*name, &**product))
        });
        all.filter(|(_, product)| !product.gone && matches(product))
            .collect()
    };
    if let Some(id) = nameless::number(wanted.text) {
        let found = there(&|product| product.id == id);
        if !found.is_empty() {
            return found;
        }
    }
    let pattern = Pattern::text(wanted.text);
    there(&|product| pattern.matches(None, Some(&product.name)))
}

fn of_product(instance: &str, product: &Tracked, key: Option<&CombinationKey>) -> Result<Series, Unclear> {
    let name = clean::name(&called(product.name.shown(), product.id));
    let gone = || Unclear::Unknown(format!("{name} is no longer there."));
    if product.gone {
        return Err(gone());
    }
    let Some(key) = key else {
        return Ok(Series {
            instance: Some(instance.to_owned()),
            number: product.series.number,
            alert_id: format!("{instance}/{}/-", product.id),
            title: name,
        });
    };
    let there = |combination: &&Combination| combination.key == *key && !combination.gone;
    let combination = product.combinations.iter().find(there).ok_or_else(|| {
        Unclear::Unknown(format!(
            "{name} has no combination {key} with a figure of its own: it is what the product is."
        ))
    })?;
    Ok(Series {
        instance: Some(instance.to_owned()),
        number: combination.series.number,
        alert_id: format!("{instance}/{}/{key}", product.id),
        title: format!("{name} [{}]", clean::name(&combination.label)),
    })
}

/// A pool by its name, or (`NAME/3`) the orders that take as many of it.
fn pool(pools: &Memory, wanted: &str) -> Result<Series, Unclear> {
    let there = |name: &str| {
        let lower = name.to_lowercase();
        let mut pools = pools.products.iter().filter(|pool| !pool.gone);
        pools.find(|pool| pool.name.raw().to_lowercase() == lower)
    };
    if let Some(pool) = there(wanted) {
        return Ok(Series {
            instance: None,
            number: pool.series.number,
            alert_id: format!("{POOL}{}", pool.name.raw()),
            title: format!("pool {}", clean::name(pool.name.shown())),
        });
    }
    let of_need = || {
        let (name, need) = wanted.rsplit_once('/')?;
        let (pool, need) = (there(name)?, need.parse::<i64>().ok()?);
        let key = CombinationKey::new(vec![(0, need)]);
        let series = pool.combinations.iter().find(|of| of.key == key && !of.gone)?;
        Some(Series {
            instance: None,
            number: series.series.number,
            alert_id: format!("{POOL}{}/{need}", pool.name.raw()),
            title: format!(
                "pool {} [orders that take {need}]",
                clean::name(pool.name.shown())
            ),
        })
    };
    of_need().ok_or_else(|| {
        Unclear::Unknown(format!(
            "There is no pool {:?}. `status` lists them.",
            clean::name(wanted)
        ))
    })
}
