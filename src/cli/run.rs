//! `run`: the daemon under its signals.

use std::sync::Arc;

use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;

use crate::app;
use crate::app::Control;
use crate::app::RunError;
use crate::app::settings::secrets;
use crate::cli::exit::Exit;
use crate::cli::fail;
use crate::cli::say;
use crate::config::daemon::LogFormat;
use crate::config::findings::ConfigErrors;
use crate::config::load::Config;
use crate::config::overlay::Sources;
use crate::observe::log;
use crate::observe::log::Format;
use crate::observe::log::Place;
use crate::observe::redact::Redactor;
use crate::service::supervisor::Supervisor;
use crate::store::error::ErrorKind;

/// Runs the daemon until a signal ends it.
pub async fn run(sources: Sources) -> Exit {
    // Before anything is configured, warnings would be said twice: they go to the log here.
    let config = match Config::load(&sources) {
        Ok(config) => config,
        Err(errors) => return super::misconfigured(&errors),
    };
    let redactor = Redactor::default();
    redactor.set(secrets(&config).iter().map(String::as_str));
    let place = Place::stderr(
        std::env::var("JOURNAL_STREAM").ok().as_deref(),
        std::env::var_os("NO_COLOR").is_some(),
    );
    let format = match config.log.format {
        LogFormat::Text => Format::Text,
        LogFormat::Json => Format::Json,
    };
    if let Err(error) = log::init(&config.log.level, format, place, redactor.clone()) {
        return fail(Exit::Config, &format!("LOG_LEVEL: {error}"));
    }
    warn(&config);
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "Starting.");
    let control = Control::supervised(supervisor());
    if let Err(error) = listen_for_signals(&control) {
        return fail(Exit::Internal, &format!("Signals cannot be received: {error}"));
    }
    let mut reload = || reload(&sources, &redactor);
    let ended = app::run(config, &control, &mut reload, |_| {}).await;
    exit_of(ended)
}

/// Who started the daemon and hears how it fares.
fn supervisor() -> Supervisor {
    Supervisor::of(|name| std::env::var_os(name), std::process::id()).unwrap_or_else(|error| {
        tracing::warn!(%error, "NOTIFY_SOCKET cannot be used: the service manager hears nothing.");
        Supervisor::default()
    })
}

/// How the daemon's end is told to whoever started it.
#[must_use]
pub fn exit_of(ended: Result<(), RunError>) -> Exit {
    let Err(error) = ended else { return Exit::Ok };
    // Only the daemon sets up a log; what other commands have to say goes to stderr as it is.
    if tracing::dispatcher::has_been_set() {
        tracing::error!("{error}");
    } else {
        say(&error.to_string());
    }
    match error {
        RunError::Open(error) => Exit::from_number(error.exit_code()),
        RunError::Store(error) => match error.kind() {
            ErrorKind::Transient => Exit::InUse,
            ErrorKind::Fatal => Exit::Database,
            ErrorKind::Degraded => Exit::CannotCreate,
            ErrorKind::Other => Exit::Internal,
        },
        RunError::Client { .. } | RunError::Channel(_) => Exit::Config,
        RunError::Listen(_) => Exit::Unavailable,
        RunError::Metrics(_) | RunError::Fault(_) => Exit::Internal,
    }
}

fn reload(sources: &Sources, redactor: &Redactor) -> Option<Config> {
    tracing::info!("Reading the configuration again.");
    match Config::load(sources) {
        Ok(config) => {
            warn(&config);
            // Old secrets may still stand in lines to come.
            redactor.set(secrets(&config).iter().map(String::as_str));
            Some(config)
        }
        Err(errors) => {
            say_errors(&errors);
            None
        }
    }
}

fn say_errors(errors: &ConfigErrors) {
    tracing::error!("The configuration cannot be used; the old one stays.");
    for problem in &errors.problems {
        tracing::error!("{problem}");
    }
}

fn warn(config: &Config) {
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
}

/// SIGTERM and SIGINT stop, a second one at once; SIGHUP reloads.
pub(super) fn listen_for_signals(control: &Control) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let control = control.clone();
    tokio::spawn(async move {
        let beat = control.beats.begin("signals");
        loop {
            tokio::select! {
                _ = beat.waiting(terminate.recv()) => {}
                _ = interrupt.recv() => {}
                _ = hangup.recv() => {
                    Arc::clone(&control.reload).notify_one();
                    continue;
                }
            }
            if control.stop.is_cancelled() {
                // Nothing that is recorded is lost by it: a transaction that did not end is rolled back.
                std::process::exit(i32::from(Exit::Ok.code()));
            }
            tracing::info!("Stopping.");
            control.stop.cancel();
        }
    });
    Ok(())
}
