//! A search by words in what is read from the present moment; pages ask their index the same.

use crate::domain::nameless;
use crate::observe::lines::Line;
use crate::web::filters::words;
use crate::web::fold::folded;

/// What is looked for: all of its words.
#[derive(Debug, Clone)]
pub struct Search(Vec<Word>);

#[derive(Debug, Clone)]
struct Word {
    text: String,
    id: Option<i64>,
}

impl Search {
    /// For the words of that text; everything where it has none.
    #[must_use]
    pub fn of(q: &str) -> Self {
        let word = |text: String| Word {
            id: nameless::number(&text),
            text,
        };
        Self(words(q).map(word).collect())
    }

    /// Whether each word stands in a name of it (product, group, combination), or is the product's id.
    #[must_use]
    pub fn takes(&self, line: &Line<'_>) -> bool {
        if self.0.is_empty() {
            return true;
        }
        let product = line.entry.product;
        let group = product.group.as_ref().map(|group| group.shown());
        let names = [
            Some(nameless::searched(product.name.shown())),
            group,
            line.label(),
        ];
        let names: Vec<String> = names.into_iter().flatten().map(folded).collect();
        let is_named = |word: &Word| names.iter().any(|name| name.contains(&word.text));
        self.0
            .iter()
            .all(|word| word.id == Some(product.id) || is_named(word))
    }

    /// Whether each word stands in that name, which has no id.
    #[must_use]
    pub fn takes_name(&self, name: &str) -> bool {
        let name = folded(name);
        self.0.iter().all(|word| name.contains(&word.text))
    }
}
