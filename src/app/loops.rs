//! The loops of one configuration: a poll loop a shop, a delivery loop a channel, one for reminders.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::app::Generation;
use crate::app::Lasting;
use crate::app::heartbeat;
use crate::app::heartbeat::Pulse;
use crate::config::instances::InstanceConfig;
use crate::domain::alerting::decision::Outcome;
use crate::domain::alerting::rules::Rules;
use crate::domain::alerting::state::Memory;
use crate::domain::alerting::unmatched;
use crate::domain::alerting::unmatched::MATCHING;
use crate::domain::capacity::Capacities;
use crate::hints::desk::Desk;
use crate::hints::wanted::Scope;
use crate::hints::wanted::Wanted;
use crate::jobs::check::Check;
use crate::jobs::check::Checked;
use crate::jobs::deliver::Attempted;
use crate::jobs::deliver::Deliver;
use crate::jobs::keep::Keep;
use crate::jobs::keep::Kept;
use crate::jobs::remind::Remind;
use crate::jobs::report::Plan;
use crate::jobs::report::Reporting;
use crate::jobs::report::Step;
use crate::observe::counters::Counters;
use crate::observe::counters::Request;
use crate::observe::view::LastPoll;
use crate::observe::view::Seen;
use crate::observe::view::View;
use crate::scheduler;
use crate::scheduler::After;
use crate::scheduler::Schedule;
use crate::scheduler::Why;
use crate::scheduler::ticker::Ticker;
use crate::service::beats::Beat;
use crate::store::db::Store;
use crate::store::error::ErrorKind;
use crate::store::error::StoreError;
use crate::web::hints;

/// How often reminders look at the clock.
const REMIND_EVERY: Duration = Duration::from_secs(20);
/// How often it is looked whether every shop was asked, before the first report can be made.
const REPORT_READY: Duration = Duration::from_secs(1);
/// How often it is looked whether a report is due.
const REPORT_EVERY: Duration = Duration::from_secs(10);
/// How often it is looked whether there are refused hints to tell of.
const REFUSALS_EVERY: Duration = Duration::from_secs(10);
/// A delivery loop looks at the outbox at least this often, whatever it was told.
const DELIVER_AT_LEAST: Duration = Duration::from_secs(60);
/// A `Retry-After` moves the next poll at most this far beyond the schedule, as failures do.
const LONGEST_ASKED: Duration = Duration::from_secs(15 * 60);
/// The most products named one by one in the log of a poll.
const NAMED: usize = 20;
/// Longer than any step of a loop takes, however slow the disk and the other side: one that takes longer hangs. A poll may
/// take as long as requests end.
const STEP: Duration = Duration::from_secs(15 * 60);
/// How often it is looked what may go; and how soon after the start, which others need more.
const KEEP_EVERY: Duration = Duration::from_secs(3600);
const KEEP_FIRST: Duration = Duration::from_secs(60);
/// The first round of a database with years of history works out all its days.
const KEEP_LONGEST: Duration = Duration::from_secs(6 * 3600);
/// After the database failed a delivery loop.
const STORE_PAUSE: Duration = Duration::from_secs(5);

/// The running loops.
#[derive(Debug, Default)]
pub struct Loops {
    cancel: CancellationToken,
    pub(super) tasks: JoinSet<()>,
}

/// Wakes the delivery loops, by channel name.
type Nudges = Arc<Vec<(String, Arc<Notify>)>>;

