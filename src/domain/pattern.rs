//! How the configuration names things: by number, or by a name with wildcards.

use crate::domain::catalogue::Name;

/// A pattern for an id or a name. Names match without regard to case, in the decoded or the raw form; `*` stands
/// for any text, `?` for one character.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Pattern {
    Id(i64),
    /// Lower-cased.
    Glob(String),
}

impl Pattern {
    /// A pattern of a text; a text of digits alone is still a name (write a number for an id).
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::Glob(text.to_lowercase())
    }

    /// Whether it names the thing of that id or name.
    #[must_use]
    pub fn matches(&self, id: Option<i64>, name: Option<&Name>) -> bool {
        match self {
            Self::Id(wanted) => id == Some(*wanted),
            Self::Glob(glob) => {
                name.is_some_and(|name| self.matches_text(name.shown()) || self.matches_text(name.raw()))
                    || id.is_some_and(|id| *glob == id.to_string())
            }
        }
    }

    /// Whether it matches a plain text (an instance's name).
    #[must_use]
    pub fn matches_text(&self, text: &str) -> bool {
        match self {
            Self::Id(_) => false,
            Self::Glob(glob) => glob_matches(glob, &text.to_lowercase()),
        }
    }

    /// How exact it is: an id before a whole name before a wildcard.
    #[must_use]
    pub fn exactness(&self) -> u8 {
        match self {
            Self::Id(_) => 2,
            Self::Glob(glob) if !glob.contains(['*', '?']) => 1,
            Self::Glob(_) => 0,
        }
    }
}

/// Linear in time and without recursion, whatever the pattern.
fn glob_matches(glob: &str, text: &str) -> bool {
    let glob: Vec<char> = glob.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut g, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if g < glob.len() && glob[g] == '*' {
            star = Some((g, t));
            g += 1;
        } else if g < glob.len() && (glob[g] == '?' || glob[g] == text[t]) {
            g += 1;
            t += 1;
        } else if let Some((star_g, star_t)) = star {
            g = star_g + 1;
            t = star_t + 1;
            star = Some((star_g, star_t + 1));
        } else {
            return false;
        }
    }
    glob[g..].iter().all(|c| *c == '*')
}
