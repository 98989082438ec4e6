//! The command line as clap reads it.

use std::path::PathBuf;

use clap::ArgGroup;
use clap::Args;
use clap::Parser;
use clap::Subcommand;
use clap_complete::Shell;

/// Watches the stock of WHMCS products and tells people before it runs out.
#[derive(Debug, Parser)]
#[command(
    name = "whmcs-stock-monitor",
    version,
    max_term_width = 100,
    arg_required_else_help = true
)]
pub struct Arguments {
    /// The rules file; the same as CONFIG_FILE
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the daemon
    Run,
    /// Poll once now and print how each product was understood
    Check(CheckArguments),
    /// Print the latest levels from the database
    Status(StatusArguments),
    /// Print a product's levels over time
    History(HistoryArguments),
    /// Replay the history through the rules and list the messages they would have sent
    Rehearse(RehearseArguments),
    /// Take an alert on: its reminders stop until it recovers, what was ordered has come, or the time for it has passed
    Ack(AckArguments),
    /// Tell nobody of something for a while
    Silence {
        #[command(subcommand)]
        what: SilenceCommand,
    },
    /// Validate or print the configuration
    Config {
        #[command(subcommand)]
        what: ConfigCommand,
    },
    /// List deliveries, or send one again
    Deliveries {
        #[command(subcommand)]
        what: Option<DeliveriesCommand>,
    },
    /// List the shops, or give one another name
    Instance {
        #[command(subcommand)]
        what: InstanceCommand,
    },
    /// Try the channels
    Notify {
        #[command(subcommand)]
        what: NotifyCommand,
    },
    /// Write a report without sending it, or send one now
    Report {
        #[command(subcommand)]
        what: ReportCommand,
    },
    /// Call any action of a shop's API once and print its answer (for troubleshooting)
    Call(CallArguments),
    /// Try everything the monitor depends on and explain what is wrong
    Doctor(DoctorArguments),
    /// A simulated WHMCS, the real daemon on a temporary database
    Demo(DemoArguments),
    /// Copy the database, beside a running daemon too; the copy is proved sound before it gets its name
    Backup(BackupArguments),
    /// Put a backup in the database's place, while no daemon runs; the database that was there is kept
    Restore(RestoreArguments),
    /// What the database holds, and looking after it
    Db {
        #[command(subcommand)]
        what: DbCommand,
    },
    /// Ask a running daemon's /healthz (for containers)
    Healthcheck,
    /// The files that go onto the WHMCS host
    Companion {
        #[command(subcommand)]
        what: CompanionCommand,
    },
    /// Print a shell's completions of this command line
    Completions {
        /// For which shell
        shell: Shell,
    },
    /// Print the manual page, or write all of them
    Man(ManArguments),
}

