//! The reports: the one of the environment and those of the file.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Time;
use jiff::civil::time;
use jiff::tz::TimeZone;

use crate::config::channels::Channels;
use crate::config::file::Table;
use crate::config::findings::Given;
use crate::config::findings::Place;
use crate::config::findings::Wrong;
use crate::config::instances::unique;
use crate::config::keys;
use crate::config::keys::Kind;
use crate::config::reader::Placed;
use crate::config::reader::Reader;
use crate::config::rules;
use crate::config::rules::Names;
use crate::config::rules::one;
use crate::config::section::Section;
use crate::config::values;
use crate::domain::report::Period;
use crate::domain::report::Topic;
use crate::domain::reporting::outline;
use crate::domain::reporting::outline::Audience;
use crate::domain::reporting::outline::Outline;
use crate::domain::reporting::outline::TOPICS;
use crate::notify::email::EmailSettings;
use crate::scheduler::Schedule;

/// A report: what it is about, when it is made and who gets it.
#[derive(Debug, Clone)]
pub struct ReportConfig {
    pub outline: Outline,
    pub schedule: Schedule,
    /// In which its schedule counts and its times are told.
    pub zone: TimeZone,
    /// The names of its channels, its own one among them.
    pub channels: Vec<String>,
    /// The mail channel of its own, where it names recipients: called `report:` and its name.
    pub own: Option<(String, EmailSettings)>,
}

/// What the environment says of its report, before the channels are known.
pub struct OfEnvironment {
    schedule: Given<Placed<Schedule>>,
    period: Given<Placed<Period>>,
    to: Given<Placed<Vec<String>>>,
}

/// The name of the environment's report.
const NAME: &str = "report";
/// When a report is made that names a day only.
const AT: Time = time(8, 0, 0, 0);
/// A schedule whose times lie closer than this is no report's.
const CLOSEST: Duration = Duration::from_secs(600);

/// `REPORT_SCHEDULE`, `REPORT_PERIOD` and `REPORT_EMAIL_TO`.
pub fn environment(reader: &mut Reader, zone: &TimeZone) -> OfEnvironment {
    let schedule = reader.setting(&keys::REPORT_SCHEDULE, |text| cron(text, zone));
    let period = reader.setting(&keys::REPORT_PERIOD, period);
    let to = reader.list_setting(&keys::REPORT_EMAIL_TO, values::mailbox);
    let (when, whom) = (keys::REPORT_SCHEDULE.name, keys::REPORT_EMAIL_TO.name);
    let alone = [
        (when, lonely(&schedule, &to), whom),
        (whom, lonely(&to, &schedule), when),
    ];
    for (key, lonely, other) in alone {
        if let Some(place) = lonely {
            let wrong = Wrong::new(
                format!("is set without {other}: no report is sent"),
                format!("Set {other} too."),
            );
            reader.findings.warn(key, place, wrong);
        }
    }
    OfEnvironment { schedule, period, to }
}

impl OfEnvironment {
    /// Whether somebody is meant to get the report by mail: where it has a schedule and no recipient, that is said of
    /// `REPORT_EMAIL_TO`.
    #[must_use]
    pub fn mails(&self) -> bool {
        match &self.to {
            Given::Is(to) => !to.value.is_empty(),
            Given::Absent => !self.schedule.is_absent(),
            Given::Broken => false,
        }
    }
}

/// Whether a report of the file has recipients of its own.
#[must_use]
pub fn mails(table: &Table) -> bool {
    table.get("to").is_some()
}

/// All reports; `None` where one of them is wrong.
pub fn read(
    reader: &mut Reader,
    environment: OfEnvironment,
    tables: Vec<&Table>,
    (telling, names): (&Channels, &Names),
    zone: &TimeZone,
) -> Option<Vec<ReportConfig>> {
    let mut taken = Vec::new();
    let mut reports = Vec::new();
    let mut broken = false;
    match of_environment(reader, environment, telling, zone) {
        Given::Absent => {}
        Given::Is(report) => {
            taken.push(NAME.to_owned());
            reports.push(report);
        }
        Given::Broken => broken = true,
    }
    for (index, table) in tables.into_iter().enumerate() {
        let mut section = Section::new(format!("report {}", index + 1), table);
        let report = of_file(reader, &mut section, &mut taken, (telling, names), zone);
        section.finish(reader);
        broken |= report.is_none();
        reports.extend(report);
    }
    (!broken).then_some(reports)
}

fn of_environment(
    reader: &mut Reader,
    environment: OfEnvironment,
    telling: &Channels,
    zone: &TimeZone,
) -> Given<ReportConfig> {
    let to = match environment.to {
        Given::Absent => return Given::Absent,
        Given::Broken => return Given::Broken,
        Given::Is(to) => to.value,
    };
    let mend = "REPORT_EMAIL_TO needs SMTP_URL and SMTP_FROM.";
    let own = own_channel(reader, NAME, to, mend, telling);
    let schedule = match environment.schedule {
        Given::Absent => return Given::Absent,
        Given::Broken => return Given::Broken,
        Given::Is(schedule) => schedule.value,
    };
    let period = match environment.period {
        Given::Absent => usual_period(&schedule),
        Given::Broken => return Given::Broken,
        Given::Is(period) => period.value,
    };
    own.map_or(Given::Broken, |own| {
        Given::Is(ReportConfig {
            outline: Outline::new(NAME, period),
            schedule,
            zone: zone.clone(),
            channels: vec![own.0.clone()],
            own: Some(own),
        })
    })
}