impl Loops {
    /// Starts the loops of a generation.
    #[must_use]
    pub fn start(lasting: &Lasting, generation: &Generation) -> Self {
        let cancel = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let (config, beats) = (&generation.config, &lasting.beats);
        let nudges: Nudges = Arc::new(
            generation
                .channel_names()
                .into_iter()
                .map(|name| (name, Arc::default()))
                .collect(),
        );
        for (place, (name, nudge)) in nudges.iter().enumerate() {
            let deliver = Deliver::new(lasting.store.clone(), Arc::clone(&generation.telling), place);
            let counters = Arc::clone(&lasting.counters);
            let shown = (counters, Arc::clone(&lasting.view));
            let life = (beats.begin(&format!("deliveries of {name}")), cancel.clone());
            tasks.spawn(deliver_loop(deliver, Arc::clone(nudge), shown, life));
        }
        let instances = config.instances.iter().enumerate();
        let checks: Arc<[Check]> = instances
            .map(|(place, instance)| generation.check(place, &lasting.store, details_budget(instance)))
            .collect();
        let pulse: Arc<Pulse> = Arc::default();
        if let Some(url) = config.heartbeat_url.clone() {
            let counters = Arc::clone(&lasting.counters);
            let life = (beats.begin("heartbeat"), cancel.clone());
            tasks.spawn(heartbeat::run(url, Arc::clone(&pulse), counters, life));
        }
        for (check, instance) in checks.iter().zip(&config.instances) {
            let poll = Poll {
                check: check.clone(),
                checks: Arc::clone(&checks),
                schedule: instance.schedule.clone(),
                view: Arc::clone(&lasting.view),
                counters: Arc::clone(&lasting.counters),
                nudges: Arc::clone(&nudges),
                pulse: Arc::clone(&pulse),
                wanted: lasting.desk.wanted(&instance.name),
                began: AtomicBool::new(false),
                longest: STEP + 4 * instance.api.timeout,
                beat: beats.begin(&format!("polls of {}", instance.name)),
                cancel: cancel.clone(),
            };
            tasks.spawn(poll.repeat(lasting.ticker.clone()));
        }
        let remind = Remind::new(
            generation
                .shops
                .iter()
                .map(|(shop, _)| Arc::clone(shop))
                .collect(),
            lasting.store.clone(),
            Arc::clone(&generation.rules),
            (Arc::clone(&generation.capacities), generation.pools.clone()),
            Arc::clone(&generation.telling),
            config.reminder_at,
            config.timezone.clone(),
        )
        .with_windows(&config.windows);
        let life = (beats.begin("refused hints"), cancel.clone());
        tasks.spawn(refusals_loop(Arc::clone(&lasting.desk), life));
        tasks.spawn(remind_loop(
            Arc::clone(&generation.rules),
            Arc::clone(&generation.capacities),
            remind,
            Arc::clone(&lasting.view),
            Arc::clone(&nudges),
            (beats.begin("reminders"), cancel.clone()),
        ));
        let keep = Keep {
            store: lasting.store.clone(),
            retention: config.retention,
        };
        let life = (beats.begin("retention"), cancel.clone());
        tasks.spawn(keep_loop(keep, Arc::clone(&lasting.counters), life));
        tasks.spawn(report_loop(
            generation.reporting(&lasting.store),
            Arc::clone(&lasting.view),
            Arc::clone(&lasting.counters),
            nudges,
            (beats.begin("reports"), cancel.clone()),
        ));
        Self { cancel, tasks }
    }

    /// Waits for a loop to end before it was told to: a fault, in words.
    pub async fn fault(&mut self) -> String {
        match self.tasks.join_next().await {
            Some(Ok(())) => "a loop ended by itself".to_owned(),
            Some(Err(error)) => error.to_string(),
            None => "no loop is running".to_owned(),
        }
    }

    /// Tells the loops to stop and waits for the steps that have begun, no longer than `grace`.
    pub async fn stop(&mut self, grace: Duration) {
        self.cancel.cancel();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(grace, all).await.is_err() {
            tracing::warn!("Steps that did not end in time were broken off; nothing recorded is lost.");
            self.tasks.shutdown().await;
        }
    }
}

/// Half of the schedule, so that a slow custom action never makes polls overlap.
fn details_budget(instance: &InstanceConfig) -> Duration {
    instance.schedule.typical_interval(Timestamp::now()) / 2
}

/// A random number in 0..1.
fn random() -> f64 {
    let bits = u32::from_le_bytes(Uuid::new_v4().as_bytes()[..4].try_into().unwrap_or_default());
    f64::from(bits) / f64::from(u32::MAX)
}

