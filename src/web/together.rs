//! What happened at once to many combinations of a product, to be shown as one line that can be opened.

use crate::store::history::RecordedEvent;

/// From how many on they are one line.
const MANY: usize = 3;

/// Events in their order, those that go together beside each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Together<'a> {
    One(&'a RecordedEvent),
    /// One poll brought the same to several combinations of a product: the first of them, and all.
    Many(&'a RecordedEvent, &'a [RecordedEvent]),
}

/// How many events are read for the lines of a page: what one poll brought to a thousand combinations is still one line.
pub const READ: usize = 1_000;

/// How many of the events, `READ` and one more where there are so many, make the first so many lines.
#[must_use]
pub fn first(events: &[RecordedEvent], lines: usize) -> usize {
    let lengths = together(events).into_iter().map(|line| match line {
        Together::One(_) => 1,
        Together::Many(_, events) => events.len(),
    });
    let mut lengths: Vec<usize> = lengths.take(lines).collect();
    // What was read no further than to its middle stands whole on the next page, unless it is all there is.
    if lengths.len() > 1 && lengths.iter().sum::<usize>() > READ {
        lengths.pop();
    }
    lengths.iter().sum::<usize>().min(READ)
}

/// The events, with neighbours of one cause put together.
#[must_use]
pub fn together(events: &[RecordedEvent]) -> Vec<Together<'_>> {
    let runs = events.chunk_by(are_one);
    runs.flat_map(|run| match run {
        [first, ..] if run.len() >= MANY => vec![Together::Many(first, run)],
        few => few.iter().map(Together::One).collect(),
    })
    .collect()
}

/// The same change of the same product, seen by the same poll. A pool speaks for itself.
fn are_one(one: &RecordedEvent, other: &RecordedEvent) -> bool {
    let of_combinations = one.combination.is_some() && other.combination.is_some();
    let sure = one.poll.is_some() && one.pool.is_none() && other.pool.is_none();
    let what = |event: &RecordedEvent| {
        (
            event.poll,
            event.at,
            event.product_id,
            event.severity_from,
            event.severity_to,
            event.is_first_figure(),
        )
    };
    of_combinations
        && sure
        && what(one) == what(other)
        && (&one.instance, &one.kind, &one.reason) == (&other.instance, &other.kind, &other.reason)
}

/// What all of these combinations have in common, as in `RAM: 64 GB, Disk: 2x NVMe`; "" where that is nothing.
fn common(labels: &[&str]) -> String {
    let Some((first, rest)) = labels.split_first() else {
        return String::new();
    };
    let shared = first.split(", ").filter(|part| {
        rest.iter()
            .all(|label| label.split(", ").any(|other| other == *part))
    });
    shared.collect::<Vec<&str>>().join(", ")
}

/// `RAM: 64 GB: 12 combinations`
#[must_use]
pub fn title(labels: &[&str]) -> String {
    let count = format!("{} combinations", labels.len());
    match common(labels).as_str() {
        "" => count,
        shared => format!("{shared}: {count}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::stand::Severity;
    use crate::store::value::PollId;
    use jiff::Timestamp;

    fn event(id: i64, combination: Option<&str>, poll: i64) -> RecordedEvent {
        RecordedEvent {
            id,
            instance: "default".to_owned(),
            pool: None,
            key: id.to_string(),
            poll: Some(PollId(poll)),
            at: Timestamp::UNIX_EPOCH,
            kind: "severity".to_owned(),
            product_id: Some(1),
            combination: combination.map(str::to_owned),
            severity_from: Some(Severity::Ok),
            severity_to: Some(Severity::Out),
            reason: Some("first".to_owned()),
            level: Some(0),
            previous_level: Some(3),
            detail: None,
        }
    }

    /// The events' ids, line by line.
    fn lines(events: &[RecordedEvent]) -> Vec<Vec<i64>> {
        let lines = together(events).into_iter().map(|line| match line {
            Together::One(event) => vec![event.id],
            Together::Many(_, events) => events.iter().map(|event| event.id).collect(),
        });
        lines.collect()
    }

    #[test]
    fn what_one_poll_brought_to_many_combinations_is_one_line() {
        let mut events: Vec<RecordedEvent> = (1..=4).map(|id| event(id, Some("4=11"), 7)).collect();
        events.push(event(5, None, 7));
        events.extend((6..=8).map(|id| event(id, Some("4=11"), 8)));
        events.extend((9..=10).map(|id| event(id, Some("4=11"), 9)));
        assert_eq!(
            lines(&events),
            [vec![1, 2, 3, 4], vec![5], vec![6, 7, 8], vec![9], vec![10]]
        );
    }

    #[test]
    fn a_page_takes_whole_lines_and_leaves_one_that_was_not_read_to_its_end_to_the_next() {
        let many = |from: i64, count: i64, poll: i64| {
            (from..from + count).map(move |id| event(id, Some("4=11"), poll))
        };
        let events: Vec<RecordedEvent> = many(1, 36, 7)
            .chain(many(37, 36, 8))
            .chain(many(73, 2, 9))
            .collect();
        assert_eq!(first(&events, 2), 72);
        assert_eq!(first(&events, 3), 73);
        assert_eq!(first(&events, 9), 74);
        assert_eq!(first(&[], 9), 0);
        let read = i64::try_from(READ).unwrap() + 1;
        let cut: Vec<RecordedEvent> = many(1, 36, 7).chain(many(37, read - 36, 8)).collect();
        assert_eq!(first(&cut, 9), 36);
        let all_of_one: Vec<RecordedEvent> = many(1, read, 7).collect();
        assert_eq!(first(&all_of_one, 9), READ);
    }

    #[test]
    fn what_differs_in_anything_that_is_shown_stays_apart() {
        let apart = |change: fn(&mut RecordedEvent)| {
            let mut events: Vec<RecordedEvent> = (1..=4).map(|id| event(id, Some("4=11"), 7)).collect();
            change(&mut events[1]);
            lines(&events).len() == 4
        };
        assert!(!apart(|event| event.level = Some(-1)));
        assert!(apart(|event| event.product_id = Some(2)));
        assert!(apart(|event| event.instance = "eu".to_owned()));
        assert!(apart(|event| event.severity_to = Some(Severity::Low)));
        assert!(apart(|event| event.previous_level = None));
        assert!(apart(|event| event.reason = Some("worse".to_owned())));
        assert!(apart(|event| event.pool = Some("NVMe".to_owned())));
        assert!(apart(|event| event.poll = None));
    }

    #[test]
    fn a_line_is_called_by_what_its_combinations_have_in_common() {
        let shared = ["RAM: 64 GB, Disk: NVMe", "RAM: 64 GB, Disk: SSD", "RAM: 64 GB"];
        assert_eq!(title(&shared), "RAM: 64 GB: 3 combinations");
        assert_eq!(title(&["RAM: 64 GB", "RAM: 640 GB"]), "2 combinations");
    }
}
