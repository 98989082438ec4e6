//! `status`: how it stands, from the database: as the page says it, once or again and again.

use std::io::IsTerminal;

use jiff::Timestamp;

pub mod text;
pub mod glance;
pub mod asked;
pub mod rows;
pub mod columns;
pub mod heading;
pub mod sheet;
pub mod screen;
pub mod watch;

use crate::cli::arguments::StatusArguments;
use crate::cli::check::is_there;
use crate::cli::configured_quietly;
use crate::cli::exit::Exit;
use crate::cli::fail;
use crate::cli::print;
use crate::cli::run::exit_of;
use crate::cli::say;
use crate::cli::status::asked::Asked;
use crate::cli::status::glance::Glance;
use crate::cli::status::sheet::Room;
use crate::cli::table;
use crate::config::overlay::Sources;
use crate::store::reader::Reader;

/// Prints how it stands, or shows it until it is ended.
pub async fn status(sources: &Sources, options: &StatusArguments) -> Exit {
    let every = options.watch.as_deref().map(watch::interval_of).transpose();
    let every = match every {
        Ok(every) => every,
        Err(problem) => return fail(Exit::Usage, &problem),
    };
    let config = match configured_quietly(sources) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    if let Err(exit) = is_there(&config, options.instance.as_deref()) {
        return exit;
    }
    let asked = match Asked::read(options, &config.timezone) {
        Ok(asked) => asked,
        Err(problem) => return fail(Exit::Usage, &problem),
    };
    if let Some(every) = every {
        return watch::watch(config, &asked, every, options.json).await;
    }
    let reader = match Reader::open(&config.store.path).await {
        Ok(reader) => reader,
        Err(error) => return exit_of(Err(error.into())),
    };
    let now = Timestamp::now();
    let glance = Glance::read(&config, &reader, options.instance.as_deref(), now).await;
    reader.close().await;
    match glance {
        Ok(glance) => once(&glance, &asked, options.json, now),
        Err(error) => return exit_of(Err(error.into())),
    }
    Exit::Ok
}

fn once(glance: &Glance, asked: &Asked, is_json: bool, now: Timestamp) {
    if let Some(unknown) = sheet::unknown_options(glance).filter(|_| asked.combinations) {
        say(&unknown);
    }
    if is_json {
        print(&sheet::json(glance, asked, now).to_string());
        return;
    }
    let room = if std::io::stdout().is_terminal() {
        Room::Wide(screen::size().0)
    } else {
        Room::Endless
    };
    let colours = table::colours();
    let lines = sheet::lines(glance, asked, room, now);
    let text: String = lines.iter().map(|line| line.painted(colours) + "\n").collect();
    print(&text);
}
