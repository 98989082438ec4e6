//! How the monitor fares in one line, for `systemctl status`.

use jiff::SignedDuration;
use jiff::Timestamp;

use crate::domain::stand::Counts;
use crate::notify::report::say::grouped;
use crate::observe::items::entries;
use crate::observe::view::Instance;
use crate::observe::view::Seen;
use crate::service::beats::Late;
use crate::store::db::Unwritable;
use crate::web::api::summary;
use crate::web::trust::Standing;
use crate::web::trust::standing;

/// The most shops whose trouble is told.
const TOLD: usize = 2;

/// What is wrong first, then how the stock stands and when it is looked at next.
#[must_use]
pub fn state_line(seen: &Seen, unwritable: Option<Unwritable>, late: &[Late], now: Timestamp) -> String {
    let mut parts: Vec<String> = late.iter().map(silent).collect();
    if let Some(why) = unwritable {
        parts.push(format!("{} {}", why.words, why.mend));
    }
    let mut line = parts.join(" ");
    if !line.is_empty() {
        line.push(' ');
    }
    line.push_str(&shops(seen, now));
    if let Some(next) = next_poll(seen, now) {
        line.push_str("; next poll ");
        line.push_str(&next);
    }
    line
}

/// `The loop "polls of eu" hangs.`
#[must_use]
pub fn silent(late: &Late) -> String {
    let does = if late.fell { "failed" } else { "hangs" };
    format!("The loop \"{}\" {does}.", late.name)
}

/// `3 shops read, 12 of 4,000 products out`
fn shops(seen: &Seen, now: Timestamp) -> String {
    let all = seen.instances.len();
    let of_all = |count: usize| match (count, all) {
        (_, 0) => "No shop is configured".to_owned(),
        (count, all) if count < all => format!("{count} of {all} shops read"),
        (_, 1) => "1 shop read".to_owned(),
        (_, all) => format!("{all} shops read"),
    };
    if all > 0 && seen.not_attempted().count() == all {
        return "The first poll is under way".to_owned();
    }
    let is_read = |shop: &&Instance| matches!(standing(shop, now), Standing::Current | Standing::Short);
    let mut line = of_all(seen.instances.iter().filter(is_read).count());
    let troubles: Vec<String> = seen
        .instances
        .iter()
        .filter_map(|shop| summary::why(shop, standing(shop, now)))
        .collect();
    let told: Vec<&str> = troubles
        .iter()
        .take(TOLD)
        .map(|why| why.trim_end_matches('.'))
        .collect();
    if !told.is_empty() {
        let more = if troubles.len() > TOLD { "; …" } else { "" };
        line.push_str(&format!(" ({}{more})", told.join("; ")));
    }
    let products = counted(seen);
    let (out, total) = (grouped(products.out as u64), grouped(products.total() as u64));
    format!("{line}, {out} of {total} products out")
}

fn counted(seen: &Seen) -> Counts {
    let mut products = Counts::default();
    let all = seen.instances.iter();
    let entries = all.flat_map(|shop| entries(&shop.name, &shop.memory));
    for entry in entries.filter(|entry| entry.combination.is_none() && !entry.is_gone()) {
        products.add(entry.series().level, entry.series().severity);
    }
    products
}

/// The soonest one, in the configured zone; with its day where that is far.
fn next_poll(seen: &Seen, now: Timestamp) -> Option<String> {
    let next = seen.instances.iter().filter_map(|shop| shop.next_by).min()?;
    let form = if next.duration_since(now) < SignedDuration::from_hours(20) {
        "%H:%M"
    } else {
        "%-d %b %H:%M"
    };
    Some(next.to_zoned(seen.zone()).strftime(form).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::alerting::decision::Outcome;
    use crate::domain::source::Cause;
    use crate::observe::view::LastPoll;
    use crate::observe::view::View;
    use jiff::tz::TimeZone;
    use std::sync::Arc;
    use std::time::Duration;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn view(shops: &[(&str, Option<Outcome>)], now: Timestamp) -> View {
        let instances = shops.iter().map(|(name, _)| Instance::new(name, Arc::default()));
        let view = View::new(instances.collect(), &[]);
        view.configure(Arc::from([]), TimeZone::get("Europe/Berlin").unwrap());
        for (name, outcome) in shops {
            let Some(outcome) = *outcome else { continue };
            let mut memory = crate::domain::alerting::state::Memory::default();
            if outcome == Outcome::Accepted {
                memory.source.last_accepted_at = Some(now);
            }
            let poll = LastPoll {
                observed_at: now,
                outcome,
                detail: String::new(),
            };
            view.expect(name, now.checked_add(Duration::from_secs(300)).ok());
            view.publish(name, Arc::new(memory), poll);
        }
        view
    }

    #[test]
    fn what_is_wrong_comes_first_and_the_next_poll_last_in_the_configured_zone() {
        let now = at("2026-11-21T13:00:00Z");
        let line = |shops: &[(&str, Option<Outcome>)]| state_line(&view(shops, now).seen(), None, &[], now);
        insta::assert_snapshot!(line(&[("eu", None), ("us", None)]), @"The first poll is under way");
        insta::assert_snapshot!(line(&[("eu", Some(Outcome::Accepted))]), @"1 shop read, 0 of 0 products out; next poll 14:05");
        insta::assert_snapshot!(
            line(&[("eu", Some(Outcome::Accepted)), ("us", Some(Outcome::Failed(Cause::Dns)))]),
            @"1 of 2 shops read (us cannot be read: The server's name could not be resolved), 0 of 0 products out; next poll 14:05"
        );
        let late = Late {
            name: "polls of eu".into(),
            by: Duration::from_secs(5),
            fell: false,
        };
        let unwritable = Unwritable {
            words: "The database cannot be written: the disk is full, read-only or failing.",
            mend: "Make room, or mend the disk.",
        };
        let seen = view(&[("eu", Some(Outcome::Accepted))], now).seen();
        insta::assert_snapshot!(state_line(&seen, Some(unwritable), &[late], now), @r#"The loop "polls of eu" hangs. The database cannot be written: the disk is full, read-only or failing. Make room, or mend the disk. 1 shop read, 0 of 0 products out; next poll 14:05"#);
    }
}
