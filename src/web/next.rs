//! What runs out next: products and pools that still have something left, the one that lasts shortest first.

use crate::domain::forecast::Cover;
use crate::web::addresses;
use crate::web::filters::Sort;
use crate::web::index::Anchor;
use crate::web::index::Head;
use crate::web::overview::Group;
use crate::web::overview::is_soon;
use crate::web::pools;
use crate::web::rows::Aside;
use crate::web::rows::Lasts;
use crate::web::rows::lasts;
use crate::web::show::Named;

/// So many are named.
const NAMED: usize = 5;

/// What runs out.
pub struct Next<'a> {
    pub name: Named<'a>,
    pub combination: Option<&'a str>,
    pub shop: Option<&'a str>,
    /// The product's page; a pool has none.
    pub link: Option<String>,
    pub place: Group,
    pub left: i64,
    pub lasts: Lasts,
}

/// The few that run out next.
#[must_use]
pub fn next<'a>(aside: &Aside<'a>) -> Vec<Next<'a>> {
    let order = aside.index.ordered(Sort::Cover).iter();
    let heads = order.map(|head| aside.index.head(*head));
    let lasting = heads.take_while(|head| head.cover().is_finite());
    lasting
        .filter(|head| head.group != Group::Silent)
        .filter_map(|head| one(head, aside))
        .take(NAMED)
        .collect()
}

fn one<'a>(head: &Head, aside: &Aside<'a>) -> Option<Next<'a>> {
    let seen = aside.seen;
    if let Anchor::Pool(place) = head.anchor {
        let pool = &seen.pools.pools[place as usize];
        let (left, cover) = pool.level.known().zip(pool.cover)?;
        return Some(Next {
            name: Named {
                name: &pool.name,
                number: 0,
            },
            combination: None,
            shop: None,
            link: None,
            place: pools::group(pool),
            left,
            lasts: lasts(&cover, pools::is_soon(pool)),
        });
    }
    let units = aside.index.units(head).iter().map(|unit| unit.entry(seen));
    let lasting = units.filter_map(|entry| {
        let left = entry.level().filter(|left| *left > 0)?;
        Some((entry.cover()?, left, entry))
    });
    let sooner = |one: &Cover, other: &Cover| one.days.total_cmp(&other.days);
    let (cover, left, entry) = lasting.min_by(|(one, ..), (other, ..)| sooner(one, other))?;
    let key = entry.combination.map(|combination| combination.key.to_string());
    Some(Next {
        name: Named {
            name: entry.product.name.shown(),
            number: entry.product.id,
        },
        combination: entry.combination.map(|combination| &*combination.label),
        shop: (seen.instances.len() > 1).then_some(entry.instance),
        link: Some(addresses::product(
            entry.instance,
            entry.product.id,
            key.as_deref(),
        )),
        place: Group::of(&entry),
        left,
        lasts: lasts(&cover, is_soon(Some(cover), entry.thresholds().cover)),
    })
}
