//! `status --watch`: the same again and again, on a screen of its own, or as text where no terminal is.

use std::future::pending;
use std::io;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rustix::process::Signal;
use rustix::process::kill_current_process_group;
use serde_json::json;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tokio::time::interval;

use crate::cli::exit::Exit;
use crate::cli::fail;
use crate::cli::say;
use crate::cli::status::asked::Asked;
use crate::cli::status::glance::Glance;
use crate::cli::status::screen;
use crate::cli::status::screen::Key;
use crate::cli::status::screen::Screen;
use crate::cli::status::sheet;
use crate::cli::status::sheet::Room;
use crate::cli::status::text;
use crate::cli::status::text::Line;
use crate::cli::status::text::Paint;
use crate::cli::status::text::wrapped;
use crate::cli::table;
use crate::config::load::Config;
use crate::scheduler;
use crate::store::changes::Change;
use crate::store::changes::Changes;
use crate::store::error::ErrorKind;
use crate::store::error::OpenError;
use crate::store::error::StoreError;
use crate::store::reader::Reader;

/// The shortest interval, and the longest.
const SHORTEST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// Read again after so long although nothing was written: silences end, what is ordered becomes overdue, forecasts age.
const AFRESH: Duration = Duration::from_secs(60);
/// The most lines of what is wrong with the database.
const TROUBLE: usize = 5;

/// The interval as the command line says it: a duration, or seconds.
///
/// # Errors
/// Says what can be said.
pub fn interval_of(text: &str) -> Result<Duration, String> {
    let seconds = text
        .parse::<u32>()
        .ok()
        .map(|seconds| Duration::from_secs(seconds.into()));
    let every = seconds.or_else(|| scheduler::parse_duration(text));
    every
        .filter(|every| (SHORTEST..=LONGEST).contains(every))
        .ok_or_else(|| {
            "--watch takes how often to look: a duration from 500ms to 24h, such as 5s.".to_owned()
        })
}

/// What was read last, and what is in the way of reading it again.
#[derive(Debug, Clone, Default)]
struct Sight {
    glance: Option<Arc<Glance>>,
    /// What is wrong, and since when.
    trouble: Option<(String, Timestamp)>,
}

/// Shows how it stands until somebody ends it.
pub async fn watch(config: Config, asked: &Asked, every: Duration, is_json: bool) -> Exit {
    let (seen, sights) = watch::channel(Sight::default());
    let only = asked.filters.instance.clone();
    let looking = tokio::spawn(look(Arc::new(config), only, every, seen));
    let ended = if io::stdout().is_terminal() && table::is_able() && !is_json {
        on_screen(sights, asked, every).await
    } else {
        as_text(sights, asked, every, is_json).await
    };
    looking.abort();
    match ended {
        // Whoever read it has left.
        Ok(()) => Exit::Ok,
        Err(error) if is_gone(&error) => Exit::Ok,
        Err(error) => fail(Exit::Internal, &format!("The terminal cannot be used: {error}")),
    }
}

fn is_gone(error: &io::Error) -> bool {
    // A terminal that was closed says EIO.
    error.kind() == io::ErrorKind::BrokenPipe
        || error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error())
}

/// Looks at the database each time, and reads it where it changed.
async fn look(config: Arc<Config>, only: Option<String>, every: Duration, seen: watch::Sender<Sight>) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut open: Option<(Reader, Changes)> = None;
    let mut read_at = tokio::time::Instant::now();
    loop {
        ticks.tick().await;
        let is_due = seen.borrow().trouble.is_some() || read_at.elapsed() >= AFRESH;
        let looked = look_once(&config, only.as_deref(), &mut open, is_due).await;
        if !matches!(looked, Ok(None)) {
            read_at = tokio::time::Instant::now();
        }
        match looked {
            Ok(None) => {}
            Ok(Some(glance)) => {
                let sight = Sight {
                    glance: Some(Arc::new(glance)),
                    trouble: None,
                };
                seen.send_replace(sight);
            }
            Err(words) => {
                // Perhaps it is another file by then.
                if let Some((reader, _)) = open.take() {
                    reader.close().await;
                }
                seen.send_modify(|sight| {
                    let since = sight
                        .trouble
                        .take()
                        .map_or_else(Timestamp::now, |(_, since)| since);
                    sight.trouble = Some((words, since));
                });
            }
        }
    }
}

