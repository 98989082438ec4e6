//! One round of deliveries of one channel: claim what is due, send it, settle it.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::domain::delivery;
use crate::domain::delivery::Next;
use crate::domain::delivery::SendError;
use crate::jobs::shop::Telling;
use crate::notify::channel::Channel;
use crate::notify::content::Content;
use crate::notify::content::Outgoing;
use crate::notify::content::Receipt;
use crate::notify::late;
use crate::notify::late::Newer;
use crate::store::db::Store;
use crate::store::error::StoreError;
use crate::store::outbox::Claim;
use crate::store::outbox::Settled;
use crate::store::outbox::Settlement;

/// Longer than any attempt may take; at a start all leases are void anyway.
const LEASE: Duration = Duration::from_secs(600);
/// Deliveries claimed at once.
const BATCH: usize = 32;
/// A round begins no further attempt after this long: how attempts ended is told with its end.
const ROUND: Duration = Duration::from_secs(30);

/// Delivers one channel's messages.
#[derive(Debug)]
pub struct Deliver {
    pub store: Store,
    pub telling: Arc<Telling>,
    /// The channel's place in `telling.channels`.
    pub channel: usize,
    /// The receiver said it is gone (410): off until the next start.
    disabled: AtomicBool,
}

/// One attempt and how it ended.
#[derive(Debug)]
pub struct Attempted {
    pub delivery_id: i64,
    pub message_id: String,
    pub recipient: String,
    pub attempt: u32,
    pub result: Result<String, SendError>,
    /// When it is tried again; `None` where it was sent or given up.
    pub retry_at: Option<Timestamp>,
}

/// What a round led to.
#[derive(Debug, Default)]
pub struct Delivered {
    pub attempts: Vec<Attempted>,
    /// Whether there may be more due at once.
    pub more: bool,
    /// When the next delivery is due; `None` where nothing waits.
    pub next_due: Option<Timestamp>,
}

impl Deliver {
    /// For the channel at that place of `telling.channels`.
    #[must_use]
    pub fn new(store: Store, telling: Arc<Telling>, channel: usize) -> Self {
        Self {
            store,
            telling,
            channel,
            disabled: AtomicBool::new(false),
        }
    }

    /// Whether the receiver said it is gone: nothing is sent until the next start or reload.
    #[must_use]
    pub fn is_disabled(&self) -> bool {
        self.disabled.load(Ordering::Relaxed)
    }

    /// The channel.
    #[must_use]
    pub fn channel(&self) -> &Channel {
        &self.telling.channels[self.channel]
    }

    /// Sends what is due. `clock` gives the time of each attempt; a cancelled round begins no further attempt, nor
    /// does one that has lasted half a minute.
    pub async fn run(
        &self,
        clock: &(dyn Fn() -> Timestamp + Sync),
        jitter: &(dyn Fn() -> f64 + Sync),
        cancel: &CancellationToken,
    ) -> Result<Delivered, StoreError> {
        let mut delivered = Delivered::default();
        if self.disabled.load(Ordering::Relaxed) {
            return Ok(delivered);
        }
        let name = self.channel().name();
        let mut claims = self.store.claim(name, clock(), LEASE, BATCH).await?;
        // Replays and retries fall due in any order; the last word has to be the last.
        claims.sort_by_key(|claim| claim.delivery);
        let claimed = claims.len();
        let (outcomes, settlements) = mpsc::unbounded_channel();
        let sending = self.send_all(claims, clock, jitter, cancel, outcomes);
        let (sent, settled) = tokio::join!(sending, self.settle_all(settlements, clock));
        delivered.more = !cancel.is_cancelled() && (claimed == BATCH || sent.len() < claimed);
        delivered.attempts = sent;
        settled?;
        delivered.next_due = self.store.reader().next_due(name).await?;
        Ok(delivered)
    }

    /// Sends one after the other, in the order of recording; what is not begun is given back.
    async fn send_all(
        &self,
        claims: Vec<Claim>,
        clock: &(dyn Fn() -> Timestamp + Sync),
        jitter: &(dyn Fn() -> f64 + Sync),
        cancel: &CancellationToken,
        outcomes: mpsc::UnboundedSender<Settled>,
    ) -> Vec<Attempted> {
        let mut attempts = Vec::with_capacity(claims.len());
        let end = clock().checked_add(ROUND).unwrap_or(Timestamp::MAX);
        for claim in claims {
            // A closed receiver means that outcomes can no longer be recorded: sending on would only repeat.
            let over = cancel.is_cancelled() || outcomes.is_closed() || clock() > end;
            if over || self.disabled.load(Ordering::Relaxed) {
                let settlement = Settlement::Untried;
                let _ = outcomes.send(Settled {
                    delivery: claim.delivery,
                    attempt: claim.attempts,
                    settlement,
                });
                continue;
            }
            let (attempted, settlement) = self.attempt(claim, clock, jitter).await;
            let _ = outcomes.send(Settled {
                delivery: attempted.delivery_id,
                attempt: attempted.attempt,
                settlement,
            });
            attempts.push(attempted);
        }
        attempts
    }

