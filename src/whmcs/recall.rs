//! Knows an element of the last look again by its bytes, so that it is not read twice.

use std::sync::Arc;

use crate::domain::catalogue::ProductId;
use crate::whmcs::wire::Element;

/// The elements of the last look in the order they came. An answer that keeps that order, as they all but always
/// do, finds each at the cursor; one product more or less costs one search.
#[derive(Debug)]
pub struct Recall<T> {
    known: Arc<Vec<Arc<T>>>,
    cursor: usize,
    /// Where each product stands in `known`; made when first needed.
    places: Option<Vec<(ProductId, usize)>>,
}

impl<T: Element> Recall<T> {
    /// Over what the last look saw.
    #[must_use]
    pub fn new(known: Arc<Vec<Arc<T>>>) -> Self {
        Self {
            known,
            cursor: 0,
            places: None,
        }
    }

    /// The element of these bytes, if it is the one that is due.
    pub fn due(&mut self, source_hash: u64) -> Option<Arc<T>> {
        let due = self
            .known
            .get(self.cursor)
            .filter(|due| due.source_hash() == source_hash)?;
        self.cursor += 1;
        Some(Arc::clone(due))
    }

    /// The element that was last seen in place of a freshly read one, if its bytes were the same; what follows
    /// it is due next.
    pub fn unchanged(&mut self, read: T) -> Arc<T> {
        let place = match self.known.get(self.cursor) {
            Some(due) if due.id() == read.id() => Some(self.cursor),
            Some(_) | None => self.place(read.id()),
        };
        let Some(place) = place else { return Arc::new(read) };
        self.cursor = place + 1;
        match self.known.get(place) {
            Some(known) if known.source_hash() == read.source_hash() => Arc::clone(known),
            Some(_) | None => Arc::new(read),
        }
    }

    fn place(&mut self, id: ProductId) -> Option<usize> {
        let known = &self.known;
        let places = self.places.get_or_insert_with(|| {
            let mut places: Vec<_> = known
                .iter()
                .enumerate()
                .map(|(i, element)| (element.id(), i))
                .collect();
            places.sort_unstable();
            places
        });
        let found = places.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        Some(places[found].1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::catalogue::Listing;
    use crate::whmcs::intern::Interner;
    use crate::whmcs::wire::source_hash;

    fn element(id: i64) -> Vec<u8> {
        format!(r#"{{"pid":{id},"name":"p{id}"}}"#).into_bytes()
    }

    fn read(bytes: &[u8]) -> Listing {
        Listing::read(bytes, &mut Interner::default()).unwrap()
    }

    #[test]
    fn a_removed_an_added_and_a_moved_product_cost_one_reading_each() {
        let known: Arc<Vec<_>> = Arc::new((0..10).map(|id| Arc::new(read(&element(id)))).collect());
        let answers: [(&[i64], usize); 5] = [
            (&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 0),
            (&[0, 1, 3, 4, 5, 6, 7, 8, 9], 1),
            (&[0, 1, 2, 77, 3, 4, 5, 6, 7, 8, 9], 1),
            (&[9, 0, 1, 2, 3, 4, 5, 6, 7, 8], 2),
            (&[], 0),
        ];
        for (answer, readings) in answers {
            let mut recall = Recall::new(Arc::clone(&known));
            let mut readings_made = 0;
            for id in answer {
                let bytes = element(*id);
                let seen = recall.due(source_hash(&bytes)).unwrap_or_else(|| {
                    readings_made += 1;
                    recall.unchanged(read(&bytes))
                });
                assert_eq!(seen.id, *id);
                if let Some(before) = known.iter().find(|known| known.id == *id) {
                    assert!(Arc::ptr_eq(&seen, before), "{id} of {answer:?} was made anew");
                }
            }
            assert_eq!(readings_made, readings, "{answer:?}");
        }
    }
}
