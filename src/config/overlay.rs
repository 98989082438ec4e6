//! Where a variable's value comes from: systemd credential, `NAME_FILE`, environment, `.env`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;

use crate::config::dotenv;
use crate::config::findings::Findings;
use crate::config::findings::Given;
use crate::config::findings::Place;
use crate::config::findings::Wrong;
use crate::config::keys;

/// What a configuration is read from.
#[derive(Clone)]
pub struct Sources {
    pub env: Vec<(String, String)>,
    /// The working directory: relative paths begin here, and `.env` is here.
    pub dir: PathBuf,
    /// `--config`
    pub config_file: Option<PathBuf>,
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources")
            .field("dir", &self.dir)
            .finish_non_exhaustive()
    }
}

impl Sources {
    /// Those of this process.
    ///
    /// # Errors
    /// The working directory is gone.
    pub fn of_process(config_file: Option<PathBuf>) -> io::Result<Self> {
        let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        Ok(Self {
            env: std::env::vars_os()
                .map(|(name, value)| (text(name), text(value)))
                .collect(),
            dir: std::env::current_dir()?,
            config_file,
        })
    }
}

/// A value as it was found.
#[derive(Clone)]
pub struct Found {
    pub text: String,
    pub place: Place,
    /// Nothing of it may be quoted.
    pub hidden: bool,
}

/// The variables, the more important places over the less important ones.
pub struct Overlay {
    env: HashMap<String, String>,
    dotenv: BTreeMap<String, (usize, String)>,
    credentials: Option<PathBuf>,
    dir: PathBuf,
    /// Names that the file refers to.
    used: RefCell<BTreeSet<String>>,
}

impl Overlay {
    /// Reads `.env`, and notes what is wrong with it.
    #[must_use]
    pub fn read(sources: &Sources, findings: &mut Findings) -> Self {
        let mut overlay = Self {
            env: HashMap::new(),
            dotenv: BTreeMap::new(),
            credentials: None,
            dir: sources.dir.clone(),
            used: RefCell::default(),
        };
        for (name, value) in &sources.env {
            let stripped = strip_quotes(value);
            if stripped.len() < value.len() && keys::is_known(name) {
                let mend = "Leave the quotes out where the variable is set (docker's --env-file keeps them).";
                let problem = "is quoted in the environment; the quotes were taken off";
                findings.warn(name, Place::Environment, Wrong::new(problem, mend));
            }
            overlay.env.insert(name.clone(), stripped.to_owned());
        }
        overlay.credentials = overlay
            .env
            .get("CREDENTIALS_DIRECTORY")
            .map(|dir| sources.dir.join(dir));
        overlay.read_dotenv(&sources.dir.join(".env"), findings);
        overlay
    }