/// The mail channel of a report, by the environment's server and sender; that they are missing is noted once.
fn own_channel(
    reader: &mut Reader,
    name: &str,
    to: Vec<String>,
    mend: &str,
    telling: &Channels,
) -> Option<(String, EmailSettings)> {
    for (key, absent) in [
        (&keys::SMTP_URL, telling.server_absent),
        (&keys::SMTP_FROM, telling.from_absent),
    ] {
        let problems = &reader.findings.problems;
        if absent && !problems.iter().any(|problem| problem.key == key.name) {
            let wrong = Wrong::new("is not set", mend);
            reader.findings.wrong(key.name, Place::Missing, wrong);
        }
    }
    let mut mail = telling.mail.clone()?;
    mail.to = to;
    Some((format!("report:{name}"), mail))
}

fn of_file(
    reader: &mut Reader,
    section: &mut Section<'_>,
    taken: &mut Vec<String>,
    (telling, names): (&Channels, &Names),
    zone: &TimeZone,
) -> Option<ReportConfig> {
    let broken_before = reader.findings.problems.len();
    let name = section.one(reader, "name", Kind::Plain, values::name);
    let name = unique(reader, section, name, taken);
    let zone = one(reader, section, "zone", values::time_zone).unwrap_or_else(|| zone.clone());
    let schedule = schedule(reader, section, &zone);
    let period = one(reader, section, "period", period);
    let channels = rules::channels(reader, section, "channels", &names.channels);
    let to = section.list(reader, "to", values::mailbox);
    if channels.as_ref().is_none_or(Vec::is_empty) && to.is_absent() {
        let place = reader.line(section.table.line);
        let mend = "Write to = [\"boss@example.com\"], or channels = [\"sales\"].";
        let wrong = Wrong::new("are both missing: nobody gets it", mend);
        reader
            .findings
            .wrong(section.key("to and channels"), place, wrong);
    }
    let topics = topics(reader, section);
    let instances = rules::instances(reader, section, &names.instances);
    let groups = section.patterns(reader, "groups").good().unwrap_or_default();
    let lead_time = one(reader, section, "lead_time", values::time_limit);
    let idle_after = one(reader, section, "idle_after", values::time_limit);
    let skip_if_empty = one(reader, section, "skip_if_empty", values::flag);
    let charts = one(reader, section, "charts", values::flag);
    let own = match (&name, to) {
        (Some(name), Given::Is(to)) if !to.is_empty() => {
            let mend = "A report with recipients of its own needs SMTP_URL and SMTP_FROM.";
            own_channel(reader, name, to, mend, telling)
        }
        (Some(_) | None, Given::Absent | Given::Broken | Given::Is(_)) => None,
    };
    if reader.findings.problems.len() > broken_before {
        return None;
    }
    let (name, schedule) = (name?, schedule?);
    let outline = Outline {
        topics,
        instances,
        groups,
        lead_time: lead_time.unwrap_or(outline::defaults::LEAD_TIME),
        idle_after: idle_after.unwrap_or(outline::defaults::IDLE_AFTER),
        skip_if_empty: skip_if_empty.unwrap_or(false),
        charts: charts.unwrap_or(true),
        ..Outline::new(&name, period.unwrap_or_else(|| usual_period(&schedule)))
    };
    let mut channels = channels.unwrap_or_default();
    channels.extend(own.iter().map(|(name, _)| name.clone()));
    Some(ReportConfig {
        outline,
        schedule,
        zone,
        channels,
        own,
    })
}

/// `schedule`, or `every` with `at`, `weekday` and `day`.
fn schedule(reader: &mut Reader, section: &mut Section<'_>, zone: &TimeZone) -> Option<Schedule> {
    let cron_given = section.one(reader, "schedule", Kind::Plain, |text| cron(text, zone));
    let every = section.one(reader, "every", Kind::Plain, period);
    let at = one(reader, section, "at", values::time_of_day).unwrap_or(AT);
    let weekday = one(reader, section, "weekday", weekday);
    let day = one(reader, section, "day", day_of_month);
    let place = reader.line(section.table.line);
    let wrong = match (&cron_given, &every) {
        (Given::Absent, Given::Absent) => Some(Wrong::new(
            "is missing",
            "Write every = \"week\", or schedule = \"0 8 * * MON\".",
        )),
        (Given::Is(_) | Given::Broken, Given::Is(_) | Given::Broken) => {
            Some(Wrong::new("is given beside every", "Keep one of them."))
        }
        (Given::Absent, Given::Is(_) | Given::Broken) | (Given::Is(_) | Given::Broken, Given::Absent) => None,
    };
    if let Some(wrong) = wrong {
        reader.findings.wrong(section.key("schedule"), place, wrong);
        return None;
    }
    let every = match every {
        Given::Is(every) => every.value,
        Given::Absent | Given::Broken => return cron_given.good().map(|placed| placed.value),
    };
    let (minute, hour) = (at.minute(), at.hour());
    let text = match every {
        Period::Day => format!("{minute} {hour} * * *"),
        Period::Week => format!("{minute} {hour} * * {}", weekday.unwrap_or("MON")),
        Period::Month => format!("{minute} {hour} {} * *", day.unwrap_or_else(|| "1".to_owned())),
    };
    Schedule::parse(&text, zone).ok()
}