/// Options of `man`.
#[derive(Debug, Args)]
pub struct ManArguments {
    /// Write every page into this folder, which is made where it is missing: this one, one for each command, and one
    /// for each file of settings
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// Options of `backup`.
#[derive(Debug, Args)]
pub struct BackupArguments {
    /// The new file (mode 0600)
    pub file: PathBuf,
    /// Replace that file where it is there already
    #[arg(long)]
    pub force: bool,
}

/// Options of `restore`.
#[derive(Debug, Args)]
pub struct RestoreArguments {
    /// A file that `backup` made
    pub file: PathBuf,
}

/// What to do with the database.
#[derive(Debug, Subcommand)]
pub enum DbCommand {
    /// Size, free room, rows, from when on levels can be read back, and when old ones were last taken away
    Stats {
        /// For machines
        #[arg(long)]
        json: bool,
    },
    /// Look through all of it for damage, beside a running daemon too
    Check,
    /// Write the file anew without the room it does not need, while no daemon runs
    Vacuum,
}

/// Options of `check`.
#[derive(Debug, Args)]
pub struct CheckArguments {
    /// Only this shop
    #[arg(long, value_name = "NAME")]
    pub instance: Option<String>,
    /// For machines
    #[arg(long)]
    pub json: bool,
    /// Record and send nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Show combinations without a figure of their own too
    #[arg(long)]
    pub combinations: bool,
}

/// Options of `status`.
#[derive(Debug, Args)]
pub struct StatusArguments {
    /// Only this shop
    #[arg(long, value_name = "NAME")]
    pub instance: Option<String>,
    /// Only these, with commas between: out, critical, low, unknown, soon, ok, not_controlled, silent
    #[arg(long, value_name = "SEVERITY", value_delimiter = ',')]
    pub severity: Vec<String>,
    /// Only what all these words stand in (name, group or combination), or the product of that id
    #[arg(short = 'q', long, value_name = "WORDS")]
    pub search: Option<String>,
    /// Show combinations without a figure of their own too, where they are known
    #[arg(long)]
    pub combinations: bool,
    /// So many rows, or "all"; else, on a terminal, all that asks for attention and a little more
    #[arg(long, value_name = "N", default_value = "", hide_default_value = true, value_parser = Limit::parse)]
    pub limit: Limit,
    /// Stay and show each change, looking that often; q or Ctrl-C ends it
    #[arg(long, value_name = "INTERVAL", num_args = 0..=1, default_missing_value = "2s")]
    pub watch: Option<String>,
    /// For machines
    #[arg(long)]
    pub json: bool,
}

/// How many rows are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// What asks for attention, and of the rest as much as a person reads; all where no person looks.
    Sensible,
    Rows(usize),
    All,
}

impl Limit {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "" => Ok(Self::Sensible),
            "all" => Ok(Self::All),
            number => match number.parse() {
                Ok(rows) if rows > 0 => Ok(Self::Rows(rows)),
                Ok(_) | Err(_) => Err("a whole number from 1, or \"all\"".to_owned()),
            },
        }
    }
}

/// Options of `history`.
#[derive(Debug, Args)]
pub struct HistoryArguments {
    /// The product's id or name
    #[arg(required_unless_present = "pool")]
    pub product: Option<String>,
    /// Of the pool of that name, instead of a product
    #[arg(long, value_name = "NAME", conflicts_with_all = ["product", "instance", "combination", "at"])]
    pub pool: Option<String>,
    /// The shop, where there are several
    #[arg(long, value_name = "NAME")]
    pub instance: Option<String>,
    /// A combination's key, such as "4=11;5=20"
    #[arg(long, value_name = "KEY")]
    pub combination: Option<String>,
    /// From then on: a duration back ("7d") or a time ("2026-11-20 09:00", in TIMEZONE unless it says otherwise)
    #[arg(long, value_name = "WHEN", conflicts_with = "at")]
    pub since: Option<String>,
    /// As it stood then
    #[arg(long, value_name = "WHEN")]
    pub at: Option<String>,
    /// Comma-separated values
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
    /// For machines
    #[arg(long)]
    pub json: bool,
}

/// Options of `rehearse`.
#[derive(Debug, Args)]
pub struct RehearseArguments {
    /// From then on: a duration back ("30d") or a time ("2026-11-20 09:00", in TIMEZONE unless it says otherwise)
    #[arg(long, value_name = "WHEN", default_value = "30d")]
    pub since: String,
    /// Until then; now, where it is missing
    #[arg(long, value_name = "WHEN")]
    pub until: Option<String>,
    /// Only this shop
    #[arg(long, value_name = "NAME")]
    pub instance: Option<String>,
    /// Leave acks and silences out
    #[arg(long)]
    pub without_people: bool,
    /// List every message, not only the last ones
    #[arg(long)]
    pub all: bool,
    /// For machines
    #[arg(long)]
    pub json: bool,
}

