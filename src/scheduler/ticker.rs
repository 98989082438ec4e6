//! Cron times, dispatched through tokio-cron-scheduler.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::sync::OnceCell;
use tokio_cron_scheduler::JobBuilder;
use tokio_cron_scheduler::JobScheduler;
use tokio_cron_scheduler::JobSchedulerError;
use tokio_cron_scheduler::MetaDataStorage;
use tokio_cron_scheduler::SimpleJobCode;
use tokio_cron_scheduler::SimpleMetadataStore;
use tokio_cron_scheduler::SimpleNotificationCode;
use tokio_cron_scheduler::SimpleNotificationStore;
use tokio_cron_scheduler::job::job_data::JobAndNextTick;
use tokio_cron_scheduler::job::job_data::JobStoredData;
use tokio_cron_scheduler::store::DataStore;
use tokio_cron_scheduler::store::InitStore;
use uuid::Uuid;

/// Dispatches cron times through tokio-cron-scheduler; one for the whole process. It starts with the first cron
/// schedule.
#[derive(Clone, Default)]
pub struct Ticker {
    scheduler: Arc<OnceCell<JobScheduler>>,
    armed: Armed,
}

/// The first time of a job strictly after another.
pub type NextTime = Box<dyn Fn(Timestamp) -> Option<Timestamp> + Send + Sync>;

type Armed = Arc<Mutex<HashMap<Uuid, NextTime>>>;

impl Ticker {
    /// Notifies `tick` at each time of `times`, at most a second late. `expression` is the pattern of six fields
    /// behind it.
    ///
    /// # Errors
    /// The dispatcher could not be started, or does not take the expression.
    pub async fn arm(
        &self,
        expression: &str,
        times: NextTime,
        tick: Arc<Notify>,
    ) -> Result<Uuid, JobSchedulerError> {
        let scheduler = self
            .scheduler
            .get_or_try_init(|| start_scheduler(&self.armed))
            .await?;
        let id = Uuid::new_v4();
        let job = JobBuilder::new()
            .with_job_id(id.into())
            .with_cron_job_type()
            .with_schedule(expression)?
            .with_run_async(Box::new(move |_, _| {
                let tick = Arc::clone(&tick);
                Box::pin(async move { tick.notify_one() })
            }))
            .build()?;
        lock(&self.armed).insert(id, times);
        scheduler.add(job).await.inspect_err(|_| {
            lock(&self.armed).remove(&id);
        })
    }

    /// Ends a job.
    pub async fn disarm(&self, job: Uuid) {
        if let Some(scheduler) = self.scheduler.get()
            && let Err(error) = scheduler.remove(&job).await
        {
            tracing::debug!(%error, "A cron job could not be removed.");
        }
        lock(&self.armed).remove(&job);
    }

    /// How many jobs are armed.
    #[must_use]
    pub fn jobs(&self) -> usize {
        lock(&self.armed).len()
    }
}

fn lock(armed: &Armed) -> MutexGuard<'_, HashMap<Uuid, NextTime>> {
    armed.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn start_scheduler(armed: &Armed) -> Result<JobScheduler, JobSchedulerError> {
    let ticks = ZonedTicks {
        inner: SimpleMetadataStore::default(),
        armed: Arc::clone(armed),
    };
    let scheduler = JobScheduler::new_with_storage_and_code(
        Box::new(ticks),
        Box::new(SimpleNotificationStore::default()),
        Box::new(SimpleJobCode::default()),
        Box::new(SimpleNotificationCode::default()),
        200,
    )
    .await?;
    scheduler.start().await?;
    Ok(scheduler)
}

/// The scheduler's memory of its jobs. The scheduler itself keeps the UTC offset of the day a job was made; here
/// each next tick is worked out anew in the job's time zone, so that a change of the clocks moves nothing.
struct ZonedTicks {
    inner: SimpleMetadataStore,
    armed: Armed,
}