    fn read_dotenv(&mut self, path: &Path, findings: &mut Findings) {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => {
                let wrong = Wrong::new(
                    format!("cannot be read: {}", error.kind()),
                    "Check its permissions.",
                );
                findings.wrong(".env", Place::Missing, wrong);
                return;
            }
        };
        if fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0) {
            let wrong = Wrong::new("can be read by others on this machine", "Run: chmod 600 .env");
            findings.warn(".env", Place::Missing, wrong);
        }
        let (settings, wrong) = dotenv::read(&bytes);
        for (line, wrong) in wrong {
            findings.wrong("a line", Place::DotEnv(line), wrong);
        }
        for setting in settings {
            let place = Place::DotEnv(setting.line);
            if let Some((first, _)) = self
                .dotenv
                .insert(setting.key.clone(), (setting.line, setting.value))
            {
                let problem = format!("is set on line {first} already; the last one counts");
                findings.warn(
                    setting.key,
                    place,
                    Wrong::new(problem, "Remove one of the lines."),
                );
            }
        }
    }

    /// A variable of the environment or, where it is not there, of `.env`. An empty one counts as absent, and hides
    /// what stands in `.env`.
    #[must_use]
    pub fn plain(&self, name: &str) -> Given<Found> {
        let found = match (self.env.get(name), self.dotenv.get(name)) {
            (Some(value), _) => (value, Place::Environment),
            (None, Some((line, value))) => (value, Place::DotEnv(*line)),
            (None, None) => return Given::Absent,
        };
        if found.0.trim().is_empty() {
            return Given::Absent;
        }
        Given::Is(Found {
            text: found.0.clone(),
            place: found.1,
            hidden: false,
        })
    }

    /// A variable that may also be a systemd credential or stand in the file that `NAME_FILE` names.
    pub fn secret(&self, name: &str, findings: &mut Findings) -> Given<Found> {
        let variable = format!("{name}_FILE");
        let given: Vec<Given<Found>> = vec![
            self.credential(name, findings),
            match self.plain(&variable) {
                Given::Is(path) => self.file(name, &path.text, Place::SecretFile(variable), findings),
                Given::Absent | Given::Broken => Given::Absent,
            },
            self.plain(name),
        ];
        let mut given = given.into_iter().filter(|given| !given.is_absent());
        let first = given.next().unwrap_or(Given::Absent);
        let Some(second) = given.next() else {
            return first.map(|found| Found {
                hidden: true,
                ..found
            });
        };
        if let (Given::Is(first), Given::Is(second)) = (first, second) {
            let problem = format!("is given twice: {} and {}", first.place, second.place);
            findings.wrong(name, first.place, Wrong::new(problem, "Keep one of them."));
        }
        Given::Broken
    }

    fn credential(&self, name: &str, findings: &mut Findings) -> Given<Found> {
        let Some(dir) = &self.credentials else {
            return Given::Absent;
        };
        let lower = name.to_lowercase();
        // systemd puts its own name for a folder of credentials before each of them.
        let named = [lower.clone(), name.to_owned(), format!("credentials_{lower}")]
            .into_iter()
            .find(|name| dir.join(name).exists());
        match named {
            Some(file) => {
                let path = dir.join(&file);
                self.file(name, &path.to_string_lossy(), Place::Credential(file), findings)
            }
            None => Given::Absent,
        }
    }

    /// The text of a file that holds one secret, without the line break at its end.
    pub fn file(&self, key: &str, path: &str, place: Place, findings: &mut Findings) -> Given<Found> {
        let wrong = match fs::read(self.dir.join(path.trim())).map(String::from_utf8) {
            Ok(Ok(text)) => {
                let text = text.strip_suffix('\n').unwrap_or(&text);
                let text = text.strip_suffix('\r').unwrap_or(text).to_owned();
                if !text.is_empty() {
                    return Given::Is(Found {
                        text,
                        place,
                        hidden: true,
                    });
                }
                Wrong::new("comes from an empty file", "Write the secret into the file.")
            }
            Ok(Err(_)) => Wrong::new(
                "comes from a file that is not UTF-8 text",
                "Write the secret as text.",
            ),
            Err(error) => Wrong::new(
                format!("comes from a file that cannot be read: {}", error.kind()),
                "Check its path and permissions.",
            ),
        };
        findings.wrong(key, place, wrong);
        Given::Broken
    }

    /// Replaces `${NAME}` by that variable; `$${` stands for `${` itself.
    ///
    /// # Errors
    /// Says which name is not set, or that a brace is not closed.
    pub fn expanded(&self, text: &str, findings: &mut Findings) -> Result<Option<String>, Wrong> {
        let (mut out, mut rest, mut changed) = (String::new(), text, false);
        while let Some(at) = rest.find("${") {
            changed = true;
            if rest[..at].ends_with('$') {
                out.push_str(&rest[..at]);
                out.push('{');
                rest = &rest[at + 2..];
                continue;
            }
            out.push_str(&rest[..at]);
            let Some((name, tail)) = rest[at + 2..].split_once('}') else {
                return Err(Wrong::new(
                    "opens `${` and does not close it",
                    "Write ${NAME}, or $${ for the signs.",
                ));
            };
            let good = !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if !good {
                return Err(Wrong::new(
                    "names no variable between `${` and `}`",
                    "Write ${NAME}.",
                ));
            }
            self.used.borrow_mut().insert(name.to_owned());
            match self.secret(name, findings) {
                Given::Is(found) => out.push_str(&found.text),
                Given::Absent | Given::Broken => {
                    let mend = format!("Set {name} in the environment, in .env, or as {name}_FILE.");
                    return Err(Wrong::new(format!("needs ${{{name}}}, which is not set"), mend));
                }
            }
            rest = tail;
        }
        out.push_str(rest);
        Ok(changed.then_some(out))
    }

    /// Whether the file refers to a variable as `${NAME}`.
    #[must_use]
    pub fn was_used(&self, variable: &str) -> bool {
        let used = self.used.borrow();
        let base = variable.strip_suffix("_FILE").unwrap_or(variable);
        used.contains(variable) || used.contains(base)
    }

    /// Every variable's name, with its place.
    pub fn names(&self) -> impl Iterator<Item = (&str, Place)> {
        let mut env: Vec<&str> = self.env.keys().map(String::as_str).collect();
        env.sort_unstable();
        let dotenv = self
            .dotenv
            .iter()
            .filter(|(name, _)| !self.env.contains_key(*name));
        let env = env.into_iter().map(|name| (name, Place::Environment));
        env.chain(dotenv.map(|(name, (line, _))| (name.as_str(), Place::DotEnv(*line))))
    }

    /// A path as the working directory sees it.
    #[must_use]
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.dir.join(path)
    }
}

/// A value without the one pair of quotes around it.
fn strip_quotes(value: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some(inside) = value
            .strip_prefix(quote)
            .and_then(|value| value.strip_suffix(quote))
            && !inside.contains(quote)
        {
            return inside;
        }
    }
    value
}
