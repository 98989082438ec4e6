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

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
