//! Exit codes: what a command's end means to whoever started it.

use std::process::ExitCode;

/// How a command ended; the numbers are fixed (`docs/configuration.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Ok,
    /// `check`: something is low. Elsewhere: the asked-for thing is not well.
    Low,
    /// `check`: something is critical or out.
    Critical,
    /// WHMCS could not be read.
    Unreadable,
    /// The command line is wrong.
    Usage,
    /// The database is damaged or of a newer version.
    Database,
    /// The port is taken.
    Unavailable,
    /// A fault of ours.
    Internal,
    /// The database cannot be written (folder missing, no permission).
    CannotCreate,
    /// The database is in use.
    InUse,
    /// The configuration is wrong.
    Config,
}

impl Exit {
    /// The number.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Low => 1,
            Self::Critical => 2,
            Self::Unreadable => 3,
            Self::Usage => 64,
            Self::Database => 65,
            Self::Unavailable => 69,
            Self::Internal => 70,
            Self::CannotCreate => 73,
            Self::InUse => 75,
            Self::Config => 78,
        }
    }
}

impl Exit {
    /// Each of them, by number.
    pub const ALL: [Self; 11] = [
        Self::Ok,
        Self::Low,
        Self::Critical,
        Self::Unreadable,
        Self::Usage,
        Self::Database,
        Self::Unavailable,
        Self::Internal,
        Self::CannotCreate,
        Self::InUse,
        Self::Config,
    ];

    /// What it tells, for the manual.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "All went well; run was told to stop.",
            Self::Low => {
                "check: something is low. doctor: a warning. Elsewhere: what was asked for is not well."
            }
            Self::Critical => "check: something is critical or out. doctor: a failure.",
            Self::Unreadable => "WHMCS could not be read.",
            Self::Usage => "The command line is wrong.",
            Self::Database => "The database is damaged, or of a newer version.",
            Self::Unavailable => "The port is taken.",
            Self::Internal => "An internal fault.",
            Self::CannotCreate => "A file or the database cannot be written.",
            Self::InUse => "The database is in use by another process.",
            Self::Config => "The configuration is wrong.",
        }
    }

    /// The exit of that number; an internal fault for one that is not of ours.
    #[must_use]
    pub fn from_number(code: u8) -> Self {
        Self::ALL
            .into_iter()
            .find(|exit| exit.code() == code)
            .unwrap_or(Self::Internal)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
