//! What reading a configuration brings to light: what is wrong and where, what to be wary of, what holds.

use std::fmt;

use crate::scheduler::ScheduleError;

/// Where a value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    Default,
    Environment,
    /// A line of `.env`, from 1.
    DotEnv(usize),
    /// Read from the file that this variable names.
    SecretFile(String),
    /// A systemd credential of this name.
    Credential(String),
    /// A line of the configuration file, from 1.
    File {
        path: String,
        line: usize,
    },
    /// `--config`
    CommandLine,
    /// Nowhere: it is missing.
    Missing,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Environment => f.write_str("environment"),
            Self::DotEnv(line) => write!(f, ".env line {line}"),
            Self::SecretFile(variable) => f.write_str(variable),
            Self::Credential(name) => write!(f, "credential {name}"),
            Self::File { path, line } => write!(f, "{path} line {line}"),
            Self::CommandLine => f.write_str("--config"),
            Self::Missing => f.write_str("not set"),
        }
    }
}

/// What is wrong with one key, and how to mend it. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// `LOW_STOCK`, or `rule 2: low` for a key of the file.
    pub key: String,
    pub place: Place,
    /// The end of a sentence that begins with the key.
    pub problem: String,
    /// A sentence that says what to do.
    pub mend: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Missing => write!(f, "{} {}.", self.key, self.problem)?,
            place => write!(f, "{} ({place}) {}.", self.key, self.problem)?,
        }
        if self.mend.is_empty() {
            Ok(())
        } else {
            write!(f, " {}", self.mend)
        }
    }
}

/// Everything that is wrong with a configuration, at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors {
    /// At least one.
    pub problems: Vec<Problem>,
    pub warnings: Vec<Problem>,
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// A value as `config show` prints it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    pub key: String,
    /// Secrets are `***`, URLs without what could be one.
    pub value: String,
    /// `default`, `environment`, `.env line 3`, `config/monitor.toml line 12`, …
    pub origin: String,
}

/// What has come to light so far.
#[derive(Debug, Default)]
pub struct Findings {
    pub problems: Vec<Problem>,
    pub warnings: Vec<Problem>,
    pub shown: Vec<Shown>,
}

impl Findings {
    /// Notes something that is wrong.
    pub fn wrong(&mut self, key: impl Into<String>, place: Place, wrong: Wrong) {
        self.problems.push(wrong.at(key.into(), place));
    }

    /// Notes something to be wary of.
    pub fn warn(&mut self, key: impl Into<String>, place: Place, wrong: Wrong) {
        self.warnings.push(wrong.at(key.into(), place));
    }

    /// Notes what holds; the items of a list one after the other.
    pub fn show(&mut self, key: impl Into<String>, value: impl Into<String>, place: &Place) {
        let (key, value) = (key.into(), value.into());
        if let Some(last) = self.shown.last_mut()
            && last.key == key
        {
            last.value.push_str(", ");
            last.value.push_str(&value);
            return;
        }
        self.shown.push(Shown {
            key,
            value,
            origin: place.to_string(),
        });
    }
}

/// What is wrong with a value, and the mend; quotes nothing of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    pub problem: String,
    pub mend: String,
}

impl Wrong {
    /// `problem` ends a sentence that begins with the key; `mend` is a sentence.
    #[must_use]
    pub fn new(problem: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            problem: problem.into(),
            mend: mend.into(),
        }
    }

    fn at(self, key: String, place: Place) -> Problem {
        Problem {
            key,
            place,
            problem: self.problem,
            mend: self.mend,
        }
    }
}

impl From<ScheduleError> for Wrong {
    fn from(error: ScheduleError) -> Self {
        let mend = match error {
            ScheduleError::Unreadable | ScheduleError::BadCron(_) => {
                "Write a duration such as `every 5m`, or a cron expression such as `*/5 * * * *`."
            }
            ScheduleError::TooShort => "Write `every 30s` or longer.",
            ScheduleError::TooLong => "Write a shorter duration.",
            ScheduleError::NeverFires => "Check the day and the month.",
        };
        Self::new(error.to_string(), mend)
    }
}

/// A value that was looked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Given<T> {
    /// It is not there.
    Absent,
    /// It is there and cannot be used, which has been noted.
    Broken,
    Is(T),
}

impl<T> Given<T> {
    /// The value, where there is a good one.
    #[must_use]
    pub fn good(self) -> Option<T> {
        match self {
            Self::Is(value) => Some(value),
            Self::Absent | Self::Broken => None,
        }
    }

    /// Whether it is not there.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// The value in another form.
    #[must_use]
    pub fn map<U>(self, form: impl FnOnce(T) -> U) -> Given<U> {
        match self {
            Self::Absent => Given::Absent,
            Self::Broken => Given::Broken,
            Self::Is(value) => Given::Is(form(value)),
        }
    }

    /// What to take where it is not there.
    #[must_use]
    pub fn or_else(self, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::Absent => other(),
            Self::Broken | Self::Is(_) => self,
        }
    }
}