type Answer<T> = Pin<Box<dyn Future<Output = Result<T, JobSchedulerError>> + Send>>;

impl ZonedTicks {
    fn next(&self, id: Uuid) -> Option<chrono::DateTime<chrono::Utc>> {
        let next = (lock(&self.armed).get(&id)?)(Timestamp::now())?;
        chrono::DateTime::from_timestamp_millis(next.as_millisecond())
    }
}

impl DataStore<JobStoredData> for ZonedTicks {
    fn get(&mut self, id: Uuid) -> Answer<Option<JobStoredData>> {
        self.inner.get(id)
    }

    fn add_or_update(&mut self, mut data: JobStoredData) -> Answer<()> {
        if let Some(id) = data.id.as_ref().map(Uuid::from)
            && let Some(next) = self.next(id)
        {
            data.set_next_tick(Some(next));
        }
        self.inner.add_or_update(data)
    }

    fn delete(&mut self, id: Uuid) -> Answer<()> {
        self.inner.delete(id)
    }
}

impl InitStore for ZonedTicks {
    fn init(&mut self) -> Answer<()> {
        self.inner.init()
    }

    fn inited(&mut self) -> Answer<bool> {
        self.inner.inited()
    }
}

impl MetaDataStorage for ZonedTicks {
    fn list_next_ticks(&mut self) -> Answer<Vec<JobAndNextTick>> {
        self.inner.list_next_ticks()
    }

    fn set_next_and_last_tick(
        &mut self,
        id: Uuid,
        next: Option<chrono::DateTime<chrono::Utc>>,
        last: Option<chrono::DateTime<chrono::Utc>>,
    ) -> Answer<()> {
        let next = self.next(id).or(next);
        self.inner.set_next_and_last_tick(id, next, last)
    }

    fn time_till_next_job(&mut self) -> Answer<Option<Duration>> {
        self.inner.time_till_next_job()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_tick_is_where_its_times_say_whatever_the_expression_means_in_utc() {
        let ticker = Ticker::default();
        let far = Timestamp::from_second(4_000_000_000).expect("in range");
        let job = ticker
            .arm("0 30 9 * * *", Box::new(move |_| Some(far)), Arc::default())
            .await
            .expect("armed");
        let mut scheduler = ticker.scheduler.get().expect("started").clone();
        let next = scheduler.next_tick_for_job(job).await.expect("answers");
        assert_eq!(next.map(|next| next.timestamp()), Some(far.as_second()));
        ticker.disarm(job).await;
        assert!(scheduler.next_tick_for_job(job).await.expect("answers").is_none());
        assert_eq!(ticker.jobs(), 0);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn each_tick_is_worked_out_anew() {
        let ticker = Ticker::default();
        let first = Timestamp::now();
        let far = Timestamp::from_second(4_000_000_000).expect("in range");
        // The expression says every second; the times say once, then never in our days.
        let times = move |now: Timestamp| {
            Some(if now < first + Duration::from_secs(1) {
                now
            } else {
                far
            })
        };
        let tick = Arc::new(Notify::new());
        let job = ticker
            .arm("* * * * * *", Box::new(times), Arc::clone(&tick))
            .await
            .expect("armed");
        let mut scheduler = ticker.scheduler.get().expect("started").clone();
        let settled = async {
            tick.notified().await;
            while scheduler
                .next_tick_for_job(job)
                .await
                .expect("answers")
                .map(|next| next.timestamp())
                != Some(far.as_second())
            {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), settled)
            .await
            .expect("settles");
    }

    #[tokio::test]
    async fn an_expression_the_dispatcher_does_not_take_leaves_nothing_armed() {
        let ticker = Ticker::default();
        let armed = ticker.arm("no cron", Box::new(|_| None), Arc::default()).await;
        assert!(armed.is_err());
        assert_eq!(ticker.jobs(), 0);
    }
}