/// The poll loop of one shop.
struct Poll {
    check: Check,
    /// Of all shops.
    checks: Arc<[Check]>,
    schedule: Schedule,
    view: Arc<View>,
    counters: Arc<Counters>,
    nudges: Nudges,
    /// What an outside service hears of it.
    pulse: Arc<Pulse>,
    /// What hints and people want looked at between the times of the schedule.
    wanted: Arc<Wanted>,
    began: AtomicBool,
    /// How long a poll may go on without an answer of the shop.
    longest: Duration,
    beat: Beat,
    cancel: CancellationToken,
}

impl Poll {
    async fn repeat(self, ticker: Ticker) {
        let nudge = || async {
            // The first poll comes at once, also on a cron schedule; a plain interval begins with one anyway.
            if self.began.load(Ordering::Relaxed) {
                self.beat.waiting(self.wanted.due()).await;
            }
        };
        scheduler::repeat(&ticker, &self.schedule, self.cancel.clone(), nudge, |at, why| {
            self.step(at, why)
        })
        .await;
    }

    async fn step(&self, now: Timestamp, why: Why) -> After {
        let first = !self.began.swap(true, Ordering::Relaxed);
        let begins = Instant::now();
        let products = match why {
            Why::Nudged if !first => match self.wanted.begin(begins) {
                Some(Scope::Only(products)) => products.into_iter().collect(),
                Some(Scope::All) => Vec::new(),
                None => return After::Unmoved,
            },
            Why::Nudged | Why::OnTime => {
                self.wanted.scheduled(begins);
                self.note_interval(now);
                Vec::new()
            }
        };
        let failures = self.check.store.failures();
        let look = async {
            if products.is_empty() {
                self.check.run(now, &self.cancel).await
            } else {
                self.check.run_part(&products, now, &self.cancel).await
            }
        };
        let ended = || self.check.client.requests();
        let looked = self.beat.moving(self.longest, ended, look).await;
        self.beat.within(STEP);
        match looked {
            Ok(Some(checked)) => {
                self.show_pools(&checked).await;
                let after = self.ended(&checked, now).await;
                self.refresh_others(&checked).await;
                self.renew_forecasts(now).await;
                after
            }
            // Told to stop while looking: nothing was seen.
            Ok(None) => After::OnSchedule,
            Err(error) => {
                self.check.store.not_recorded(&error, failures);
                // Pages that are open say so.
                self.view.touch();
                self.not_recorded(&error)
            }
        }
    }

    /// By a cron schedule a night may be a long interval: nothing is late then.
    fn note_interval(&self, now: Timestamp) {
        let next = self.schedule.next_after(now);
        let interval = next.and_then(|next| Duration::try_from(next.duration_since(now)).ok());
        if let Some(interval) = interval {
            self.counters.poll_interval(&self.check.shop.name, interval);
        }
    }

    /// Shops side by side show the pools one after the other, in the order of their commits.
    async fn show_pools(&self, checked: &Checked) {
        let (Some(pools), Some(_)) = (&self.check.pools, &checked.pools) else {
            return;
        };
        let show = |board| self.view.show_pools(board);
        let shown = pools.show(&self.check.store, &self.check.rules, Timestamp::now(), show);
        if let Err(error) = shown.await {
            tracing::error!(%error, "Pages show the pools as they were.");
        }
    }

    /// Once an hour, after a poll: the next one is decided by what is known then.
    async fn renew_forecasts(&self, now: Timestamp) {
        let shop = &self.check.shop;
        if let Err(error) = shop.renew_forecasts(&self.check.store, now).await {
            tracing::error!(shop = shop.name, %error, "The sell rates stay as they were.");
        }
    }

    /// The other shops' levels follow the pools that this one moved, without asking WHMCS.
    async fn refresh_others(&self, checked: &Checked) {
        let pools = &self.check.capacities.pools;
        let moved = || checked.moved.iter().filter_map(|place| pools.get(*place));
        for other in self.checks.iter() {
            let shop = other.shop.name.as_str();
            if shop == self.check.shop.name || !moved().any(|pool| pool.concerns(shop)) {
                continue;
            }
            self.beat.within(STEP);
            match other.refresh(Timestamp::now()).await {
                Ok(Some(refreshed)) => self.refreshed(other, &refreshed).await,
                Ok(None) => {}
                Err(error) => tracing::error!(
                    shop, %error,
                    "What a moved pool means for its levels could not be recorded; the next poll tries again."
                ),
            }
        }
    }

