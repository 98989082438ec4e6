//! The forms for acks and silences as pages show them: empty, or with what was typed and what is wrong with it.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::domain::catalogue::CombinationKey;
use crate::domain::pattern::Pattern;
use crate::domain::people::Matcher;
use crate::people::when;
use crate::people::when::Day;
use crate::web::addresses;
use crate::web::asker::Asker;
use crate::web::made::Looked;
use crate::web::posted::Posted;
use crate::web::problem::Problem;

/// How the id of a pool's alert begins.
const POOL: &str = "pool:";
/// The most patterns of one kind.
const PATTERNS: usize = 100;

/// What is wrong with a form that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The field that is to blame; "" for the whole.
    pub field: String,
    /// In words.
    pub words: String,
}

impl Wrong {
    /// The problem, as the form shows it.
    #[must_use]
    pub fn of(problem: &Problem) -> Self {
        let field = match problem.parameter.as_deref() {
            Some("starts_at") => "starts",
            Some("ends_at") => "ends",
            Some("matcher" | "alert_id") | None => "",
            Some(field) => field,
        };
        Self {
            field: field.to_owned(),
            words: problem.detail.to_string(),
        }
    }
}

/// The form that takes an alert on; it is sent to `/do/ack`. Its template is `ack_form.html`, with `frame` and `form`.
#[derive(Debug, Clone, Default)]
pub struct AckForm {
    /// `default/42/-`, `pool:NAME`
    pub alert_id: String,
    /// What it is about, for people.
    pub title: String,
    pub by: String,
    pub note: String,
    pub quantity: String,
    pub eta: String,
    /// "yes" where it was open when the page was made.
    pub open: String,
    /// The number of the ack that was in force then; "" for none.
    pub held: String,
    /// The page to show afterwards, as its address.
    pub back: String,
    /// The name of the time zone that times without one are in.
    pub zone: String,
    /// Somebody else has it, who did not when the page was made.
    pub is_held: bool,
    pub wrong: Option<Wrong>,
}

/// The form for a silence; it is sent to `/do/silence`. Its template is `silence_form.html`, with `frame` and `form`.
#[derive(Debug, Clone, Default)]
pub struct SilenceForm {
    /// Exactly what that alert is of; the patterns are not asked for then. "" asks for them.
    pub alert_id: String,
    /// What it is about, for people; "" where the patterns say so.
    pub title: String,
    /// Patterns, one a line: names with `*` and `?`, or numbers.
    pub instances: String,
    pub products: String,
    pub groups: String,
    pub pools: String,
    /// `RAM: 64 GB`, one a line.
    pub options: String,
    /// That nothing is named and all is meant.
    pub everything: bool,
    pub starts: String,
    pub ends: String,
    pub by: String,
    pub comment: String,
    pub back: String,
    pub zone: String,
    pub wrong: Option<Wrong>,
}

/// The alert's id as a part of an element's.
fn anchor(alert_id: &str) -> String {
    match alert_id {
        "" => "new".to_owned(),
        id => addresses::encoded(id),
    }
}

impl AckForm {
    /// What tells it from the other forms of a page.
    #[must_use]
    pub fn anchor(&self) -> String {
        anchor(&self.alert_id)
    }

    /// An empty one of that alert.
    #[must_use]
    pub fn new(alert_id: String, title: String, asker: &Asker, zone: &TimeZone, back: String) -> Self {
        Self {
            alert_id,
            title,
            by: name_of(asker),
            back,
            zone: zone_name(zone),
            ..Self::default()
        }
    }

    /// The same, of an alert that is open or not, and held by that ack.
    #[must_use]
    pub fn over(self, looked: Looked) -> Self {
        Self {
            open: if looked.open {
                "yes".to_owned()
            } else {
                String::new()
            },
            held: looked.held.map(|id| id.to_string()).unwrap_or_default(),
            ..self
        }
    }

    /// What its sender saw.
    #[must_use]
    pub fn looked(&self) -> Looked {
        Looked {
            open: !self.open.is_empty(),
            held: self.held.parse().ok(),
        }
    }

