//! All that `status` shows of one moment: the heading, the table, and what is left out of it.

use jiff::Timestamp;
use serde_json::Value;
use serde_json::json;

use crate::cli::arguments::Limit;
use crate::cli::listing;
use crate::cli::status::asked::Asked;
use crate::cli::status::columns::Table;
use crate::cli::status::glance::Glance;
use crate::cli::status::heading::Heading;
use crate::cli::status::rows;
use crate::cli::status::rows::Row;
use crate::cli::status::text::Line;
use crate::cli::status::text::Paint;
use crate::observe::items::Item;
use crate::observe::pools::PoolItem;
use crate::web::rows::Pasts;
use crate::web::selection::Selection;
use crate::web::show::grouped;

/// So many rows a person reads, where not more than that ask for attention.
const READ: usize = 50;

/// On a lower screen what runs out next gets two lines.
const HIGH: usize = 40;

/// What there is room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// No person looks: nothing is cut, each series has one line.
    Endless,
    /// A terminal of that width that scrolls.
    Wide(usize),
    /// A screen: its width and height.
    Screen(usize, usize),
}

impl Room {
    /// The width.
    #[must_use]
    pub fn width(self) -> Option<usize> {
        match self {
            Self::Endless => None,
            Self::Wide(width) | Self::Screen(width, _) => Some(width),
        }
    }
}

/// The lines of it.
#[must_use]
pub fn lines(glance: &Glance, asked: &Asked, room: Room, now: Timestamp) -> Vec<Line> {
    let selection = Selection::of(&glance.index, &glance.seen, &asked.filters, &asked.shows);
    let past = Pasts::new();
    let heading = Heading {
        glance,
        asked,
        within: room.width(),
        now,
    };
    let mut lines = heading.lines(&selection);
    if room != Room::Endless {
        let mut next = heading.next(&past);
        if let Room::Screen(_, height) = room
            && height < HIGH
        {
            next.truncate(2);
        }
        lines.extend(next);
    }
    if let Room::Screen(_, height) = room {
        // However much there is to say, some rows can be seen.
        lines.truncate(height / 2);
    }
    let most = match room {
        Room::Screen(_, height) => height,
        Room::Endless | Room::Wide(_) => usize::MAX,
    };
    let body = match room {
        Room::Endless => Body::single(rows::single_rows(glance, asked, &past, now), asked.limit),
        Room::Wide(_) | Room::Screen(..) if asked.combinations => {
            let all = rows::single_rows(glance, asked, &past, now);
            let total = all.len();
            Body::grouped(all.into_iter().map(|row| vec![row]), total, asked.limit, most)
        }
        Room::Wide(_) | Room::Screen(..) => {
            let all = rows::grouped_rows(glance, asked, &selection, &past, now);
            Body::grouped(all, selection.total(), asked.limit, most)
        }
    };
    lines.extend(heading.narrowed(body.total));
    if body.rows.is_empty() {
        return lines;
    }
    lines.push(Line::default());
    body.write(&mut lines, room);
    lines
}

/// The rows that are shown.
struct Body {
    /// What belongs together.
    rows: Vec<Vec<Row>>,
    /// How many there are in all.
    total: usize,
}

impl Body {
    fn single(rows: Vec<Row>, limit: Limit) -> Self {
        let total = rows.len();
        let shown = match limit {
            Limit::Rows(most) => most,
            Limit::Sensible | Limit::All => usize::MAX,
        };
        let rows = rows.into_iter().take(shown).map(|row| vec![row]).collect();
        Self { rows, total }
    }

    fn grouped(all: impl Iterator<Item = Vec<Row>>, total: usize, limit: Limit, most: usize) -> Self {
        let mut rows: Vec<Vec<Row>> = Vec::new();
        for mut group in all.take(most) {
            // On a screen there is to be room for others too.
            rows::shorten(&mut group, (most / 8).max(2));
            let is_urgent = group.iter().any(|row| row.place.is_urgent() || row.soon);
            let is_enough = match limit {
                Limit::Sensible => !is_urgent && rows.len() >= READ,
                Limit::Rows(most) => rows.len() >= most,
                Limit::All => false,
            };
            if is_enough {
                break;
            }
            rows.push(group);
        }
        Self { rows, total }
    }

    /// Adds what there is room for, and says how much there is not.
    fn write(&self, lines: &mut Vec<Line>, room: Room) {
        let all: Vec<Row> = self.rows.iter().flatten().cloned().collect();
        let table = Table::fitted(&all, room.width());
        lines.push(table.head());
        let mut shown = 0;
        for group in &self.rows {
            let of_group: Vec<Line> = group.iter().flat_map(|row| table.row(row)).collect();
            if let Room::Screen(_, height) = room {
                // The last line says what there is no room for.
                let is_last = shown + 1 == self.total;
                let most = height.saturating_sub(usize::from(!is_last));
                let left = most.saturating_sub(lines.len());
                if of_group.len() > left {
                    // One that is taller than the screen is begun at least.
                    if shown == 0 {
                        lines.extend(of_group.into_iter().take(left));
                        shown = 1;
                    }
                    break;
                }
            }
            lines.extend(of_group);
            shown += 1;
        }
        let more = self.total - shown;
        if more > 0 {
            lines.push(left_out(more, room));
        }
    }
}

fn left_out(more: usize, room: Room) -> Line {
    let hint = match room {
        Room::Endless => "",
        Room::Wide(_) => "; --limit all shows them, --severity and -q narrow it",
        Room::Screen(..) => "; --severity and -q narrow it",
    };
    let line = Line::of(format!("{} more{hint}", grouped(more)), Paint::Quiet);
    match room.width() {
        Some(width) => line.within(width),
        None => line,
    }
}

/// The same for machines.
#[must_use]
pub fn json(glance: &Glance, asked: &Asked, now: Timestamp) -> Value {
    let board = &glance.seen.pools;
    let most = match asked.limit {
        Limit::Rows(most) => most,
        Limit::Sensible | Limit::All => usize::MAX,
    };
    let all = asked.lines(&glance.seen);
    let lines = all.iter().take(most);
    let items: Vec<Item<'_>> = lines.map(|line| glance.said.item(line, board)).collect();
    let pools: Vec<PoolItem<'_>> = rows::pools_of(glance, asked)
        .map(|pool| glance.said.pool(pool))
        .collect();
    json!({ "at": now, "items": items, "pools": pools })
}

/// That the options of some products are not known, in words; `None` where all are.
#[must_use]
pub fn unknown_options(glance: &Glance) -> Option<String> {
    let shops = glance.seen.instances.iter();
    let shops: Vec<_> = shops.map(|shop| (&*shop.name, &*shop.memory)).collect();
    listing::unknown_options(&shops)
}
