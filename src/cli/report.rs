//! `report`: writes a report without sending it, or sends one now.

use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::app::Generation;
use crate::app::settings::plan as plan_of;
use crate::cli::arguments::ReportArguments;
use crate::cli::arguments::ReportCommand;
use crate::cli::check::pools_of;
use crate::cli::check::remembered;
use crate::cli::configured_quietly;
use crate::cli::exit::Exit;
use crate::cli::fail;
use crate::cli::history::parse_moment;
use crate::cli::print;
use crate::cli::run::exit_of;
use crate::cli::say;
use crate::config::load::Config;
use crate::config::overlay::Sources;
use crate::domain::message::Body;
use crate::domain::message::Message;
use crate::domain::report::Period;
use crate::domain::report::Report;
use crate::domain::reporting::compose::Span;
use crate::domain::reporting::outline;
use crate::domain::reporting::outline::Outline;
use crate::jobs::deliver::Deliver;
use crate::jobs::digest;
use crate::jobs::digest::Ground;
use crate::jobs::digest::Source;
use crate::jobs::report;
use crate::jobs::report::Plan;
use crate::notify::content::Content;
use crate::notify::email;
use crate::scheduler::Schedule;
use crate::store::db::Store;
use crate::store::error::OpenError;
use crate::store::error::StoreError;
use crate::store::reader::Reader;

/// Writes or sends a report.
pub async fn report(sources: &Sources, what: &ReportCommand) -> Exit {
    let config = match configured_quietly(sources) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let done = match what {
        ReportCommand::Preview { which, out, at } => {
            preview(&config, which, out.as_deref(), at.as_deref()).await
        }
        ReportCommand::Send { which } => send(config, which).await,
    };
    done.unwrap_or_else(|exit| exit)
}

/// The report that is meant, its period as asked for. Without any, and where nobody is to get it: all there is.
fn chosen(config: &Config, which: &ReportArguments) -> Result<Plan, Exit> {
    let period = match which.period.as_deref().map(outline::period) {
        None => None,
        Some(Some(period)) => Some(period),
        Some(None) => return Err(fail(Exit::Usage, "--period is day, week or month.")),
    };
    let mut plans = config.reports.iter().map(plan_of);
    let names = || {
        let names: Vec<&str> = config
            .reports
            .iter()
            .map(|report| report.outline.name.as_str())
            .collect();
        names.join(", ")
    };
    let found = match &which.name {
        Some(name) => plans.find(|plan| plan.outline.name == *name).ok_or_else(|| {
            let problem = match config.reports.is_empty() {
                true => format!("There is no report {name:?}: none is configured."),
                false => format!("There is no report {name:?}. There are: {}.", names()),
            };
            fail(Exit::Config, &problem)
        })?,
        None => match plans.next() {
            Some(first) => first,
            None => everything(config)?,
        },
    };
    Ok(match period {
        Some(period) => Plan {
            outline: Outline {
                period,
                ..found.outline
            },
            ..found
        },
        None => found,
    })
}

fn everything(config: &Config) -> Result<Plan, Exit> {
    let schedule = Schedule::parse("0 8 * * MON", &config.timezone);
    Ok(Plan {
        outline: Outline::new("report", Period::Week),
        schedule: schedule.map_err(|error| fail(Exit::Internal, &error.to_string()))?,
        zone: config.timezone.clone(),
        channels: Vec::new(),
    })
}

fn broken(error: StoreError) -> Exit {
    exit_of(Err(error.into()))
}

/// The report as it is at `now`, looking back from `until`.
async fn composed(
    config: &Config,
    reader: &Reader,
    plan: &Plan,
    (until, now): (Timestamp, Timestamp),
) -> Result<Report, StoreError> {
    let mut sources = Vec::with_capacity(config.instances.len());
    for instance in &config.instances {
        sources.push(Source {
            name: instance.name.clone(),
            id: reader.instance(&instance.name).await?,
            memory: Arc::new(remembered(config, Some(reader), &instance.name).await?),
            schedule: instance.schedule.clone(),
        });
    }
    let pools = pools_of(config, Some(reader)).await?;
    let board = pools
        .map(|pools| pools.board(&config.capacities, now))
        .unwrap_or_default();
    let mut overdue = Vec::new();
    for other in config.reports.iter().map(plan_of) {
        let doing = report::doing(reader, &other, now).await?;
        overdue.extend(doing.overdue.map(|(run, _)| (run.report, run.scheduled_for)));
    }
    let ground = Ground {
        reader,
        sources: &sources,
        board: &board,
        overdue: &overdue,
    };
    let span = report::span(plan, until, now);
    // Asked for: it is not late, whatever time it looks back from.
    digest::made(&plan.outline, Span { late: false, ..span }, ground).await
}

