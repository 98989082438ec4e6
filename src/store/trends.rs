//! How the levels of many series went over some days, in few steps: whatever the history holds, it costs as much.

use jiff::SignedDuration;
use jiff::Timestamp;

use crate::store::error::StoreError;
use crate::store::past_levels::last_poll;
use crate::store::reader::Reader;
use crate::store::value::InstanceId;
use crate::store::value::json;
use crate::store::value::to_json;

/// A stretch of time in slots of one length, oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slots {
    pub from: Timestamp,
    pub length: SignedDuration,
    pub count: usize,
}

/// The last poll that read a shop in each slot; where there was none, the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marks {
    pub instance: InstanceId,
    /// One for each slot; 0 where none had read it yet.
    polls: Vec<i64>,
    /// Whether the shop was read within the slot.
    read: Vec<bool>,
}

impl Marks {
    /// Whether the shop was read within the slot, or is read so seldom that it need not be.
    #[must_use]
    pub fn is_read(&self, slot: usize) -> bool {
        let seldom = self.read.iter().filter(|read| **read).count() * 2 < self.read.len();
        seldom || self.read.get(slot).copied().unwrap_or_default()
    }
}

impl Reader {
    /// When the shop was read in those slots.
    pub async fn marks(&self, instance: InstanceId, slots: Slots) -> Result<Marks, StoreError> {
        let mut view = self.pool.begin().await?;
        let before = last_poll(&mut view, instance, slots.from).await?;
        let rows: Vec<(i64, i64)> = sqlx::query_as(
            "SELECT (observed_at - ?3) / ?4 AS slot, max(id) FROM polls WHERE instance_id = ?1 AND id > ?2 \
             AND outcome = 0 AND part = 0 AND observed_at > ?3 GROUP BY slot ORDER BY slot",
        )
        .bind(instance.0)
        .bind(before)
        .bind(slots.from.as_millisecond())
        .bind(i64::try_from(slots.length.as_millis()).unwrap_or(i64::MAX).max(1))
        .fetch_all(&mut view)
        .await?;
        let mut marks = Marks {
            instance,
            polls: Vec::with_capacity(slots.count),
            read: Vec::with_capacity(slots.count),
        };
        let mut rows = rows.into_iter().peekable();
        let mut last = before;
        for slot in 0..slots.count {
            let found = rows.next_if(|(found, _)| usize::try_from(*found) == Ok(slot));
            last = found.map_or(last, |(_, poll)| poll);
            marks.polls.push(last);
            marks.read.push(found.is_some());
        }
        Ok(marks)
    }

    /// The figures of the shop's series at those marks; none where one was not known. One query for all of them.
    pub async fn levels_at(
        &self,
        marks: &Marks,
        series: &[u32],
    ) -> Result<Vec<(u32, Vec<Option<i64>>)>, StoreError> {
        let rows: Vec<(u32, String)> = sqlx::query_as(
            "SELECT s.value, json_group_array((SELECT CASE l.state WHEN 0 THEN l.level END FROM levels l \
             WHERE l.instance_id = ?1 AND l.series = s.value AND l.poll_id <= m.value ORDER BY l.poll_id DESC LIMIT 1) \
             ORDER BY m.key) FROM json_each(?2) s CROSS JOIN json_each(?3) m GROUP BY s.key",
        )
        .bind(marks.instance.0)
        .bind(to_json(&series)?)
        .bind(to_json(&marks.polls)?)
        .fetch_all(&self.pool)
        .await?;
        let levels = |(series, levels): (u32, String)| Ok((series, json(&levels)?));
        rows.into_iter().map(levels).collect()
    }
}