    /// As it was sent.
    #[must_use]
    pub fn sent(posted: &Posted, zone: &TimeZone) -> Self {
        let text = |name| posted.get(name).unwrap_or_default().to_owned();
        Self {
            open: text("open"),
            held: text("held"),
            alert_id: text("alert_id"),
            title: text("title"),
            by: text("by"),
            note: text("note"),
            quantity: text("quantity"),
            eta: text("eta"),
            back: text("back"),
            zone: zone_name(zone),
            is_held: false,
            wrong: None,
        }
    }

    /// How many were ordered.
    pub fn quantity(&self) -> Result<Option<i64>, Problem> {
        if self.quantity.is_empty() {
            return Ok(None);
        }
        let read = self.quantity.parse().map(Some);
        read.map_err(|_| Problem::parameter("quantity", "The quantity is a whole number, such as 20."))
    }

    /// What is wrong with that field; "" where nothing is.
    #[must_use]
    pub fn wrong(&self, field: &str) -> &str {
        words(self.wrong.as_ref(), field)
    }
}

impl SilenceForm {
    /// What tells it from the other forms of a page.
    #[must_use]
    pub fn anchor(&self) -> String {
        anchor(&self.alert_id)
    }

    /// An empty one of that alert; of whatever the patterns name where `alert_id` is "".
    #[must_use]
    pub fn new(alert_id: String, title: String, asker: &Asker, zone: &TimeZone, back: String) -> Self {
        Self {
            alert_id,
            title,
            by: name_of(asker),
            back,
            zone: zone_name(zone),
            ..Self::default()
        }
    }

    /// As it was sent.
    #[must_use]
    pub fn sent(posted: &Posted, zone: &TimeZone) -> Self {
        let text = |name| posted.get(name).unwrap_or_default().to_owned();
        Self {
            alert_id: text("alert_id"),
            title: text("title"),
            instances: text("instances"),
            products: text("products"),
            groups: text("groups"),
            pools: text("pools"),
            options: text("options"),
            everything: posted.get("everything").is_some(),
            starts: text("starts"),
            ends: text("ends"),
            by: text("by"),
            comment: text("comment"),
            back: text("back"),
            zone: zone_name(zone),
            wrong: None,
        }
    }

    /// What it is for.
    pub fn matcher(&self) -> Result<Matcher, Problem> {
        if !self.alert_id.is_empty() {
            return exactly(&self.alert_id)
                .ok_or_else(|| Problem::parameter("matcher", "There is no such alert to silence."));
        }
        let matcher = Matcher {
            instances: named(&self.instances, "instances")?,
            groups: numbered(&self.groups, "groups")?,
            products: numbered(&self.products, "products")?,
            options: pairs(&self.options)?,
            pools: named(&self.pools, "pools")?,
        };
        if matcher == Matcher::default() && !self.everything {
            let detail = "Name what is to be silenced, or say that it is everything.";
            return Err(Problem::parameter("everything", detail));
        }
        Ok(matcher)
    }

    /// What is wrong with that field; "" where nothing is.
    #[must_use]
    pub fn wrong(&self, field: &str) -> &str {
        words(self.wrong.as_ref(), field)
    }
}

/// A time to come; `None` where nothing was typed.
pub fn ahead(
    name: &'static str,
    text: &str,
    day: Day,
    zone: &TimeZone,
    now: Timestamp,
) -> Result<Option<Timestamp>, Problem> {
    if text.is_empty() {
        return Ok(None);
    }
    when::ahead(text, day, zone, now)
        .map(Some)
        .map_err(|why| Problem::parameter(name, format!("“{text}” {why}.")))
}

fn words<'a>(wrong: Option<&'a Wrong>, field: &str) -> &'a str {
    wrong
        .filter(|wrong| wrong.field == field)
        .map_or("", |wrong| &wrong.words)
}

fn name_of(asker: &Asker) -> String {
    asker.name.as_deref().unwrap_or_default().to_owned()
}

fn zone_name(zone: &TimeZone) -> String {
    zone.iana_name().unwrap_or("UTC").to_owned()
}