    async fn refreshed(&self, other: &Check, refreshed: &Checked) {
        let shop = other.shop.name.as_str();
        if refreshed.level_changes > 0 {
            let (changes, by) = (refreshed.level_changes, self.check.shop.name.as_str());
            tracing::info!(shop, changes, by, "A pool moved.");
        }
        log_headlines(shop, refreshed);
        self.show_pools(refreshed).await;
        let show = |memory| self.view.remember(shop, memory);
        other.shop.show(&refreshed.memory, show).await;
        self.nudge(refreshed);
    }

    fn nudge(&self, checked: &Checked) {
        for (name, nudge) in self.nudges.iter() {
            if checked.headlines.iter().any(|(channel, _)| channel == name) {
                nudge.notify_one();
            }
        }
    }

    async fn ended(&self, checked: &Checked, now: Timestamp) -> After {
        let shop = self.check.shop.name.as_str();
        log_poll(shop, checked);
        self.count(checked);
        let failed = matches!(checked.outcome, Outcome::Failed(_));
        let after = self.after(checked, now);
        self.expect(after);
        // A run of answers that are not credible is no shorter for hints.
        self.wanted.ended(checked.memory.source.failures == 0);
        // Another shop's loop may have refreshed this one meanwhile: what was committed last is shown.
        let show = |memory| {
            if checked.look.part && !failed {
                // The last look at the catalogue is still the last.
                self.view.remember(shop, memory);
            } else {
                let last = LastPoll {
                    observed_at: checked.look.observed_at,
                    outcome: checked.outcome,
                    detail: checked.detail.clone(),
                };
                self.view.publish(shop, memory, last);
            }
        };
        self.check.shop.show(&checked.memory, show).await;
        let patience = self.check.rules.patience();
        self.pulse
            .polled(checked.outcome, &self.view.seen(), patience, now);
        self.nudge(checked);
        after
    }

    /// Says when the next poll is, as far as this one decides it.
    fn expect(&self, after: After) {
        let now = Timestamp::now();
        let next_by = match after {
            After::OnSchedule => self.schedule.next_after(now),
            After::In(wait) => now.checked_add(wait).ok(),
            After::Unmoved => return,
        };
        self.view.expect(&self.check.shop.name, next_by);
    }

    fn count(&self, checked: &Checked) {
        let shop = self.check.shop.name.as_str();
        let requests: Vec<Request<'_>> = checked
            .look
            .requests
            .iter()
            .map(|request| Request {
                action: request.action,
                cause: request.cause,
                took: request.duration,
            })
            .collect();
        let cause = checked.outcome.cause();
        if checked.look.part {
            self.counters.part_poll(shop, cause, &requests);
        } else {
            self.counters.poll(shop, cause, checked.look.duration, &requests);
        }
    }

    /// A failed poll stretches the next; a suspect one does not, since it takes more looks to believe it.
    fn after(&self, checked: &Checked, now: Timestamp) -> After {
        let Outcome::Failed(cause) = checked.outcome else {
            return if checked.look.part {
                After::Unmoved
            } else {
                After::OnSchedule
            };
        };
        let failures = checked.memory.source.failures;
        let wait = self
            .schedule
            .stretched(failures, cause.is_transient(), now, random());
        let asked = checked
            .look
            .result
            .as_ref()
            .err()
            .and_then(|failure| failure.retry_after);
        // Obeyed, but never so long that the shop would count as down much later than it is.
        let longest = self.schedule.typical_interval(now) + LONGEST_ASKED;
        After::In(asked.map_or(wait, |asked| wait.max(asked.min(longest))))
    }

