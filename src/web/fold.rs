//! Texts to be searched in any case: each kept once, folded, all in one piece of memory.

use std::collections::HashMap;
use std::ops::Range;

/// Stands between two texts, and in none of them: nothing that is found reaches across.
const END: char = '\0';

/// The text as it compares without regard to case, in any script: `Straße`, `STRASSE` and `strasse` are one, and so are
/// a sigma within a word and at its end.
#[must_use]
pub fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    fold_into(&mut out, text);
    out
}

fn fold_into(out: &mut String, text: &str) {
    if text.is_ascii() {
        let at = out.len();
        out.extend(text.chars().filter(|c| *c != END));
        if let Some(added) = out.get_mut(at..) {
            added.make_ascii_lowercase();
        }
        return;
    }
    // By way of the capitals: some small letters have but one capital between them.
    let capitals = text.chars().filter(|c| *c != END);
    let capitals = capitals.flat_map(char::to_lowercase).flat_map(char::to_uppercase);
    out.extend(capitals.flat_map(char::to_lowercase));
}

/// The number of a text among [`Texts`].
pub type TextId = u32;

/// Folded texts, by their numbers.
#[derive(Debug, Default)]
pub struct Texts {
    all: String,
    /// Where each one ends.
    ends: Vec<u32>,
}

/// Texts while they are collected: the same one is kept once.
#[derive(Debug, Default)]
pub struct Collecting<'a> {
    texts: Texts,
    known: HashMap<&'a str, TextId>,
}

impl<'a> Collecting<'a> {
    /// The number of the text.
    pub fn add(&mut self, text: &'a str) -> TextId {
        if let Some(known) = self.known.get(text) {
            return *known;
        }
        let id = count(self.texts.ends.len());
        fold_into(&mut self.texts.all, text);
        self.texts.ends.push(count(self.texts.all.len()));
        self.texts.all.push(END);
        self.known.insert(text, id);
        id
    }

    /// All that was collected.
    #[must_use]
    pub fn done(self) -> Texts {
        let mut texts = self.texts;
        texts.all.shrink_to_fit();
        texts.ends.shrink_to_fit();
        texts
    }
}

/// Far beyond what fits into memory otherwise, texts would be taken for one another; nothing is lost by that.
fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

impl Texts {
    /// The folded text of that number.
    #[must_use]
    pub fn get(&self, id: TextId) -> &str {
        self.range(id as usize)
            .and_then(|range| self.all.get(range))
            .unwrap_or_default()
    }

    fn range(&self, place: usize) -> Option<Range<usize>> {
        let end = *self.ends.get(place)? as usize;
        let start = place
            .checked_sub(1)
            .map_or(0, |before| self.ends[before] as usize + 1);
        Some(start..end)
    }

    /// Which of the texts hold the folded word, by their numbers.
    #[must_use]
    pub fn holding(&self, word: &str) -> Vec<bool> {
        let mut holding = vec![word.is_empty(); self.ends.len()];
        if word.is_empty() {
            return holding;
        }
        let mut place = 0;
        for at in memchr::memmem::find_iter(self.all.as_bytes(), word.as_bytes()) {
            while self.ends.get(place).is_some_and(|end| (*end as usize) < at) {
                place += 1;
            }
            if let Some(found) = holding.get_mut(place) {
                *found = true;
            }
        }
        holding
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_of_any_script_compare_without_their_case() {
        for (one, other) in [
            ("STRASSE", "straße"),
            ("ẞ", "ß"),
            ("ΟΔΟΣ", "οδος"),
            ("οδοσ", "ΟΔΟΣ"),
            ("ÄÖÜ", "äöü"),
            ("ПРИВЕТ", "привет"),
            ("Ǆ", "ǆ"),
            ("a\0b", "AB"),
        ] {
            assert_eq!(folded(one), folded(other), "{one} {other}");
        }
        assert_ne!(folded("a"), folded("ä"));
    }

    #[test]
    fn each_text_is_found_by_any_of_its_parts_and_no_other_is() {
        let mut collecting = Collecting::default();
        let names = ["DS-64", "", "Größe XL", "ds-64 ", "🦀 crab", "DS-64"];
        let ids: Vec<TextId> = names.iter().map(|name| collecting.add(name)).collect();
        assert_eq!(ids[0], ids[5]);
        let texts = collecting.done();
        for word in ["ds", "64", "GRÖSSE", "🦀", "xl", "4d", "4g", "nothing", " "] {
            let word = folded(word);
            let holding = texts.holding(&word);
            for (name, id) in names.iter().zip(&ids) {
                assert_eq!(
                    holding[*id as usize],
                    folded(name).contains(&word),
                    "{word} in {name}"
                );
                assert_eq!(texts.get(*id), folded(name));
            }
        }
        assert!(texts.holding("").iter().all(|found| *found));
    }
}