/// The series of an alert's id, and nothing else.
fn exactly(alert_id: &str) -> Option<Matcher> {
    if let Some(pool) = alert_id.strip_prefix(POOL) {
        return Some(Matcher {
            pools: vec![Pattern::text(pool)],
            ..Matcher::default()
        });
    }
    // An instance's name may hold slashes; what follows it may not.
    let mut parts = alert_id.rsplitn(3, '/');
    let key = match parts.next()? {
        "-" => None,
        key => Some(key.parse::<CombinationKey>().ok()?),
    };
    let product = parts.next()?.parse().ok()?;
    let ids = |(option, choice): &(i64, i64)| (Pattern::Id(*option), Pattern::Id(*choice));
    Some(Matcher {
        instances: vec![Pattern::text(parts.next()?)],
        products: vec![Pattern::Id(product)],
        options: key.iter().flat_map(CombinationKey::pairs).map(ids).collect(),
        ..Matcher::default()
    })
}

/// The lines of a field that hold something.
fn lines<'a>(text: &'a str, field: &'static str) -> Result<Vec<&'a str>, Problem> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let lines: Vec<&str> = lines.collect();
    if lines.len() > PATTERNS {
        let detail = format!("At most {PATTERNS} lines.");
        return Err(Problem::parameter(field, detail));
    }
    Ok(lines)
}

fn named(text: &str, field: &'static str) -> Result<Vec<Pattern>, Problem> {
    Ok(lines(text, field)?.into_iter().map(Pattern::text).collect())
}

fn numbered(text: &str, field: &'static str) -> Result<Vec<Pattern>, Problem> {
    Ok(lines(text, field)?.into_iter().map(pattern).collect())
}

/// A number is an id, anything else a name.
fn pattern(text: &str) -> Pattern {
    text.parse().map_or_else(|_| Pattern::text(text), Pattern::Id)
}

fn pairs(text: &str) -> Result<Vec<(Pattern, Pattern)>, Problem> {
    let pair = |line: &str| {
        let (option, choice) = line.split_once([':', '='])?;
        let (option, choice) = (option.trim(), choice.trim());
        let both = !option.is_empty() && !choice.is_empty();
        both.then(|| (pattern(option), pattern(choice)))
    };
    let wrong = |line: &str| {
        let detail = format!("“{line}” is not an option with its choice, such as “RAM: 64 GB”.");
        Problem::parameter("options", detail)
    };
    let lines = lines(text, "options")?;
    lines
        .into_iter()
        .map(|line| pair(line).ok_or_else(|| wrong(line)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(alert_id: &str) -> Result<Matcher, Problem> {
        SilenceForm {
            alert_id: alert_id.to_owned(),
            ..SilenceForm::default()
        }
        .matcher()
    }

    #[test]
    fn a_silence_of_an_alert_is_for_exactly_what_that_is_of() {
        assert_eq!(
            of("eu/west/42/4=11;5=20").unwrap(),
            Matcher {
                instances: vec![Pattern::text("eu/west")],
                products: vec![Pattern::Id(42)],
                options: vec![
                    (Pattern::Id(4), Pattern::Id(11)),
                    (Pattern::Id(5), Pattern::Id(20))
                ],
                ..Matcher::default()
            }
        );
        assert_eq!(of("default/-3/-").unwrap().products, [Pattern::Id(-3)]);
        assert_eq!(of("pool:a/b").unwrap().pools, [Pattern::text("a/b")]);
        for wrong in ["42", "default/x/-", "default/42/ram", "42/-"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn patterns_stand_one_a_line_and_nothing_is_silenced_by_leaving_all_empty() {
        let form = SilenceForm {
            products: "42\r\n VPS *, small\r\n\r\n".to_owned(),
            options: "RAM: 64 GB\n4=11".to_owned(),
            ..SilenceForm::default()
        };
        let matcher = form.matcher().unwrap();
        assert_eq!(matcher.products, [Pattern::Id(42), Pattern::text("VPS *, small")]);
        assert_eq!(
            matcher.options,
            [
                (Pattern::text("RAM"), Pattern::text("64 GB")),
                (Pattern::Id(4), Pattern::Id(11))
            ]
        );
        let nothing = SilenceForm::default();
        assert_eq!(
            nothing.matcher().unwrap_err().parameter.as_deref(),
            Some("everything")
        );
        let everything = SilenceForm {
            everything: true,
            ..nothing
        };
        assert_eq!(everything.matcher().unwrap(), Matcher::default());
        let half = SilenceForm {
            options: "RAM".to_owned(),
            ..SilenceForm::default()
        };
        assert_eq!(half.matcher().unwrap_err().parameter.as_deref(), Some("options"));
    }
}