    fn not_recorded(&self, error: &StoreError) -> After {
        let shop = self.check.shop.name.as_str();
        if error.kind() != ErrorKind::Transient {
            self.pulse.not_recorded();
        }
        match error.kind() {
            ErrorKind::Transient | ErrorKind::Other => {
                tracing::error!(shop, %error, "The poll could not be recorded; the next one tries again.");
            }
            ErrorKind::Degraded => tracing::error!(
                shop, %error,
                "The poll could not be recorded: check the disk's space and whether it is writable. Polling goes on."
            ),
            ErrorKind::Fatal => tracing::error!(
                shop, %error,
                "The poll could not be recorded: the database is damaged. Stop the daemon and restore a backup."
            ),
        }
        After::OnSchedule
    }
}

fn log_poll(shop: &str, checked: &Checked) {
    let took_ms = u64::try_from(checked.look.duration.as_millis()).unwrap_or(u64::MAX);
    let products = checked
        .look
        .result
        .as_ref()
        .map_or(0, |snapshot| snapshot.products.len());
    match checked.outcome {
        Outcome::Accepted if checked.level_changes == 0 => {
            tracing::debug!(shop, products, took_ms, "Polled: nothing changed.");
        }
        Outcome::Accepted => {
            tracing::info!(
                shop,
                products,
                changes = checked.level_changes,
                took_ms,
                "Polled."
            );
        }
        Outcome::Suspect => tracing::warn!(
            shop,
            cause = "suspect",
            detail = checked.detail,
            "The answer is not credible and changes nothing until three in a row agree."
        ),
        Outcome::Failed(cause) => tracing::warn!(
            shop,
            cause = cause.as_str(),
            detail = checked.detail,
            failures = checked.memory.source.failures,
            took_ms,
            "The poll failed. {} {}",
            cause.words(),
            cause.mend()
        ),
    }
    for product in checked.per_choice.iter().take(NAMED) {
        tracing::warn!(
            shop,
            product,
            "It has more combinations than max_combinations: each choice is followed instead."
        );
    }
    if checked.per_choice.len() > NAMED {
        tracing::warn!(
            shop,
            more = checked.per_choice.len() - NAMED,
            "More products are followed per choice."
        );
    }
    for (pool, lost) in &checked.lost {
        tracing::warn!(
            shop,
            pool = &**pool,
            "What is left of the pool is unknown: nobody counts {lost}. Change the pool's uses to what is meant; `check` \
             offers what it can."
        );
    }
    log_headlines(shop, checked);
}

fn log_headlines(shop: &str, checked: &Checked) {
    for (channel, headline) in &checked.headlines {
        tracing::info!(shop, channel, headline, "Telling.");
    }
}

async fn deliver_loop(
    deliver: Deliver,
    nudge: Arc<Notify>,
    (counters, view): (Arc<Counters>, Arc<View>),
    (beat, cancel): (Beat, CancellationToken),
) {
    let channel = deliver.channel().name().to_owned();
    let mut replays = deliver.store.replays();
    let mut disabled = false;
    while !cancel.is_cancelled() {
        beat.within(STEP);
        let wait = match deliver.run(&Timestamp::now, &random, &cancel).await {
            Ok(delivered) => {
                for attempted in &delivered.attempts {
                    log_attempt(&channel, attempted);
                    counters.delivery(
                        &channel,
                        attempted.result.as_ref().map(|_| ()).map_err(|e| e.reason()),
                    );
                }
                if !delivered.attempts.is_empty() {
                    view.touch();
                }
                if deliver.is_disabled() && !disabled {
                    disabled = true;
                    tracing::error!(
                        channel,
                        "The receiver says it is gone (410): nothing more is sent there. Mend or remove the channel, \
                         then reload or restart; what waits is sent then."
                    );
                }
                if delivered.more {
                    Duration::ZERO
                } else {
                    until(delivered.next_due)
                }
            }
            Err(error) => {
                tracing::error!(channel, %error, "Deliveries wait for the database.");
                STORE_PAUSE
            }
        };
        tokio::select! {
            () = cancel.cancelled() => {}
            () = nudge.notified() => {}
            _ = replays.changed() => {}
            () = beat.waiting(tokio::time::sleep(wait)) => {}
        }
    }
}