    /// Settles each attempt as soon as it is over, together with those that ended while the last write went on.
    async fn settle_all(
        &self,
        mut outcomes: mpsc::UnboundedReceiver<Settled>,
        clock: &(dyn Fn() -> Timestamp + Sync),
    ) -> Result<(), StoreError> {
        let mut batch = Vec::new();
        while outcomes.recv_many(&mut batch, BATCH).await > 0 {
            self.store.settle(&batch, clock()).await?;
            batch.clear();
        }
        Ok(())
    }

    async fn attempt(
        &self,
        claim: Claim,
        clock: &(dyn Fn() -> Timestamp + Sync),
        jitter: &(dyn Fn() -> f64 + Sync),
    ) -> (Attempted, Settlement) {
        let result = self.send(&claim, clock()).await;
        let (settlement, retry_at) = self.settlement(&claim, &result, clock(), jitter());
        let attempted = Attempted {
            delivery_id: claim.delivery,
            message_id: claim.message.to_string(),
            recipient: claim.recipient,
            attempt: claim.attempts,
            result: result.map(|receipt| receipt.answer),
            retry_at,
        };
        (attempted, settlement)
    }

    async fn send(&self, claim: &Claim, now: Timestamp) -> Result<Receipt, SendError> {
        let unreadable = |error| SendError::Permanent {
            reason: "unreadable",
            detail: format!("the stored message: {error}"),
        };
        let mut content: Content = serde_json::from_str(&claim.content).map_err(unreadable)?;
        if self.channel().last_word_counts() {
            let later = self.taken_since(claim).await?;
            match self.channel().without_what_is_old(content, &later) {
                Some(left) => content = left,
                None => {
                    return Ok(Receipt {
                        answer: "not sent: later messages have said more".to_owned(),
                    });
                }
            }
        }
        if self.channel().is_read_by_people()
            && let Some(newer) = self.told_meanwhile(claim, &content).await?
        {
            let note = late::note(claim.recorded_at, &newer, &self.telling.zone);
            content = self.channel().told_late(content, &note);
        }
        let outgoing = Outgoing {
            message_id: claim.message,
            content: &content,
            recorded_at: claim.recorded_at,
            now,
        };
        self.channel().send(&claim.recipient, &outgoing).await
    }

    /// The newest message that its recipient took before this one and that is newer.
    async fn told_meanwhile(&self, claim: &Claim, content: &Content) -> Result<Option<Newer>, SendError> {
        if !["stock.", "source."]
            .iter()
            .any(|about| claim.kind.starts_with(about))
        {
            return Ok(None);
        }
        let reader = self.store.reader();
        let taken = reader.newer_taken(claim).await.map_err(unread)?;
        let same = taken.into_iter().find(|taken| {
            serde_json::from_str::<Content>(&taken.content).is_ok_and(|other| {
                self.channel()
                    .same_matter(claim.instance.as_deref(), content, &other)
            })
        });
        Ok(same.map(|taken| Newer {
            delivered_at: taken.at.unwrap_or(claim.recorded_at),
            headline: taken.headline,
        }))
    }

    /// What the recipient took of all that was recorded later.
    async fn taken_since(&self, claim: &Claim) -> Result<Vec<Content>, SendError> {
        let reader = self.store.reader();
        let later = reader.sent_after(claim).await.map_err(unread)?;
        // What cannot be read was never sent.
        Ok(later
            .iter()
            .filter_map(|text| serde_json::from_str(text).ok())
            .collect())
    }

    fn settlement(
        &self,
        claim: &Claim,
        result: &Result<Receipt, SendError>,
        now: Timestamp,
        jitter: f64,
    ) -> (Settlement, Option<Timestamp>) {
        let error = match result {
            Ok(receipt) => {
                return (
                    Settlement::Sent {
                        receipt: receipt.answer.clone(),
                    },
                    None,
                );
            }
            Err(error) => error,
        };
        if matches!(error, SendError::Gone { .. }) {
            self.disabled.store(true, Ordering::Relaxed);
        }
        let reason = error.reason().to_owned();
        match delivery::next(claim.medium, claim.attempts, error, claim.queued_at, now, jitter) {
            Next::RetryAt(at) => (
                Settlement::Retry {
                    at,
                    reason,
                    error: error.to_string(),
                },
                Some(at),
            ),
            Next::GiveUp => (
                Settlement::Dead {
                    reason,
                    error: error.to_string(),
                },
                None,
            ),
        }
    }
}

fn unread(error: StoreError) -> SendError {
    SendError::Transient {
        reason: "database",
        detail: format!("what was sent meanwhile could not be read: {error}"),
        retry_after: None,
    }
}
