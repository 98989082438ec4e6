//! The command line: each subcommand, what it prints, and how it ends.

use std::future::Future;
use std::io::Write;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

pub mod arguments;
pub mod exit;
pub mod table;
pub mod listing;
mod relinks;
pub mod run;
pub mod check;
pub mod status;
pub mod history;
pub mod rehearse;
mod people;
pub mod ack;
pub mod silence;
pub mod config;
pub mod import;
pub mod suggest;
pub mod deliveries;
pub mod companion;
pub mod notify;
pub mod instance;
pub mod backup;
pub mod db;
pub mod health;
pub mod pretty;
pub mod call;
pub mod report;
pub mod diagnosis;
pub mod doctor;
pub mod past;
pub mod demo;
pub mod completions;
pub mod markdown;
pub mod man;

use crate::cli::arguments::Arguments;
use crate::cli::arguments::Command;
use crate::cli::arguments::ConfigCommand;
use crate::cli::exit::Exit;
use crate::config::findings::ConfigErrors;
use crate::config::load::Config;
use crate::config::overlay::Sources;

/// Runs the command.
#[must_use]
pub fn main(arguments: Arguments) -> Exit {
    // Files of ours are for us alone, whatever the shell's mask.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    // The other provider a dependency could bring is not linked in; a second installation changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let starting = Arc::new(AtomicBool::new(true));
    let is_starting = Arc::clone(&starting);
    std::panic::set_hook(Box::new(move |panic| {
        // Through the log, so that it is redacted and formatted like everything else.
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let said = panic.payload_as_str().unwrap_or("a panic without words");
        if tracing::dispatcher::has_been_set() {
            tracing::error!(place, "An internal fault: {said}");
        } else {
            say(&format!("An internal fault: {said} ({place})"));
        }
        // Where a thread cannot be had, the runtime panics instead of giving an error, and waits for those it has.
        if is_starting.load(Ordering::Relaxed) {
            std::process::exit(i32::from(Exit::Internal.code()));
        }
    }));
    std::panic::catch_unwind(AssertUnwindSafe(|| work(arguments, &starting))).unwrap_or(Exit::Internal)
}

/// Runs the command in a runtime of its own; `starting` until there is one.
fn work(arguments: Arguments, starting: &AtomicBool) -> Exit {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(16)
        .enable_all()
        .build();
    starting.store(false, Ordering::Relaxed);
    match runtime {
        Ok(runtime) => {
            // As an object: else each kind of runtime gets a copy of every command's code.
            let work: Pin<Box<dyn Future<Output = Exit>>> = Box::pin(dispatch(arguments));
            let exit = runtime.block_on(work);
            // A name that is still being looked up, or a disk that hangs, holds nobody up.
            runtime.shutdown_timeout(Duration::from_secs(1));
            exit
        }
        Err(error) => fail(Exit::Internal, &format!("The runtime cannot be started: {error}")),
    }
}

async fn dispatch(arguments: Arguments) -> Exit {
    let sources = match Sources::of_process(arguments.config) {
        Ok(sources) => sources,
        Err(error) => {
            return fail(
                Exit::Config,
                &format!("The working directory cannot be read: {error}"),
            );
        }
    };
    match arguments.command {
        Command::Run => run::run(sources).await,
        Command::Check(options) => check::check(&sources, &options).await,
        Command::Status(options) => status::status(&sources, &options).await,
        Command::History(options) => history::history(&sources, &options).await,
        Command::Rehearse(options) => rehearse::rehearse(&sources, &options).await,
        Command::Ack(options) => ack::ack(&sources, &options).await,
        Command::Silence { what } => silence::silence(&sources, &what).await,
        Command::Config {
            what: ConfigCommand::Check,
        } => config::check(&sources),
        Command::Config {
            what: ConfigCommand::Show,
        } => config::show(&sources),
        Command::Config {
            what: ConfigCommand::Import(options),
        } => import::import(&sources, &options).await,
        Command::Config {
            what: ConfigCommand::Export(options),
        } => import::export(&sources, &options).await,
        Command::Config {
            what: ConfigCommand::Suggest(options),
        } => suggest::suggest(&sources, &options).await,
        Command::Deliveries { what } => deliveries::deliveries(&sources, what.as_ref()).await,
        Command::Instance { what } => instance::instance(&sources, &what).await,
        Command::Notify { what } => notify::notify(&sources, &what).await,
        Command::Report { what } => report::report(&sources, &what).await,
        Command::Call(options) => call::call(&sources, &options).await,
        Command::Doctor(options) => doctor::doctor(&sources, &options).await,
        Command::Demo(options) => demo::demo(&options).await,
        Command::Backup(options) => backup::backup(&sources, &options).await,
        Command::Restore(options) => backup::restore(&sources, &options).await,
        Command::Db { what } => db::db(&sources, &what).await,
        Command::Healthcheck => health::check(&sources).await,
        Command::Companion { what } => companion::companion(&what),
        Command::Completions { shell } => completions::completions(shell),
        Command::Man(options) => man::man(&options),
    }
}

/// The configuration for commands that only read: what is wrong is said, what is risky is the daemon's to say.
fn configured_quietly(sources: &Sources) -> Result<Config, Exit> {
    Config::load(sources).map_err(|errors| misconfigured(&errors))
}

/// The configuration; what is wrong with it, or risky, is said on stderr.
fn configured(sources: &Sources) -> Result<Config, Exit> {
    match Config::load(sources) {
        Ok(config) => {
            for warning in &config.warnings {
                say(&format!("warning: {warning}"));
            }
            Ok(config)
        }
        Err(errors) => Err(misconfigured(&errors)),
    }
}

fn misconfigured(errors: &ConfigErrors) -> Exit {
    say(&errors.to_string());
    Exit::Config
}

/// A line on stderr. That nobody reads it is no reason to fail.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Says what is wrong and returns the code.
fn fail(exit: Exit, problem: &str) -> Exit {
    say(problem);
    exit
}

/// A command's output on stdout. A reader that left (`| head`) ends it quietly.
fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes());
    if !text.ends_with('\n') {
        let _ = out.write_all(b"\n");
    }
    let _ = out.flush();
}