async fn preview(
    config: &Config,
    which: &ReportArguments,
    out: Option<&Path>,
    at: Option<&str>,
) -> Result<Exit, Exit> {
    let plan = chosen(config, which)?;
    let now = Timestamp::now();
    let until = match at.map(|text| parse_moment(text, &plan.zone, now)) {
        None => now,
        Some(Some(until)) => until,
        Some(None) => {
            let form = "--at is a time (\"2026-11-20 09:00\") or a duration back (\"7d\").";
            return Err(fail(Exit::Usage, form));
        }
    };
    if until > now {
        return Err(fail(
            Exit::Usage,
            "--at is in the future: nothing is known of it yet.",
        ));
    }
    let reader = Reader::open(&config.store.path)
        .await
        .map_err(|error| exit_of(Err(error.into())))?;
    let shops = reader.shops().await.map_err(broken)?;
    let first = shops.iter().filter_map(|shop| shop.first_poll).min();
    if let Some(first) = first.filter(|first| until < *first) {
        let first = first.to_zoned(plan.zone.clone());
        let problem = format!(
            "--at is before any history: the first look was at {}.",
            first.strftime("%Y-%m-%d %H:%M %Z")
        );
        return Err(fail(Exit::Usage, &problem));
    }
    let composed = composed(config, &reader, &plan, (until, now)).await;
    reader.close().await;
    let message = Message {
        id: Uuid::new_v4(),
        channel: plan.channels.first().cloned().unwrap_or_default(),
        instance: None,
        at: now,
        body: Body::Report(Box::new(composed.map_err(broken)?)),
    };
    let content = email::render(&message, &plan.zone, None, config.instances.len() > 1);
    let Some(out) = out else {
        if let Content::Mail { subject, text, .. } = &content {
            print(&format!("{subject}\n\n{text}"));
        }
        return Ok(Exit::Ok);
    };
    let written = written(&content, out).map_err(|(path, error)| {
        let problem = format!("{} cannot be written: {error}", path.display());
        fail(Exit::CannotCreate, &problem)
    })?;
    for path in written {
        print(&path.display().to_string());
    }
    Ok(Exit::Ok)
}

/// Writes the mail as files: HTML and text, pictures and list beside them. A name that ends in `.html` is the HTML's,
/// any other a folder's.
fn written(content: &Content, out: &Path) -> Result<Vec<PathBuf>, (PathBuf, io::Error)> {
    let Content::Mail {
        text,
        html,
        attachments,
        ..
    } = content
    else {
        return Ok(Vec::new());
    };
    let is_page = out.extension().is_some_and(|extension| extension == "html");
    let (folder, page) = if is_page {
        (out.parent().unwrap_or(Path::new("")), out.to_owned())
    } else {
        (out, out.join("report.html"))
    };
    if !folder.as_os_str().is_empty() {
        fs::create_dir_all(folder).map_err(|error| (folder.to_owned(), error))?;
    }
    let mut files: Vec<(PathBuf, Vec<u8>)> = Vec::new();
    // In a browser the pictures are files beside the page.
    let mut shown = html.clone();
    for attachment in attachments {
        // The names are ours: plain letters, digits and signs.
        let name = attachment.name.replace(['/', '\\'], "-");
        shown = shown.replace(&format!("cid:{}", attachment.name), &name);
        let data = STANDARD.decode(&attachment.data).unwrap_or_default();
        files.push((folder.join(name), data));
    }
    files.insert(0, (page.with_extension("txt"), text.clone().into_bytes()));
    files.insert(0, (page, shown.into_bytes()));
    let mut written = Vec::with_capacity(files.len());
    for (path, data) in files {
        fs::write(&path, data).map_err(|error| (path.clone(), error))?;
        written.push(path);
    }
    Ok(written)
}

/// Queues the report; beside a daemon that sends it, else sends it too.
async fn send(config: Config, which: &ReportArguments) -> Result<Exit, Exit> {
    let plan = chosen(&config, which)?;
    if plan.channels.is_empty() {
        let mend = "Nobody gets reports. Set REPORT_SCHEDULE and REPORT_EMAIL_TO, or write a [[report]].";
        return Err(fail(Exit::Config, mend));
    }
    let (store, alone) = match Store::open(&config.store).await {
        Ok(opened) => (opened.store, true),
        Err(OpenError::InUse(_)) => {
            let beside = Store::open_beside(&config.store).await;
            (beside.map_err(|error| exit_of(Err(error.into())))?, false)
        }
        Err(error) => return Err(exit_of(Err(error.into()))),
    };
    let sent = sent(config, &store, &plan, alone).await;
    store.close().await;
    sent
}

async fn sent(config: Config, store: &Store, plan: &Plan, alone: bool) -> Result<Exit, Exit> {
    let now = Timestamp::now();
    let composed = composed(&config, store.reader(), plan, (now, now))
        .await
        .map_err(broken)?;
    let telling = Generation::telling(&config).map_err(|error| exit_of(Err(error)))?;
    let messages = report::messages(plan, &composed, now);
    let queued = telling.queue_in(&messages, &plan.zone).map_err(broken)?;
    let mut tx = store.begin_write().await.map_err(broken)?;
    tx.enqueue(&queued).await.map_err(broken)?;
    tx.commit().await.map_err(broken)?;
    for message in &queued {
        let to = message.recipients.join(", ");
        print(&format!("{} for {to}", message.headline));
    }
    if !alone {
        say("A daemon is running: it sends this within a minute.");
        return Ok(Exit::Ok);
    }
    let telling = Arc::new(telling);
    store.void_leases(now).await.map_err(broken)?;
    let mut exit = Exit::Ok;
    for place in 0..telling.channels.len() {
        if !plan
            .channels
            .iter()
            .any(|name| name == telling.channels[place].name())
        {
            continue;
        }
        let deliver = Deliver::new(store.clone(), Arc::clone(&telling), place);
        if !delivered(&deliver).await.map_err(broken)? {
            exit = Exit::Low;
        }
    }
    Ok(exit)
}

/// Sends what waits for the channel; whether all of it was taken.
async fn delivered(deliver: &Deliver) -> Result<bool, StoreError> {
    let mut all = true;
    loop {
        let cancel = CancellationToken::new();
        let delivered = deliver.run(&Timestamp::now, &|| 0.5, &cancel).await?;
        for attempted in &delivered.attempts {
            match &attempted.result {
                Ok(_) => say(&format!("delivered to {}", attempted.recipient)),
                Err(error) => {
                    all = false;
                    say(&format!("not delivered to {}: {error}", attempted.recipient));
                }
            }
        }
        if !delivered.more {
            return Ok(all);
        }
    }
}
