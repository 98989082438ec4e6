//! Acks and silences as forms and programs make them: checked, recorded, and shown to whoever looks on.

use std::borrow::Cow;

use axum::http::StatusCode;
use jiff::Timestamp;

use crate::domain::alerting::state::Memory;
use crate::domain::people::Ack;
use crate::domain::people::Silence;
use crate::domain::stand::Severity;
use crate::observe::view::Seen;
use crate::people::draft::Fault;
use crate::people::listed;
use crate::people::target;
use crate::people::target::Series;
use crate::people::target::Wanted;
use crate::store::acks::NewAck;
use crate::store::acks::TakenOn;
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

/// What the one who takes an alert on saw of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Looked {
    /// It was open.
    pub open: bool,
    /// The number of the ack that was in force.
    pub held: Option<i64>,
}

/// What came of taking an alert on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    Made(MadeAck),
    /// Somebody else has it, who did not when it was looked at: nothing was changed.
    Held(Ack),
}

/// Makes an ack of that alert, in place of whichever is in force.
pub async fn ack(app: &AppState, alert_id: &str, new: &NewAck, now: Timestamp) -> Result<MadeAck, Problem> {
    let (instance, series) = meant(app, alert_id).await?;
    let made = app.store.add_ack(instance, series.number, new, now).await;
    let id = made.map_err(unwritable)?.id;
    app.view.touch();
    Ok(MadeAck { id, instance })
}

/// Makes an ack of what somebody saw so, unless it is otherwise by now.
pub async fn ack_of(
    app: &AppState,
    alert_id: &str,
    looked: Looked,
    new: &NewAck,
    now: Timestamp,
) -> Result<Taken, Problem> {
    let (instance, series) = meant(app, alert_id).await?;
    if looked.open && severity(&app.view.seen(), &series) == Some(Severity::Ok) {
        let detail = "It recovered meanwhile. Nothing was recorded: there is nothing to take on any more.";
        return Err(Problem::new(StatusCode::CONFLICT, detail).called("It is ok again"));
    }
    let store = &app.store;
    let made = store.add_ack_beside(looked.held, instance, series.number, new, now);
    let id = match made.await.map_err(unwritable)? {
        TakenOn::Made(ack) => ack.id,
        TakenOn::Held(ack) => return Ok(Taken::Held(ack)),
    };
    app.view.touch();
    Ok(Taken::Made(MadeAck { id, instance }))
}

/// How it stands with the series now; `None` where it is not watched.
fn severity(seen: &Seen, series: &Series) -> Option<Severity> {
    let Some(shop) = &series.instance else {
        let mut standing = seen.pools.pools.iter().filter_map(|pool| pool.standing.as_ref());
        let found = standing.find(|standing| standing.alert_id == series.alert_id);
        return found.map(|standing| standing.severity);
    };
    let mut parts = series.alert_id.rsplitn(3, '/');
    let (key, product) = (parts.next()?, parts.next()?.parse().ok()?);
    let product = seen.instance(shop)?.memory.product(product)?;
    if key == "-" {
        return Some(product.series.severity);
    }
    let mut combinations = product.combinations.iter();
    let found = combinations.find(|combination| combination.key.to_string() == key)?;
    Some(found.series.severity)
}

/// The series of that alert, and whose it is.
async fn meant(app: &AppState, alert_id: &str) -> Result<(InstanceId, Series), Problem> {
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
    Ok((instance, series))
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

/// The same for what programs ask for: it can be read, but makes no sense.
#[must_use]
pub fn senseless(fault: Fault) -> Problem {
    Problem {
        status: StatusCode::UNPROCESSABLE_ENTITY,
        ..faulty(fault)
    }
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
