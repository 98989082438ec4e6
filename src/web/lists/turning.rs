//! Addresses of lists: the filters that hold, and the pages before and after.

use crate::web::params::Params;

/// Rows on one page.
pub const ROWS: usize = 50;

/// A page's address with its filters.
#[derive(Debug, Clone)]
pub struct Address {
    path: String,
    pairs: Vec<(&'static str, String)>,
}

impl Address {
    /// The page with those of the parameters that are among `kept`.
    #[must_use]
    pub fn new(path: impl Into<String>, params: &Params, kept: &[&'static str]) -> Self {
        let given = |name: &&'static str| Some((*name, params.get(name)?.to_owned()));
        Self {
            path: path.into(),
            pairs: kept.iter().filter_map(given).collect(),
        }
    }

    /// The same with that parameter, or without it where it is `None`.
    #[must_use]
    pub fn with(&self, name: &'static str, value: Option<&str>) -> Self {
        let mut changed = self.clone();
        changed.pairs.retain(|(known, _)| *known != name);
        changed.pairs.extend(value.map(|value| (name, value.to_owned())));
        changed
    }

    /// The same with those parameters alone.
    #[must_use]
    pub fn only(&self, kept: &[&str]) -> Self {
        let mut changed = self.clone();
        changed.pairs.retain(|(name, _)| kept.contains(name));
        changed
    }

    /// The same for another path: that of the list of a program, say.
    #[must_use]
    pub fn at(&self, path: &str) -> Self {
        Self {
            path: path.to_owned(),
            ..self.clone()
        }
    }

    /// As a link has it.
    #[must_use]
    pub fn link(&self) -> String {
        match serde_urlencoded::to_string(&self.pairs) {
            Ok(query) if !query.is_empty() => format!("{}?{query}", self.path),
            Ok(_) | Err(_) => self.path.clone(),
        }
    }
}

/// Where the pages before and after are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Turn {
    /// `Page 2 of 7`; "" where that is not counted.
    pub place: String,
    pub previous: Option<String>,
    pub next: Option<String>,
}

impl Turn {
    /// Of a list that is counted; with the part of it that is on the page asked for, or on the last.
    #[must_use]
    pub fn counted(
        address: &Address,
        name: &'static str,
        page: usize,
        total: usize,
    ) -> (Self, std::ops::Range<usize>) {
        let pages = total.div_ceil(ROWS).max(1);
        let page = page.clamp(1, pages);
        let to = |page: usize| {
            let page = (page > 1).then(|| page.to_string());
            address.with(name, page.as_deref()).link()
        };
        let turn = Self {
            place: format!("Page {page} of {pages}"),
            previous: (page > 1).then(|| to(page - 1)),
            next: (page < pages).then(|| to(page + 1)),
        };
        (turn, (page - 1) * ROWS..(page * ROWS).min(total))
    }

    /// Of a list that is read from the newest on: back to the newest, and on below the last one shown. Takes off the row
    /// that was read beyond the page.
    #[must_use]
    pub fn newest_first<T>(
        address: &Address,
        name: &'static str,
        most: usize,
        rows: &mut Vec<T>,
        id: impl Fn(&T) -> i64,
    ) -> Self {
        let more = rows.len() > most;
        rows.truncate(most);
        let last = rows.last().filter(|_| more).map(|row| id(row).to_string());
        let is_below = address.pairs.iter().any(|(known, _)| *known == name);
        Self {
            place: String::new(),
            previous: is_below.then(|| address.with(name, None).link()),
            next: last.map(|last| address.with(name, Some(&last)).link()),
        }
    }

    /// Whether there is more than this page.
    #[must_use]
    pub fn is_needed(&self) -> bool {
        self.previous.is_some() || self.next.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address() -> Address {
        Address {
            path: "/alerts".to_owned(),
            pairs: vec![("q", "a&b é".to_owned())],
        }
    }

    #[test]
    fn filters_stay_when_pages_are_turned() {
        let (turn, rows) = Turn::counted(&address(), "page", 2, 101);
        assert_eq!(rows, 50..100);
        assert_eq!(turn.place, "Page 2 of 3");
        assert_eq!(turn.previous.unwrap(), "/alerts?q=a%26b+%C3%A9");
        assert_eq!(turn.next.unwrap(), "/alerts?q=a%26b+%C3%A9&page=3");
        let (last, rows) = Turn::counted(&address(), "page", 99, 101);
        assert_eq!((rows, last.next), (100..101, None));
        let (none, rows) = Turn::counted(&address(), "page", 1, 0);
        assert_eq!((rows, none.is_needed()), (0..0, false));
    }

    #[test]
    fn a_list_that_is_read_from_the_newest_on_goes_on_below_its_last_row() {
        let mut rows: Vec<i64> = (0..51).map(|row| 200 - row).collect();
        let turn = Turn::newest_first(&address(), "before", ROWS, &mut rows, |row| *row);
        assert_eq!(rows.len(), ROWS);
        assert_eq!(turn.next.unwrap(), "/alerts?q=a%26b+%C3%A9&before=151");
        assert_eq!(turn.previous, None);
        let below = address().with("before", Some("151"));
        let turn = Turn::newest_first(&below, "before", ROWS, &mut vec![7], |row| *row);
        assert_eq!(turn.previous.unwrap(), "/alerts?q=a%26b+%C3%A9");
        assert_eq!(turn.next, None);
    }
}