/// Options of `ack`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct AckArguments {
    /// The product's id, name or pattern (one that fits a single product), or an alert's id such as "default/42/-"
    pub target: Option<String>,
    /// The pool of that name, instead of a product
    #[arg(long, value_name = "NAME", conflicts_with_all = ["target", "instance", "combination"])]
    pub pool: Option<String>,
    /// The shop, where several have such a product
    #[arg(long, value_name = "NAME")]
    pub instance: Option<String>,
    /// A combination's key, such as "4=11;5=20"
    #[arg(long, value_name = "KEY")]
    pub combination: Option<String>,
    /// Who takes it on; else who is signed in
    #[arg(long, value_name = "WHO")]
    pub by: Option<String>,
    /// What others should know, such as an order's number
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
    /// How many were ordered: the ack ends once as many came
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub quantity: Option<i64>,
    /// When they are to be there: a date, a time or a span ("2026-12-12", "10d"); overdue afterwards
    #[arg(long, value_name = "WHEN")]
    pub eta: Option<String>,
    #[command(subcommand)]
    pub what: Option<AckCommand>,
}

/// What to do with acks.
#[derive(Debug, Subcommand)]
pub enum AckCommand {
    /// Who has taken on what
    List {
        /// Those that ended, too
        #[arg(long)]
        all: bool,
        /// For machines
        #[arg(long)]
        json: bool,
    },
    /// End one: nobody is on it any more
    End {
        /// Its number in the list
        id: i64,
    },
}

/// What to do with silences.
#[derive(Debug, Subcommand)]
pub enum SilenceCommand {
    /// Tell nobody of what fits all that is given (of everything, where nothing is); it is still watched and recorded
    Add(Box<SilenceAddArguments>),
    /// Those in force or to come
    List {
        /// Those that are over, too
        #[arg(long)]
        all: bool,
        /// For machines
        #[arg(long)]
        json: bool,
    },
    /// End one before its time
    End {
        /// Its number in the list
        id: i64,
    },
}

/// Options of `silence add`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("end").required(true).args(["for_", "until"])))]
pub struct SilenceAddArguments {
    /// A shop; of several any fits, as below
    #[arg(long, value_name = "NAME")]
    pub instance: Vec<String>,
    /// A group's id or name
    #[arg(long, value_name = "GROUP")]
    pub group: Vec<String>,
    /// A product's id or name
    #[arg(long, value_name = "PRODUCT")]
    pub product: Vec<String>,
    /// A choice of combinations; of several all must fit
    #[arg(long, value_name = "NAME=CHOICE")]
    pub option: Vec<String>,
    /// A pool
    #[arg(long, value_name = "NAME", conflicts_with_all = ["group", "product", "option"])]
    pub pool: Vec<String>,
    /// For how long ("2h")
    #[arg(long = "for", value_name = "DURATION")]
    pub for_: Option<String>,
    /// Until when: a date (its end), a time or a span
    #[arg(long, value_name = "WHEN")]
    pub until: Option<String>,
    /// From then on: a date (its beginning), a time or a span; else at once
    #[arg(long, value_name = "WHEN")]
    pub starts: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub comment: String,
    /// Who; else who is signed in
    #[arg(long, value_name = "WHO")]
    pub by: Option<String>,
}

/// Options of `call`.
#[derive(Debug, Args)]
pub struct CallArguments {
    /// The action, such as GetProducts
    pub action: String,
    /// Its parameters; one may come more than once ("pid[]=1")
    #[arg(value_name = "KEY=VALUE")]
    pub params: Vec<String>,
    /// The shop, where there are several
    #[arg(long, value_name = "NAME")]
    pub instance: Option<String>,
    /// The action may change something in WHMCS
    #[arg(long)]
    pub write: bool,
}

/// Options of `doctor`.
#[derive(Debug, Args)]
pub struct DoctorArguments {
    /// For machines
    #[arg(long)]
    pub json: bool,
    /// Only this shop
    #[arg(long, value_name = "NAME")]
    pub instance: Option<String>,
    /// Send a test message by each channel too
    #[arg(long)]
    pub send_test: bool,
}

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Report everything that is wrong
    Check,
    /// Print the effective values and where each comes from, secrets redacted
    Show,
    /// Take thresholds, capacities and channels over from a list (CSV); earlier imports are replaced
    Import(ImportArguments),
    /// Print the thresholds that hold for every product and combination in the database, as a list
    Export(ExportArguments),
    /// Ask WHMCS once and print a rules file to begin with, everything in it commented out
    Suggest(SuggestArguments),
}

