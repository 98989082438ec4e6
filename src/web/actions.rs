//! What people do by the forms of pages: take an alert on, silence, and end both. A form that is not right comes back
//! with what was typed and what is wrong with it.
//!
//! | address | fields beside `form_key` and `back` |
//! |---|---|
//! | `/do/ack` | `alert_id`, `by`, `note`, `quantity`, `eta`; `open` and `held` (what its sender saw); `title` (for the form that comes back) |
//! | `/do/ack/end` | `id` |
//! | `/do/silence` | `alert_id`, or the patterns `instances`, `products`, `groups`, `options`, `pools` (one a line) or `everything`; `starts`, `ends`, `by`, `comment`; `title` |
//! | `/do/silence/end` | `id` |

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::response::Response;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::domain::stand::AckRef;
use crate::notify::people;
use crate::people::draft;
use crate::people::when::Day;
use crate::web::asker::Asker;
use crate::web::fields::AckForm;
use crate::web::fields::SilenceForm;
use crate::web::fields::Wrong;
use crate::web::fields::ahead;
use crate::web::frame;
use crate::web::frame::Frame;
use crate::web::frame::Here;
use crate::web::made;
use crate::web::made::Looked;
use crate::web::made::Taken;
use crate::web::made::faulty;
use crate::web::params::Params;
use crate::web::posted::Posted;
use crate::web::problem::Problem;
use crate::web::state::AppState;

/// The page to show after a form that names none.
const ALERTS: &str = "/alerts";

/// An ack's form that was not right.
#[derive(Template)]
#[template(path = "product_ack.html")]
struct AckAgain {
    frame: Frame,
    form: AckForm,
}

/// A silence's form that was not right.
#[derive(Template)]
#[template(path = "product_silence.html")]
struct SilenceAgain {
    frame: Frame,
    form: SilenceForm,
}

/// `POST /do/ack`
pub async fn ack(State(app): State<AppState>, asker: Asker, posted: Posted) -> Result<Response, Problem> {
    let zone = app.view.seen().zone();
    let mut form = AckForm::sent(&posted, &zone);
    let now = Timestamp::now();
    let problem = match take_on(&app, &form, &zone, now).await {
        Ok(Taken::Made(_)) => return Ok(posted.back(ALERTS, "acked")),
        Ok(Taken::Held(ack)) => {
            let looked = Looked {
                held: Some(ack.id),
                ..form.looked()
            };
            form = form.over(looked);
            form.is_held = true;
            held_by(&ack.shown(now), &zone, now)
        }
        Err(problem) => problem,
    };
    let problem = posted.undone(&app, problem);
    // No form mends that.
    if problem.heading.is_some() {
        return Err(problem);
    }
    form.wrong = Some(Wrong::of(&problem));
    let frame = framed(&app, asker, "Take on").await;
    again(problem.status, &AckAgain { frame, form })
}

/// `POST /do/ack/end`
pub async fn end_ack(State(app): State<AppState>, posted: Posted) -> Result<Response, Problem> {
    let ended = match posted.needed("id") {
        Ok(id) => made::end_ack(&app, id, Timestamp::now()).await,
        Err(problem) => Err(problem),
    };
    ended.map_err(|problem| posted.undone(&app, problem))?;
    Ok(posted.back(ALERTS, "ack_ended"))
}

/// `POST /do/silence`
pub async fn silence(State(app): State<AppState>, asker: Asker, posted: Posted) -> Result<Response, Problem> {
    let zone = app.view.seen().zone();
    let mut form = SilenceForm::sent(&posted, &zone);
    let problem = match keep_silent(&app, &form, &zone, Timestamp::now()).await {
        Ok(()) => return Ok(posted.back(ALERTS, "silenced")),
        Err(problem) => posted.undone(&app, problem),
    };
    form.wrong = Some(Wrong::of(&problem));
    let frame = framed(&app, asker, "Silence").await;
    again(problem.status, &SilenceAgain { frame, form })
}

/// `POST /do/silence/end`
pub async fn end_silence(State(app): State<AppState>, posted: Posted) -> Result<Response, Problem> {
    let ended = match posted.needed("id") {
        Ok(id) => made::end_silence(&app, id, Timestamp::now()).await,
        Err(problem) => Err(problem),
    };
    ended.map_err(|problem| posted.undone(&app, problem))?;
    Ok(posted.back(ALERTS, "silence_ended"))
}

async fn take_on(app: &AppState, form: &AckForm, zone: &TimeZone, now: Timestamp) -> Result<Taken, Problem> {
    let eta = ahead("eta", &form.eta, Day::End, zone, now)?;
    let new = draft::ack(&form.by, &form.note, form.quantity()?, eta, now);
    made::ack_of(app, &form.alert_id, form.looked(), &new.map_err(faulty)?, now).await
}

fn held_by(ack: &AckRef, zone: &TimeZone, now: Timestamp) -> Problem {
    let detail = format!(
        "Meanwhile somebody has it: {}. Send this once more to take it over.",
        people::taken_on(ack, zone, now)
    );
    Problem::new(StatusCode::CONFLICT, detail)
}

async fn keep_silent(
    app: &AppState,
    form: &SilenceForm,
    zone: &TimeZone,
    now: Timestamp,
) -> Result<(), Problem> {
    let matcher = form.matcher()?;
    let starts = ahead("starts", &form.starts, Day::Begin, zone, now)?;
    let ends = ahead("ends", &form.ends, Day::End, zone, now)?
        .ok_or_else(|| Problem::parameter("ends", "A silence needs an end, such as 2h or 2026-12-12."))?;
    let new = draft::silence(matcher, starts, ends, &form.by, &form.comment, now);
    made::silence(app, &new.map_err(faulty)?, now).await?;
    Ok(())
}

async fn framed(app: &AppState, asker: Asker, title: &str) -> Frame {
    let seen = app.view.seen();
    let params = Params::default();
    Frame::new(app, &seen, asker, Some(Here::Alerts), title.to_owned(), &params).await
}

fn again(status: StatusCode, page: &impl Template) -> Result<Response, Problem> {
    Ok((status, frame::html(page)?).into_response())
}
