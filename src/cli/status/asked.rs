//! What `status` was asked for: which shop, which severities, which words, and how much of it.

use jiff::tz::TimeZone;

use crate::cli::arguments::Limit;
use crate::cli::arguments::StatusArguments;
use crate::cli::status::glance::Glance;
use crate::domain::pool::Pool;
use crate::observe::items::of_product;
use crate::observe::lines::Line;
use crate::observe::lines::lines;
use crate::observe::view::Seen;
use crate::web::filters::Filters;
use crate::web::filters::Show;
use crate::web::overview::Group;
use crate::web::overview::is_soon;
use crate::web::pools;
use crate::web::search::Search;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Asked {
    /// For the search and the shop.
    pub filters: Filters,
    /// Any of these; all where there is none.
    pub shows: Vec<Show>,
    pub combinations: bool,
    pub limit: Limit,
    pub zone: TimeZone,
}

impl Asked {
    /// As the command line says it.
    ///
    /// # Errors
    /// Says which severity there is not.
    pub fn read(options: &StatusArguments, zone: &TimeZone) -> Result<Self, String> {
        let mut shows = Vec::new();
        for key in &options.severity {
            let key = key.trim().to_lowercase().replace('-', "_");
            shows.push(Show::parse(&key).ok_or_else(|| {
                format!(
                    "There is no severity {key:?}. There are: out, critical, low, unknown, soon, ok, not_controlled, \
                     silent."
                )
            })?);
        }
        Ok(Self {
            filters: Filters {
                q: options.search.clone().unwrap_or_default(),
                instance: options.instance.clone(),
                page: 1,
                ..Filters::default()
            },
            shows,
            combinations: options.combinations,
            limit: options.limit,
            zone: zone.clone(),
        })
    }

    /// Whether something is left out, but for a shop.
    #[must_use]
    pub fn is_narrow(&self) -> bool {
        !self.shows.is_empty() || !self.filters.q.trim().is_empty()
    }

    /// What is listed line by line: products and combinations with a figure of their own, or all combinations.
    #[must_use]
    pub fn lines<'a>(&self, seen: &'a Seen) -> Vec<Line<'a>> {
        let search = Search::of(&self.filters.q);
        let mut listed = Vec::new();
        for shop in &seen.instances {
            let products = shop.memory.products.iter().filter(|product| !product.gone);
            for product in products {
                let all: Vec<Line<'_>> = if self.combinations {
                    lines(&shop.name, &shop.memory, product)
                } else {
                    let series = of_product(&shop.name, &shop.memory, product);
                    series.map(|entry| Line { entry, derived: None }).collect()
                };
                let there = all.into_iter().filter(|line| !line.entry.is_gone());
                listed.extend(there.filter(|line| self.takes(line, &search)));
            }
        }
        listed
    }

    fn takes(&self, line: &Line<'_>, search: &Search) -> bool {
        let entry = &line.entry;
        let cover = entry
            .cover()
            .filter(|_| entry.level().is_some_and(|level| level > 0));
        let soon = !entry.is_silent() && is_soon(cover, entry.thresholds().cover);
        self.is_shown(Group::of(entry), soon) && search.takes(line)
    }

    /// Whether the pool is listed.
    #[must_use]
    pub fn takes_pool(&self, pool: &Pool) -> bool {
        let shop = self.filters.instance.as_deref();
        shop.is_none_or(|name| pool.shops.iter().any(|shop| **shop == *name))
            && self.is_shown(pools::group(pool), pools::is_soon(pool))
            && Search::of(&self.filters.q).takes_name(&pool.name)
    }

    fn is_shown(&self, group: Group, soon: bool) -> bool {
        self.shows.is_empty() || self.shows.iter().any(|show| show.is(group, soon))
    }

    /// What is left out, in words: `"DS", out or low`; "" where nothing is.
    #[must_use]
    pub fn in_words(&self, glance: &Glance) -> String {
        let q = self.filters.q.trim();
        let search = (!q.is_empty()).then(|| format!("{q:?}"));
        let shows: Vec<String> = self
            .shows
            .iter()
            .map(|show| show.title().to_lowercase())
            .collect();
        let shows = (!shows.is_empty()).then(|| shows.join(" or "));
        let shop = self.filters.instance.clone().filter(|_| glance.several);
        let shop = shop.map(|name| format!("shop {name}"));
        let all: Vec<String> = [search, shows, shop].into_iter().flatten().collect();
        all.join(", ")
    }
}
