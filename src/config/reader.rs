//! What keys are read with: it parses what was found and notes everything on the way.

use crate::config::file::Table;
use crate::config::findings::Findings;
use crate::config::findings::Given;
use crate::config::findings::Place;
use crate::config::findings::Wrong;
use crate::config::keys::Kind;
use crate::config::overlay::Found;
use crate::config::overlay::Overlay;
use crate::config::urls;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Placed<T> {
    pub value: T,
    pub place: Place,
}

/// The variables, the file, and what has come to light.
pub struct Reader {
    pub overlay: Overlay,
    /// The file's path as messages name it.
    pub path: String,
    /// The settings at the top of the file.
    pub file: Table,
    pub findings: Findings,
}

impl Reader {
    /// Parses what was found, notes what is wrong with it, and what to show of it.
    pub fn parsed<T>(
        &mut self,
        key: &str,
        kind: Kind,
        found: Given<Found>,
        parse: &dyn Fn(&str) -> Result<T, Wrong>,
    ) -> Given<Placed<T>> {
        let found = match found {
            Given::Is(found) => found,
            Given::Absent => return Given::Absent,
            Given::Broken => return Given::Broken,
        };
        match parse(&found.text) {
            Ok(value) => {
                self.findings.show(key, shown(kind, &found), &found.place);
                Given::Is(Placed {
                    value,
                    place: found.place,
                })
            }
            Err(mut wrong) => {
                let short = found.text.chars().count() <= 60 && !found.text.chars().any(char::is_control);
                if kind == Kind::Plain && !found.hidden && short {
                    wrong.problem = format!("{} (it says {:?})", wrong.problem, found.text);
                }
                self.findings.wrong(key, found.place, wrong);
                Given::Broken
            }
        }
    }

    /// A place in the file.
    #[must_use]
    pub fn line(&self, line: usize) -> Place {
        Place::File {
            path: self.path.clone(),
            line,
        }
    }

    /// Notes what is wrong at a line of the file.
    pub fn wrong(&mut self, key: String, line: usize, problem: &str, mend: &str) {
        let place = self.line(line);
        self.findings.wrong(key, place, Wrong::new(problem, mend));
    }
}

fn shown(kind: Kind, found: &Found) -> String {
    match kind {
        Kind::Secret => "***".to_owned(),
        Kind::SecretUrl => urls::redacted(&found.text),
        Kind::Plain | Kind::Url if found.hidden => "***".to_owned(),
        Kind::Plain | Kind::Url => found.text.trim().to_owned(),
    }
}
