//! `run`: the daemon under its signals.

use std::sync::Arc;

use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;

use crate::app;
use crate::app::Control;
use crate::app::RunError;
use crate::cli::configured;
use crate::cli::exit::Exit;
use crate::cli::fail;
use crate::config::findings::ConfigErrors;
use crate::config::load;
use crate::config::load::Loaded;
use crate::config::overlay::Sources;
use crate::config::settings::Config;
use crate::observe::log;
use crate::observe::log::Place;
use crate::observe::redact::Redactor;
use crate::store::error::ErrorKind;

/// Runs the daemon until a signal ends it.
pub async fn run(sources: Sources) -> Exit {
    // Before anything is configured, warnings would be said twice: they go to the log here.
    let loaded = match load::load(&sources) {
        Ok(loaded) => loaded,
        Err(errors) => return super::misconfigured(&errors),
    };
    let redactor = Redactor::default();
    redactor.set(loaded.config.secrets().iter().map(String::as_str));
    let place = Place::stderr(
        std::env::var("JOURNAL_STREAM").ok().as_deref(),
        std::env::var_os("NO_COLOR").is_some(),
    );
    if let Err(error) = log::init(&loaded.config.log.filter, loaded.config.log.format, place, redactor.clone()) {
        return fail(Exit::Config, &format!("LOG_LEVEL: {error}"));
    }
    warn(&loaded);
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "Starting.");
    let control = Control::default();
    if let Err(error) = listen_for_signals(&control) {
        return fail(Exit::Internal, &format!("Signals cannot be received: {error}"));
    }
    let mut reload = || reload(&sources, &redactor);
    let ended = app::run(loaded.config, &control, &mut reload, |_| {}).await;
    exit_of(ended)
}

/// How the daemon's end is told to whoever started it.
#[must_use]
pub fn exit_of(ended: Result<(), RunError>) -> Exit {
    let Err(error) = ended else { return Exit::Ok };
    tracing::error!("{error}");
    match error {
        RunError::Open(error) => Exit::from_number(error.exit_code()),
        RunError::Store(error) => match error.kind() {
            ErrorKind::Transient => Exit::InUse,
            ErrorKind::Fatal => Exit::Database,
            ErrorKind::Degraded => Exit::CannotCreate,
            ErrorKind::Other => Exit::Internal,
        },
        RunError::Client { .. } | RunError::Channel { .. } => Exit::Config,
        RunError::Listen(_) => Exit::Unavailable,
        RunError::Metrics(_) | RunError::Ticker(_) | RunError::Fault(_) => Exit::Internal,
    }
}

fn reload(sources: &Sources, redactor: &Redactor) -> Option<Config> {
    tracing::info!("Reading the configuration again.");
    match load::load(sources) {
        Ok(loaded) => {
            warn(&loaded);
            // Old secrets may still stand in lines to come.
            redactor.add(loaded.config.secrets().iter().map(String::as_str));
            Some(loaded.config)
        }
        Err(errors) => {
            say_errors(&errors);
            None
        }
    }
}

fn say_errors(errors: &ConfigErrors) {
    tracing::error!("The configuration cannot be used; the old one stays.\n{errors}");
}

fn warn(loaded: &Loaded) {
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
}

/// SIGTERM and SIGINT stop, a second one at once; SIGHUP reloads.
fn listen_for_signals(control: &Control) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let control = control.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
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

/// For commands beside the daemon.
pub(super) fn quiet(sources: &Sources) -> Result<Loaded, Exit> {
    configured(sources)
}