/// What is there now; `None` where it is what was there before.
async fn look_once(
    config: &Config,
    only: Option<&str>,
    open: &mut Option<(Reader, Changes)>,
    is_due: bool,
) -> Result<Option<Glance>, String> {
    let change = match open {
        Some((_, changes)) => changes.look().await.map_err(|error| unread(&error))?,
        None => Change::Rewritten,
    };
    match change {
        Change::None if !is_due => return Ok(None),
        Change::None | Change::Committed => {}
        Change::Rewritten => {
            if let Some((reader, changes)) = open.take() {
                drop(changes);
                reader.close().await;
            }
            *open = Some(opened(&config.store.path).await?);
        }
    }
    let Some((reader, _)) = open else {
        return Ok(None);
    };
    let glance = Glance::read(config, reader, only, Timestamp::now()).await;
    glance.map(Some).map_err(|error| unread(&error))
}

/// The ways to the database, its first look behind it: what is read from now on is no change.
async fn opened(path: &Path) -> Result<(Reader, Changes), String> {
    let reader = Reader::open(path).await.map_err(|error| unopened(&error))?;
    let mut changes = Changes::of(path).await.map_err(|error| unopened(&error))?;
    changes.look().await.map_err(|error| unread(&error))?;
    Ok((reader, changes))
}

fn unopened(error: &OpenError) -> String {
    match error {
        OpenError::Missing(path) => format!(
            "There is no database at {} yet. Start the monitor (`whmcs-stock-monitor run`), or check DATABASE_URL; \
             what it reads appears here.",
            path.display()
        ),
        OpenError::InUse(_)
        | OpenError::Damaged { .. }
        | OpenError::Foreign(_)
        | OpenError::Newer { .. }
        | OpenError::Older(_)
        | OpenError::NotAFile { .. }
        | OpenError::Migration { .. }
        | OpenError::Library(_)
        | OpenError::File { .. }
        | OpenError::Database { .. } => sentence(error.to_string()),
    }
}

/// As a sentence, since others follow.
fn sentence(mut words: String) -> String {
    if !words.ends_with(['.', '!', '?']) {
        words.push('.');
    }
    words
}

fn unread(error: &StoreError) -> String {
    match (error, error.kind()) {
        (StoreError::Replaced(path), _) => format!(
            "The database {} was deleted or replaced; looking whether there is another.",
            path.display()
        ),
        (_, ErrorKind::Transient) => "The database is locked by another process; trying again.".to_owned(),
        (_, ErrorKind::Degraded | ErrorKind::Fatal | ErrorKind::Other) => {
            sentence(format!("The database cannot be read: {error}"))
        }
    }
}