fn cron(text: &str, zone: &TimeZone) -> Result<Schedule, Wrong> {
    let mend = "Write one such as 0 8 * * MON (Mondays at 8:00).";
    match Schedule::parse(text, zone)? {
        Schedule::Every(_) => Err(Wrong::new("is not a cron expression", mend)),
        cron @ Schedule::Cron(_) if closest(&cron) < CLOSEST => Err(Wrong::new(
            "makes a report more often than every ten minutes",
            mend,
        )),
        cron @ Schedule::Cron(_) => Ok(cron),
    }
}

/// The shortest of the gaps between a few of its times.
fn closest(schedule: &Schedule) -> Duration {
    let mut times = std::iter::successors(Some(Timestamp::UNIX_EPOCH), |at| schedule.next_after(*at)).skip(1);
    let mut before = times.next();
    let gaps = times.take(60).filter_map(|at| {
        let gap = before.map(|before| at.duration_since(before));
        before = Some(at);
        Duration::try_from(gap?).ok()
    });
    gaps.min().unwrap_or(Duration::MAX)
}

/// The period that a schedule stands for: a day's report comes each day, or each working day.
fn usual_period(schedule: &Schedule) -> Period {
    match closest(schedule).as_secs() / 86_400 {
        0..=3 => Period::Day,
        4..=20 => Period::Week,
        21.. => Period::Month,
    }
}

fn period(text: &str) -> Result<Period, Wrong> {
    let wrong = || Wrong::new("is not a period", "Write day, week or month.");
    outline::period(text.trim()).ok_or_else(wrong)
}

fn weekday(text: &str) -> Result<&'static str, Wrong> {
    const DAYS: [&str; 7] = [
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
    ];
    const SHORT: [&str; 7] = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"];
    let text = text.trim().to_lowercase();
    DAYS.iter()
        .zip(SHORT)
        .find(|(day, short)| text == **day || text == short.to_lowercase())
        .map(|(_, short)| short)
        .ok_or_else(|| Wrong::new("is not a day of the week", "Write one such as monday."))
}

fn day_of_month(text: &str) -> Result<String, Wrong> {
    let text = text.trim();
    let there = text == "last" || text.parse::<u8>().is_ok_and(|day| (1..=28).contains(&day));
    match there {
        true if text == "last" => Ok("L".to_owned()),
        true => Ok(text.to_owned()),
        false => Err(Wrong::new(
            "is not a day that every month has",
            "Write 1 to 28, or last.",
        )),
    }
}

fn topics(reader: &mut Reader, section: &mut Section<'_>) -> Vec<Topic> {
    let audience = one(reader, section, "audience", |text| {
        let wrong = || Wrong::new("is no audience", "Write sales, provisioning or datacentre.");
        Audience::parse(text.trim()).ok_or_else(wrong)
    });
    let sections = section.list(reader, "sections", |text| {
        let wrong = || Wrong::new("is not a section of reports", sections_mend());
        outline::topic(text.trim()).ok_or_else(wrong)
    });
    match (audience, sections) {
        (Some(audience), Given::Absent | Given::Broken) => audience.topics().to_vec(),
        (None, Given::Absent | Given::Broken) => TOPICS.to_vec(),
        (audience, Given::Is(mut topics)) => {
            if audience.is_some() {
                let place = reader.line(section.table.line);
                let wrong = Wrong::new("is given beside audience", "Keep one of them.");
                reader.findings.wrong(section.key("sections"), place, wrong);
            }
            if topics.is_empty() {
                let place = reader.line(section.table.line);
                let mend = format!("Leave it out for all of them, or name some. {}", sections_mend());
                let wrong = Wrong::new("names no section", mend);
                reader.findings.wrong(section.key("sections"), place, wrong);
            }
            let mut seen = Vec::new();
            topics.retain(|topic| {
                !seen.contains(topic) && {
                    seen.push(*topic);
                    true
                }
            });
            topics
        }
    }
}

fn sections_mend() -> String {
    format!("There are: {}.", TOPICS.map(outline::topic_name).join(", "))
}

fn lonely<T, U>(one: &Given<Placed<T>>, other: &Given<Placed<U>>) -> Option<Place> {
    match (one, other) {
        (Given::Is(placed), Given::Absent) => Some(placed.place.clone()),
        (Given::Is(_), Given::Broken | Given::Is(_))
        | (Given::Absent | Given::Broken, Given::Absent | Given::Broken | Given::Is(_)) => None,
    }
}