/// Until then, within `DELIVER_AT_LEAST`.
fn until(due: Option<Timestamp>) -> Duration {
    let wait = due.map(|due| due.duration_since(Timestamp::now()));
    wait.map_or(DELIVER_AT_LEAST, |wait| {
        Duration::try_from(wait)
            .unwrap_or(Duration::from_millis(10))
            .min(DELIVER_AT_LEAST)
    })
}

fn log_attempt(channel: &str, attempted: &Attempted) {
    let (id, attempt) = (attempted.message_id.as_str(), attempted.attempt);
    match (&attempted.result, attempted.retry_at) {
        (Ok(answer), _) => tracing::info!(channel, id, attempt, answer, "Delivered."),
        (Err(error), Some(retry_at)) => {
            tracing::warn!(channel, id, attempt, %error, %retry_at, "Not delivered yet; it is tried again.");
        }
        (Err(error), None) => tracing::error!(
            channel, id, attempt, %error,
            "Not delivered: given up. It is kept as a dead letter; `deliveries replay` sends it again."
        ),
    }
}

/// Tells of the hints that were refused, once a minute at the most.
async fn refusals_loop(desk: Arc<Desk>, (beat, cancel): (Beat, CancellationToken)) {
    while !cancel.is_cancelled() {
        if let Some(refused) = desk.refusals(Instant::now()) {
            hints::log(&refused);
        }
        tokio::select! {
            () = cancel.cancelled() => {}
            () = beat.waiting(tokio::time::sleep(REFUSALS_EVERY)) => {}
        }
    }
}

async fn remind_loop(
    rules: Arc<Rules>,
    capacities: Arc<Capacities>,
    remind: Remind,
    view: Arc<View>,
    nudges: Nudges,
    (beat, cancel): (Beat, CancellationToken),
) {
    let mut looked_for_unmatched = false;
    while !cancel.is_cancelled() {
        beat.within(STEP);
        if !looked_for_unmatched {
            looked_for_unmatched = warn_of_unmatched(&rules, &capacities, &view.seen());
        }
        // Not before every shop was asked since the start: what recovered meanwhile needs no reminder.
        if view.seen().not_attempted().next().is_none() {
            match remind.run(Timestamp::now()).await {
                Ok(reminded) => {
                    for (shop, memory) in reminded.memories {
                        view.remember(&shop, memory);
                    }
                    for (channel, headline) in &reminded.headlines {
                        tracing::info!(channel, headline, "Reminding.");
                    }
                    for (name, nudge) in nudges.iter() {
                        if reminded.headlines.iter().any(|(channel, _)| channel == name) {
                            nudge.notify_one();
                        }
                    }
                }
                Err(error) => tracing::error!(%error, "Reminders wait for the database."),
            }
        }
        tokio::select! {
            () = cancel.cancelled() => {}
            () = beat.waiting(tokio::time::sleep(REMIND_EVERY)) => {}
        }
    }
}

/// Takes away what is older than its time.
async fn keep_loop(keep: Keep, counters: Arc<Counters>, (beat, cancel): (Beat, CancellationToken)) {
    let mut wait = KEEP_FIRST;
    loop {
        beat.within(STEP);
        if let Err(error) = count_upkeep(&keep.store, &counters).await {
            tracing::error!(%error, "How far the upkeep of the database has come cannot be read.");
        }
        tokio::select! {
            () = cancel.cancelled() => return,
            () = beat.waiting(tokio::time::sleep(wait)) => wait = KEEP_EVERY,
        }
        beat.within(KEEP_LONGEST);
        match keep.run(Timestamp::now(), &cancel).await {
            Ok(Some(kept)) => log_kept(&kept),
            Ok(None) => return,
            Err(error) => tracing::error!(%error, "Old records stay for now; the next round goes on."),
        }
    }
}

async fn count_upkeep(store: &Store, counters: &Counters) -> Result<(), StoreError> {
    let upkeep = store.reader().upkeep().await?;
    let room = store.reader().room().await?;
    counters.upkeep(upkeep.ran_at, upkeep.horizon, room.free.saturating_mul(room.page));
    Ok(())
}