/// Options of `config suggest`.
#[derive(Debug, Args)]
pub struct SuggestArguments {
    /// Only this shop
    #[arg(long, value_name = "NAME")]
    pub instance: Option<String>,
    /// Write it to this new file (mode 0600) instead of printing it
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Replace that file where it is there already; as it was it is kept beside it
    #[arg(long, requires = "out")]
    pub force: bool,
    /// Propose low and critical from how fast each product sold, from the database; WHMCS is not asked
    #[arg(long)]
    pub thresholds: bool,
    /// How long a restock takes (10d), where no rule's cover says so
    #[arg(long, value_name = "TIME", requires = "thresholds")]
    pub lead_time: Option<String>,
}

/// Options of `config import`.
#[derive(Debug, Args)]
pub struct ImportArguments {
    /// The list: instance, pid or name, option, low, critical, capacity, channels
    pub file: PathBuf,
    /// Print what would change and write nothing
    #[arg(long, conflicts_with = "out")]
    pub dry_run: bool,
    /// Write the changed configuration there and leave the configuration file alone
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Options of `config export`.
#[derive(Debug, Args)]
pub struct ExportArguments {
    /// The form
    #[arg(long, default_value = "csv", value_parser = ["csv"])]
    pub format: String,
    /// Semicolons and a byte order mark, as Excel wants it where the comma is the decimal sign
    #[arg(long)]
    pub excel: bool,
}

/// What to do with deliveries.
#[derive(Debug, Subcommand)]
pub enum DeliveriesCommand {
    /// The newest deliveries
    List {
        /// Only these: pending, sent or dead
        #[arg(long)]
        state: Option<String>,
        /// For machines
        #[arg(long)]
        json: bool,
    },
    /// Send a dead letter again
    Replay {
        /// Its number in the list
        id: i64,
    },
}

/// What to do with the companion.
#[derive(Debug, Subcommand)]
pub enum CompanionCommand {
    /// Write its files into a folder; settings.php there is never touched
    Export {
        /// The folder; made where it is missing
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        /// Replace files of that name that are not the companion's, too
        #[arg(long)]
        force: bool,
    },
    /// Print the SHA-256 of each file, as `sha256sum -c` reads them
    Checksums,
}

/// What to do with the shops.
#[derive(Debug, Subcommand)]
pub enum InstanceCommand {
    /// The shops of the configuration, and those that only the database knows
    List {
        /// For machines
        #[arg(long)]
        json: bool,
    },
    /// Give a shop another name and keep its history; in the configuration it is yours to rename
    Rename {
        /// The name the history has
        old: String,
        /// The name it gets
        new: String,
    },
}

/// What to do with the channels.
#[derive(Debug, Subcommand)]
pub enum NotifyCommand {
    /// Send a test message by each channel and print what the other side answers
    Test {
        /// Only this channel
        channel: Option<String>,
    },
}

/// Which report.
#[derive(Debug, Args)]
pub struct ReportArguments {
    /// As configured; where not given, the first of them
    pub name: Option<String>,
    /// Look back on a day, week or month, instead of its own period
    #[arg(long, value_name = "PERIOD")]
    pub period: Option<String>,
}

/// What to do with reports.
#[derive(Debug, Subcommand)]
pub enum ReportCommand {
    /// Write the very mail as files without sending it; its text to standard output without --out
    Preview {
        #[command(flatten)]
        which: ReportArguments,
        /// A folder, or a file that ends in .html: text, pictures and list come beside it
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Look back from then on ("2026-11-20 09:00"); how things stand is shown as of now
        #[arg(long, value_name = "WHEN")]
        at: Option<String>,
    },
    /// Send it now, beside those of its schedule
    Send {
        #[command(flatten)]
        which: ReportArguments,
    },
}

/// Options of `demo`.
#[derive(Debug, Args)]
pub struct DemoArguments {
    /// End by itself after this long ("60s")
    #[arg(long = "for", value_name = "DURATION")]
    pub for_: Option<String>,
    /// The page's address; where not given, 127.0.0.1:9717, or a free port if that is taken
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// The story's seed: the same seed tells the same story
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}