async fn on_screen(mut sights: watch::Receiver<Sight>, asked: &Asked, every: Duration) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut resized = signal(SignalKind::window_change())?;
    let mut keys = screen::keys();
    let mut ticks = interval(every.min(Duration::from_secs(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_looking = true;
    let mut screen = Screen::enter(table::colours())?;
    loop {
        let sight = sights.borrow_and_update().clone();
        let lines = screenful(&sight, asked, every, screen::size(), Timestamp::now());
        screen.draw(&lines)?;
        tokio::select! {
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            _ = hangup.recv() => return Ok(()),
            _ = resized.recv() => {}
            _ = ticks.tick() => {}
            // Where a fault of ours ended the looking, what was read stays on the screen.
            changed = sights.changed(), if is_looking => is_looking = changed.is_ok(),
            key = pressed(&mut keys) => match key {
                Key::Quit => return Ok(()),
                Key::Refresh => {}
                Key::Suspend => {
                    screen.leave();
                    // The shell has the terminal until it lets us go on.
                    let _ = kill_current_process_group(Signal::TSTP);
                    screen.again()?;
                }
            },
        }
    }
}

/// The next key; never, where there are none.
async fn pressed(keys: &mut tokio::sync::mpsc::UnboundedReceiver<Key>) -> Key {
    match keys.recv().await {
        Some(key) => key,
        None => pending().await,
    }
}

fn screenful(
    sight: &Sight,
    asked: &Asked,
    every: Duration,
    (width, height): (usize, usize),
    now: Timestamp,
) -> Vec<Line> {
    let mut lines = vec![clock(asked, every, width, now)];
    if let Some((words, since)) = &sight.trouble {
        lines.extend(trouble(sight, words, *since, asked, width));
    }
    match &sight.glance {
        Some(glance) => {
            let room = Room::Screen(width, height.saturating_sub(lines.len()));
            lines.extend(sheet::lines(glance, asked, room, now));
        }
        None if sight.trouble.is_none() => lines.push(Line::of("Reading the database …", Paint::Quiet)),
        None => {}
    }
    lines
}

/// What it is, how to end it, and what time it is.
fn clock(asked: &Asked, every: Duration, width: usize, now: Timestamp) -> Line {
    let time = table::time(now, &asked.zone);
    let mut line = Line::of("Stock", Paint::Strong);
    let hint = format!(" · every {} s · q ends", every.as_secs_f64());
    if text::width(&time) + text::width(&hint) + 7 <= width {
        line.add(hint, Paint::Quiet);
    }
    line.fill(width.saturating_sub(text::width(&time)));
    line.add(time, Paint::Quiet);
    line.within(width)
}

fn trouble(sight: &Sight, words: &str, since: Timestamp, asked: &Asked, width: usize) -> Vec<Line> {
    let told = if sight.glance.is_some() {
        format!(
            "{} This is what was read before {}.",
            text::shown(words),
            table::time(since, &asked.zone)
        )
    } else {
        text::shown(words)
    };
    let texts = wrapped(&told, width, TROUBLE).into_iter();
    texts.map(|text| Line::of(text, Paint::Wrong)).collect()
}

/// A table each time with an empty line between, or a line of JSON.
async fn as_text(
    mut sights: watch::Receiver<Sight>,
    asked: &Asked,
    every: Duration,
    is_json: bool,
) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    // What is there at first is worth a wait.
    tokio::select! {
        _ = terminate.recv() => return Ok(()),
        _ = interrupt.recv() => return Ok(()),
        _ = hangup.recv() => return Ok(()),
        _ = sights.changed() => {}
    }
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let colours = table::colours();
    let (mut said, mut is_first) = (None, true);
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            _ = hangup.recv() => return Ok(()),
            _ = ticks.tick() => {}
        }
        let sight = sights.borrow_and_update().clone();
        let now = Timestamp::now();
        let trouble = sight.trouble.as_ref().map(|(words, _)| words.clone());
        if is_json {
            let line = match (&trouble, &sight.glance) {
                (Some(words), _) => json!({ "at": now, "error": words }),
                (None, Some(glance)) => sheet::json(glance, asked, now),
                (None, None) => continue,
            };
            screen::write(&format!("{line}\n"))?;
            continue;
        }
        if said != trouble {
            said.clone_from(&trouble);
            if let Some(words) = &trouble {
                say(words);
            }
        }
        if let (None, Some(glance)) = (&trouble, &sight.glance) {
            let gap = if is_first { "" } else { "\n" };
            is_first = false;
            let lines = sheet::lines(glance, asked, Room::Endless, now);
            let text: String = lines.iter().map(|line| line.painted(colours) + "\n").collect();
            screen::write(&format!("{gap}{text}"))?;
        }
    }
}
