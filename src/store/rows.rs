//! Many rows of one table in few statements.

use jiff::Timestamp;
use sqlx::QueryBuilder;
use sqlx::Sqlite;
use sqlx::query_builder::Separated;

use crate::domain::alerting::state::SeriesState;
use crate::domain::alerting::state::Tracked;
use crate::domain::message::EndedMute;
use crate::domain::pool::Bottleneck;
use crate::domain::stand::Severity;
use crate::store::differences::SeriesRow;
use crate::store::differences::group_name;
use crate::store::value::InstanceId;
use crate::store::value::PollId;
use crate::store::value::Stood;
use crate::store::value::level_code;
use crate::store::value::mute_name;
use crate::store::value::signed;
use crate::store::watched::Conn;

/// Rows in one statement: SQLite takes 32,766 values.
const ROWS: usize = 500;

/// Writes rows in few statements: each is a round trip to the connection's thread.
pub(crate) async fn insert<T>(
    conn: &mut Conn,
    head: &'static str,
    rows: &[T],
    mut bind: impl FnMut(&mut Separated<'_, Sqlite, &'static str>, &T),
) -> Result<(), sqlx::Error> {
    for chunk in rows.chunks(ROWS) {
        let mut query = QueryBuilder::<Sqlite>::new(head);
        query.push_values(chunk, |mut values, row| bind(&mut values, row));
        // Not kept prepared: the text differs with the number of rows, and a large one weighs a megabyte.
        query.build().persistent(false).execute(&mut *conn).await?;
    }
    Ok(())
}

pub(crate) async fn insert_products(
    conn: &mut Conn,
    instance: InstanceId,
    rows: &[&Tracked],
) -> Result<(), sqlx::Error> {
    insert(
        conn,
        "INSERT OR REPLACE INTO products (instance_id, product_id, name, group_id, group_name, hidden, retired, \
         controlled, missing, options_key, per_choice, ambiguous_zero, currency, monthly) ",
        rows,
        |values, tracked| {
            values
                .push_bind(instance.0)
                .push_bind(tracked.id)
                .push_bind(tracked.name.raw())
                .push_bind(tracked.group_id)
                .push_bind(group_name(tracked))
                .push_bind(tracked.hidden)
                .push_bind(tracked.retired)
                .push_bind(tracked.controlled)
                .push_bind(tracked.missing)
                .push_bind(signed(tracked.options_key))
                .push_bind(tracked.per_choice)
                .push_bind(tracked.ambiguous_zero)
                .push_bind(tracked.price.as_ref().map(|price| price.currency.as_str()))
                .push_bind(tracked.price.as_ref().map(|price| price.monthly));
        },
    )
    .await
}

pub(crate) async fn insert_past_products(
    conn: &mut Conn,
    instance: InstanceId,
    poll: PollId,
    rows: &[&Tracked],
) -> Result<(), sqlx::Error> {
    insert(
        conn,
        "INSERT INTO product_history (instance_id, product_id, until_poll, name, group_id, group_name, hidden, \
         retired, present) ",
        rows,
        |values, before| {
            values
                .push_bind(instance.0)
                .push_bind(before.id)
                .push_bind(poll.0)
                .push_bind(before.name.raw())
                .push_bind(before.group_id)
                .push_bind(group_name(before))
                .push_bind(before.hidden)
                .push_bind(before.retired)
                .push_bind(before.missing == 0);
        },
    )
    .await
}

