//! Acks and silences as forms and programs make them: checked, recorded, and shown to whoever looks on.

use std::borrow::Cow;

use jiff::Timestamp;

use crate::domain::alerting::state::Memory;
use crate::domain::people::Silence;
use crate::observe::view::Seen;
use crate::people::draft::Fault;
use crate::people::listed;
use crate::people::target;
use crate::people::target::Wanted;
use crate::store::acks::NewAck;
use crate::store::silences::NewSilence;
use crate::store::value::InstanceId;
use crate::web::problem::Problem;
use crate::web::problem::unreadable;
use crate::web::problem::unwritable;
use crate::web::state::AppState;

/// An ack that was made: its number, and whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MadeAck {
    pub id: i64,
    /// The shop's, or that of the pools.
    pub instance: InstanceId,
}

/// Makes an ack of that alert.
pub async fn ack(app: &AppState, alert_id: &str, new: &NewAck, now: Timestamp) -> Result<MadeAck, Problem> {
    let seen = app.view.seen();
    let pools = listed::pools(app.store.reader()).await.map_err(unreadable)?;
    let wanted = Wanted {
        text: alert_id,
        instance: None,
        combination: None,
    };
    let series = target::find(&shops(&seen), &pools, &wanted).map_err(|unclear| Problem {
        parameter: Some(Cow::Borrowed("alert_id")),
        ..Problem::not_found(unclear.to_string())
    })?;
    let instance = match &series.instance {
        Some(shop) => app.store.reader().instance(shop).await,
        None => app.store.reader().pools().await,
    };
    let Some(instance) = instance.map_err(unreadable)? else {
        return Err(Problem::not_found("Its shop was never read."));
    };
    let made = app.store.add_ack(instance, series.number, new, now).await;
    let id = made.map_err(unwritable)?.id;
    app.view.touch();
    Ok(MadeAck { id, instance })
}

/// Ends an ack.
pub async fn end_ack(app: &AppState, id: &str, now: Timestamp) -> Result<(), Problem> {
    let ended = match id.parse() {
        Ok(id) => app.store.end_ack(id, now).await.map_err(unwritable)?,
        Err(_) => false,
    };
    ended_or(app, ended, "There is no ack of that number in force.")
}

/// Makes a silence.
pub async fn silence(app: &AppState, new: &NewSilence, now: Timestamp) -> Result<Silence, Problem> {
    let made = app.store.add_silence(new, now).await.map_err(unwritable)?;
    app.view.touch();
    Ok(made)
}

/// Ends a silence.
pub async fn end_silence(app: &AppState, id: &str, now: Timestamp) -> Result<(), Problem> {
    let ended = match id.parse() {
        Ok(id) => app.store.end_silence(id, now).await.map_err(unwritable)?,
        Err(_) => false,
    };
    ended_or(
        app,
        ended,
        "There is no silence of that number that could be ended.",
    )
}

/// The configured shops, each with what is remembered of it.
#[must_use]
pub fn shops(seen: &Seen) -> Vec<(&str, &Memory)> {
    let shops = seen.instances.iter();
    shops.map(|shop| (&*shop.name, &*shop.memory)).collect()
}

/// A fault of what is asked for, by the field that is to blame.
#[must_use]
pub fn faulty(fault: Fault) -> Problem {
    Problem::parameter(fault.field, fault.problem)
}

fn ended_or(app: &AppState, ended: bool, problem: &'static str) -> Result<(), Problem> {
    if !ended {
        return Err(Problem {
            parameter: Some(Cow::Borrowed("id")),
            ..Problem::not_found(problem)
        });
    }
    app.view.touch();
    Ok(())
}
