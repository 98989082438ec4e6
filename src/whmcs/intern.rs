//! Keeps one copy of each name and option list, since a catalogue repeats them in every product.

use std::collections::HashMap;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use crate::domain::catalogue::ConfigOption;
use crate::domain::catalogue::Details;
use crate::domain::catalogue::Listing;
use crate::domain::catalogue::Name;

/// Below this many entries nothing is swept out.
const SMALL: usize = 1024;

/// Names by their raw text, option lists by the bytes they were read from.
#[derive(Debug, Default)]
pub struct Interner {
    names: HashMap<u64, Name>,
    options: HashMap<u64, Arc<[ConfigOption]>>,
    /// How many names were in use at the last sweep.
    swept: usize,
}

impl Interner {
    /// The shared name of that raw text.
    pub fn name(&mut self, raw: &str) -> Name {
        let key = xxh3_64(raw.as_bytes());
        match self.names.get(&key) {
            Some(name) if name.raw() == raw => name.clone(),
            Some(_) => Name::new(raw),
            None => {
                let name = Name::new(raw);
                self.names.insert(key, name.clone());
                name
            }
        }
    }

    /// The option list that was read from these very bytes.
    #[must_use]
    pub fn options(&self, source: u64) -> Option<Arc<[ConfigOption]>> {
        self.options.get(&source).cloned()
    }

    /// Remembers the option list of these bytes.
    pub fn keep_options(&mut self, source: u64, options: &Arc<[ConfigOption]>) {
        self.options.insert(source, Arc::clone(options));
    }

    /// Forgets what the present catalogue no longer uses, once there is enough of it to be worth the walk.
    pub fn sweep<'a>(
        &mut self,
        listings: impl Iterator<Item = &'a Listing>,
        details: impl Iterator<Item = &'a Details>,
    ) {
        if self.options.len() > SMALL {
            self.options.retain(|_, options| Arc::strong_count(options) > 1);
        }
        if self.names.len() <= 2 * self.swept.max(SMALL) {
            return;
        }
        let mut names = HashMap::new();
        let mut keep = |name: &Name| {
            names
                .entry(xxh3_64(name.raw().as_bytes()))
                .or_insert_with(|| name.clone());
        };
        for listing in listings {
            keep(&listing.name);
            option_names(&listing.options, &mut keep);
        }
        for details in details {
            details.name.iter().chain(&details.group).for_each(&mut keep);
            option_names(&details.options, &mut keep);
        }
        self.swept = names.len();
        self.names = names;
    }
}

fn option_names(options: &[ConfigOption], keep: &mut impl FnMut(&Name)) {
    for option in options {
        keep(&option.name);
        option.choices.iter().for_each(|choice| keep(&choice.name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::catalogue::Figure;

    #[test]
    fn names_that_no_product_bears_any_more_are_forgotten() {
        let mut interner = Interner::default();
        let listing = Listing {
            id: 1,
            group_id: None,
            name: interner.name("stays"),
            quantity: Figure::Absent,
            options: Arc::from([]),
            source_hash: 0,
        };
        for i in 0..5000 {
            interner.name(&format!("passing {i}"));
            interner.keep_options(i, &Arc::from([]));
        }
        interner.sweep([&listing].into_iter(), std::iter::empty());
        assert_eq!((interner.names.len(), interner.options.len()), (1, 0));
        assert_eq!(interner.name("stays"), listing.name);
    }
}