pub(crate) async fn insert_series(
    conn: &mut Conn,
    instance: InstanceId,
    rows: &[SeriesRow<'_>],
) -> Result<(), sqlx::Error> {
    insert(
        conn,
        "INSERT OR REPLACE INTO series (instance_id, product_id, combination, number, label, bottleneck, gone, state, \
         level, last_level, last_known_at, previous_level, severity, since, started_at, pending_low, pending_critical, \
         pending_out, frozen_since, better_since, transition, fingerprint, other_than_zero, born_open, mute, muted, \
         urgent_since, flips, flapping_since) ",
        rows,
        |values, row| {
            let state = row.state;
            let [low, critical, out] = state.pending;
            let key = row.combination.map_or_else(String::new, |c| c.key.to_string());
            values
                .push_bind(instance.0)
                .push_bind(row.tracked.id)
                .push_bind(key)
                .push_bind(state.number)
                .push_bind(row.label())
                .push_bind(row.bottleneck().map(Bottleneck::stored))
                .push_bind(row.gone)
                .push_bind(level_code(state.level))
                .push_bind(state.level.known())
                .push_bind(state.last_level)
                .push_bind(millis(state.last_known_at))
                .push_bind(state.previous_level)
                .push_bind(rank(state.severity))
                .push_bind(state.since.as_millisecond())
                .push_bind(millis(state.started_at))
                .push_bind(millis(low))
                .push_bind(millis(critical))
                .push_bind(millis(out))
                .push_bind(millis(state.frozen_since))
                .push_bind(millis(state.better_since))
                .push_bind(state.transition)
                .push_bind(signed(state.fingerprint))
                .push_bind(state.seen_other_than_zero)
                .push_bind(state.born_open)
                .push_bind(state.notes().mute.as_deref().map(stored_mute))
                .push_bind(state.notes().muted)
                .push_bind(millis(state.notes().urgent_since))
                .push_bind(stored_flips(&state.notes().flips))
                .push_bind(millis(state.notes().flapping_since));
        },
    )
    .await
}

pub(crate) async fn insert_past_labels(
    conn: &mut Conn,
    instance: InstanceId,
    poll: PollId,
    rows: &[(u32, &str)],
) -> Result<(), sqlx::Error> {
    insert(
        conn,
        "INSERT INTO label_history (instance_id, series, until_poll, label) ",
        rows,
        |values, (number, label)| {
            values
                .push_bind(instance.0)
                .push_bind(*number)
                .push_bind(poll.0)
                .push_bind(*label);
        },
    )
    .await
}

pub(crate) async fn insert_levels(
    conn: &mut Conn,
    instance: InstanceId,
    poll: PollId,
    rows: &[(u32, Stood)],
) -> Result<(), sqlx::Error> {
    insert(
        conn,
        "INSERT INTO levels (instance_id, series, poll_id, state, level) ",
        rows,
        |values, (number, stood)| {
            values
                .push_bind(instance.0)
                .push_bind(*number)
                .push_bind(poll.0)
                .push_bind(stood.code())
                .push_bind(stood.level());
        },
    )
    .await
}

pub(crate) async fn replace_told(
    conn: &mut Conn,
    instance: InstanceId,
    states: &[&SeriesState],
) -> Result<(), sqlx::Error> {
    for chunk in states.chunks(ROWS) {
        let mut query = QueryBuilder::<Sqlite>::new("DELETE FROM told WHERE instance_id = ");
        query.push_bind(instance.0).push(" AND series IN (");
        let mut numbers = query.separated(", ");
        for state in chunk {
            numbers.push_bind(state.number);
        }
        query.push(")");
        query.build().persistent(false).execute(&mut *conn).await?;
    }
    let rows: Vec<_> = states
        .iter()
        .flat_map(|state| state.told.iter().map(move |told| (state.number, told)))
        .collect();
    insert(
        conn,
        "INSERT INTO told (instance_id, series, channel, severity, at, missed, worst, escalated, overdue) ",
        &rows,
        |values, (number, told)| {
            values
                .push_bind(instance.0)
                .push_bind(*number)
                .push_bind(&*told.channel)
                .push_bind(rank(told.severity))
                .push_bind(told.at.as_millisecond())
                .push_bind(rank(told.missed))
                .push_bind(rank(told.worst))
                .push_bind(told.escalated)
                .push_bind(told.overdue);
        },
    )
    .await
}

pub(crate) fn millis(at: Option<Timestamp>) -> Option<i64> {
    at.map(Timestamp::as_millisecond)
}

pub(crate) fn rank(severity: Severity) -> i64 {
    i64::from(severity.rank())
}

fn stored_mute(mute: &EndedMute) -> String {
    let EndedMute {
        kind,
        id,
        by,
        comment,
    } = mute;
    serde_json::json!([mute_name(*kind), id, by, comment]).to_string()
}

fn stored_flips(flips: &[Timestamp]) -> Option<String> {
    let millis: Vec<i64> = flips.iter().map(|at| at.as_millisecond()).collect();
    (!millis.is_empty()).then(|| serde_json::json!(millis).to_string())
}