fn log_kept(kept: &Kept) {
    let Kept {
        days,
        removed,
        early,
        over,
        given_back,
    } = *kept;
    if days > 0 || removed > 0 || given_back > 0 {
        tracing::info!(
            days,
            removed,
            given_back,
            "Daily figures were worked out and old records taken away."
        );
    }
    if let Some(early) = early {
        tracing::warn!(
            since = %early,
            "The database held more than RETENTION_SIZE: single levels went before their time; they begin then."
        );
    }
    if over > 0 {
        tracing::warn!(
            over,
            "The database holds more than RETENTION_SIZE (so many bytes), and what is left is needed: raise it."
        );
    }
}

async fn report_loop(
    reporting: Reporting,
    view: Arc<View>,
    counters: Arc<Counters>,
    nudges: Nudges,
    (beat, cancel): (Beat, CancellationToken),
) {
    counters.forget_reports();
    while !cancel.is_cancelled() {
        // Not before every shop was asked since the start: a report shows how things stand.
        let ready = view.seen().not_attempted().next().is_none();
        if ready {
            for plan in &reporting.plans {
                beat.within(STEP);
                if let Err(error) = report(&reporting, plan, &counters, &nudges).await {
                    let report = plan.outline.name.as_str();
                    tracing::error!(report, %error, "The report waits for the database.");
                }
            }
        }
        let pause = if ready { REPORT_EVERY } else { REPORT_READY };
        tokio::select! {
            () = cancel.cancelled() => {}
            () = beat.waiting(tokio::time::sleep(pause)) => {}
        }
    }
}

/// Makes the report where it is due, and looks after the one before.
async fn report(
    reporting: &Reporting,
    plan: &Plan,
    counters: &Counters,
    nudges: &Nudges,
) -> Result<(), StoreError> {
    let report = plan.outline.name.as_str();
    let stepped = reporting.step(plan, Timestamp::now()).await;
    if let Ok(step) = &stepped {
        tell_of_report(report, step, nudges);
    }
    let (doing, told) = reporting.watch(plan, Timestamp::now()).await?;
    if counters.report(report, doing.success, doing.overdue.is_some()) {
        tracing::info!(report, "The report that was overdue has arrived.");
    }
    if let Some((run, why)) = doing.overdue.filter(|(run, _)| run.told_at.is_none()) {
        tracing::error!(report, due = %run.scheduled_for, why, "The report has reached nobody.");
    }
    nudge(&told, nudges);
    stepped.map(|_| ())
}

/// Wakes the deliveries of the channels that were told something.
fn nudge(told: &[(String, String)], nudges: &Nudges) {
    for (name, nudge) in nudges.iter() {
        if told.iter().any(|(channel, _)| channel == name) {
            nudge.notify_one();
        }
    }
}

fn tell_of_report(report: &str, step: &Step, nudges: &Nudges) {
    match step {
        Step::Idle => {}
        Step::Begun => tracing::info!(
            report,
            "Reports begin: the first comes at the next time of its schedule."
        ),
        Step::Skipped(due) => tracing::info!(report, %due, "No report: there is nothing to say."),
        Step::Queued(due, told) => {
            for (channel, headline) in told {
                tracing::info!(report, %due, channel, headline, "Reporting.");
            }
            nudge(told, nudges);
        }
    }
}

/// Once every shop was read: names the rules, capacities and uses of pools that concern nothing. Whether it could be told.
fn warn_of_unmatched(rules: &Rules, capacities: &Capacities, seen: &Seen) -> bool {
    if !seen.instances.iter().all(|instance| instance.up() == Some(true)) {
        return false;
    }
    let shops: Vec<(&str, &Memory)> = seen
        .instances
        .iter()
        .map(|instance| (&*instance.name, &*instance.memory))
        .collect();
    for origin in unmatched::unmatched(rules, capacities, &shops) {
        tracing::warn!("{origin} matches no product. {MATCHING}");
    }
    true
}
