//! The settings: from the variables, else from the top of the file, else their defaults.

use crate::config::findings::Given;
use crate::config::findings::Place;
use crate::config::findings::Wrong;
use crate::config::keys::Key;
use crate::config::overlay::Found;
use crate::config::reader::Placed;
use crate::config::reader::Reader;
use crate::config::section::Section;
use crate::config::values;

impl Reader {
    /// A setting: from the variables, else from the top of the file, else its default.
    pub fn setting<T>(&mut self, key: &Key, parse: impl Fn(&str) -> Result<T, Wrong>) -> Given<Placed<T>> {
        let found = self.find(key).or_else(|| match key.default {
            Some(default) => Given::Is(Found {
                text: default.to_owned(),
                place: Place::Default,
                hidden: false,
            }),
            None => Given::Absent,
        });
        self.parsed(key.name, key.kind, found, &parse)
    }

    /// A comma list; each part is parsed.
    pub fn list_setting<T>(
        &mut self,
        key: &Key,
        parse: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Given<Placed<Vec<T>>> {
        self.setting(key, |text| {
            let parts = values::split_list(text);
            if parts.is_empty() {
                return Err(Wrong::new(
                    "lists nothing",
                    "Write one or more, with commas between them.",
                ));
            }
            parts.iter().map(|part| parse(part)).collect()
        })
    }

    fn find(&mut self, key: &Key) -> Given<Found> {
        let found = if key.kind.is_secret() {
            self.overlay.secret(key.name, &mut self.findings)
        } else {
            self.overlay.plain(key.name)
        };
        found.or_else(|| self.find_in_file(key))
    }

    fn find_in_file(&mut self, key: &Key) -> Given<Found> {
        let name = key.name.to_lowercase();
        let file = std::mem::take(&mut self.file);
        let mut top = Section::new(key.name, &file);
        let found = if key.kind.is_secret() {
            top.find_secret(self, &name, key.name)
        } else {
            top.find(self, &name, key.name)
        };
        self.file = file;
        found
    }
}
