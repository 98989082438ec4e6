//! Connections by which nothing whole is asked: where no place is left, the one that is idle longest makes room.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use axum::body::Body;
use axum::body::Bytes;
use http_body::Body as _;
use http_body::Frame;
use http_body::SizeHint;
use hyper::body::Incoming;
use tokio::sync::Notify;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;

/// By then the request of a connection is there that was made to ask at once: until then it makes no room.
const FRESH: Duration = Duration::from_millis(250);

/// The idle connections of a server.
#[derive(Debug, Clone, Default)]
pub struct Idle(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    line: Mutex<Line>,
    /// One more is idle.
    more: Notify,
}

/// Who is idle, from where, and since when by order.
#[derive(Debug, Default)]
struct Line {
    next: u64,
    waiting: BTreeMap<u64, Waiting>,
}

#[derive(Debug)]
struct Waiting {
    from: IpAddr,
    since: Instant,
    leave: CancellationToken,
}

impl Line {
    fn enter(&mut self, from: IpAddr, leave: &CancellationToken) -> u64 {
        let number = self.next;
        self.next += 1;
        let waiting = Waiting {
            from,
            since: Instant::now(),
            leave: leave.clone(),
        };
        self.waiting.insert(number, waiting);
        number
    }

    /// Tells the first to leave, of those from there where an address is named; until when it is too fresh for that,
    /// `None` where nobody is idle.
    fn dismiss(&mut self, from: Option<IpAddr>, now: Instant) -> Result<(), Option<Instant>> {
        let mut all = self.waiting.iter();
        let first = all.find(|(_, waiting)| from.is_none_or(|from| from == waiting.from));
        let Some((number, waiting)) = first else {
            return Err(None);
        };
        let ripe = waiting.since + FRESH;
        if now < ripe {
            return Err(Some(ripe));
        }
        waiting.leave.cancel();
        let number = *number;
        self.waiting.remove(&number);
        Ok(())
    }
}

/// A connection, idle or not.
#[derive(Debug, Clone)]
pub struct Turn(Arc<Own>);

#[derive(Debug)]
struct Own {
    idle: Idle,
    from: IpAddr,
    leave: CancellationToken,
    /// Its number in the line; `None` while it is not idle.
    number: Mutex<Option<u64>>,
}

/// A request that came; once it is answered the connection is idle again.
#[derive(Debug)]
pub struct Answering(Turn);

/// The body of a request that comes in; until it is whole the connection counts as idle, since nothing is done before.
#[derive(Debug)]
pub struct Coming {
    body: Incoming,
    turn: Turn,
}

/// An answer on its way.
#[derive(Debug)]
pub struct Answer {
    body: Body,
    _answering: Answering,
}

impl Idle {
    /// A new connection from there, by which nothing was asked yet.
    #[must_use]
    pub fn connected(&self, from: IpAddr) -> Turn {
        let leave = CancellationToken::new();
        let number = Mutex::new(Some(self.line().enter(from, &leave)));
        Turn(Arc::new(Own {
            idle: self.clone(),
            from,
            leave,
            number,
        }))
    }

    /// Tells the connection from there that is idle longest to leave; false where none is idle.
    #[must_use]
    pub fn dismiss(&self, from: IpAddr, now: Instant) -> bool {
        self.line().dismiss(Some(from), now).is_ok()
    }

    /// A place of `room`; where all are taken, who is idle longest is told to leave. `None` where there is no room any
    /// more.
    pub async fn place(&self, room: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
        if let Ok(place) = Arc::clone(room).try_acquire_owned() {
            return Some(place);
        }
        loop {
            let more = self.0.more.notified();
            tokio::pin!(more);
            more.as_mut().enable();
            let dismissed = self.line().dismiss(None, Instant::now());
            // Who was told to leave does; where all are busy, it is for the first that is not.
            let ripe = dismissed.err().flatten();
            tokio::select! {
                place = Arc::clone(room).acquire_owned() => return place.ok(),
                () = more, if dismissed == Err(None) => {}
                () = sleep_until(ripe.unwrap_or_else(Instant::now)), if ripe.is_some() => {}
            }
        }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.0.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// Cancelled when it is to make room.
    #[must_use]
    pub fn leave(&self) -> &CancellationToken {
        &self.0.leave
    }

    /// Whether nothing is asked by it now.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.number().is_some()
    }

    /// A request came, all but its body.
    #[must_use]
    pub fn answering(&self) -> Answering {
        Answering(self.clone())
    }

    /// The body that came with it.
    #[must_use]
    pub fn coming(&self, body: Incoming) -> Coming {
        let turn = self.clone();
        if body.is_end_stream() {
            turn.is_asked();
        }
        Coming { body, turn }
    }

    /// It is idle no more.
    fn is_asked(&self) {
        if let Some(number) = self.number().take() {
            self.0.idle.line().waiting.remove(&number);
        }
    }

    fn number(&self) -> MutexGuard<'_, Option<u64>> {
        self.0.number.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let number = self.number.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = number.take() {
            self.idle.line().waiting.remove(&number);
        }
    }
}

impl Answering {
    /// The body of its answer: until that was sent, or is no longer wanted, the connection is not idle.
    #[must_use]
    pub fn with(self, body: Body) -> Answer {
        self.0.is_asked();
        Answer {
            body,
            _answering: self,
        }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        let own = &self.0.0;
        self.0.is_asked();
        let mut number = self.0.number();
        *number = Some(own.idle.line().enter(own.from, &own.leave));
        drop(number);
        own.idle.0.more.notify_waiters();
    }
}

impl http_body::Body for Coming {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if matches!(frame, Poll::Ready(None)) || self.body.is_end_stream() {
            self.turn.is_asked();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOMEWHERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const ELSEWHERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    #[test]
    fn of_one_address_the_connection_that_is_idle_longest_leaves() {
        let idle = Idle::default();
        let others = idle.connected(ELSEWHERE);
        let own: Vec<Turn> = (0..3).map(|_| idle.connected(SOMEWHERE)).collect();
        own[0].is_asked();
        let now = Instant::now();
        assert!(
            !idle.dismiss(SOMEWHERE, now),
            "their requests may be on their way"
        );
        let now = now + FRESH;
        assert!(idle.dismiss(SOMEWHERE, now));
        let told = |turn: &Turn| turn.leave().is_cancelled();
        assert_eq!(
            [told(&own[0]), told(&own[1]), told(&own[2])],
            [false, true, false]
        );
        assert!(idle.dismiss(SOMEWHERE, now));
        assert!(!idle.dismiss(SOMEWHERE, now), "the first is being answered");
        assert!(!told(&others));
    }

    #[tokio::test]
    async fn who_is_idle_longest_makes_room_and_nobody_who_is_answered() {
        let (idle, room) = (Idle::default(), Arc::new(Semaphore::new(3)));
        let turns: Vec<Turn> = (0..3).map(|_| idle.connected(SOMEWHERE)).collect();
        let mut places = Vec::new();
        for _ in &turns {
            places.push(idle.place(&room).await.expect("free"));
        }
        // The first is answered, and was before the second.
        let answering = turns[0].answering();
        turns[0].is_asked();
        let (idle_again, waits) = (idle.clone(), Arc::clone(&room));
        let fourth = tokio::spawn(async move { idle_again.place(&waits).await.is_some() });
        turns[1].leave().cancelled().await;
        assert!(!turns[0].leave().is_cancelled() && !turns[2].leave().is_cancelled());
        places.pop();
        assert!(fourth.await.expect("ends"));
        drop(answering);
        assert!(turns[0].is_idle());
        assert_eq!(idle.line().waiting.len(), 2, "one was told to leave");
        drop(turns);
        assert!(idle.line().waiting.is_empty(), "nothing is kept of who left");
    }

    #[tokio::test]
    async fn where_all_are_answered_the_first_that_was_makes_room() {
        let (idle, room) = (Idle::default(), Arc::new(Semaphore::new(1)));
        let turn = idle.connected(SOMEWHERE);
        let _place = idle.place(&room).await.expect("free");
        let answer = turn.answering().with(Body::from("x"));
        let waits = tokio::spawn({
            let (idle, room) = (idle.clone(), Arc::clone(&room));
            async move { idle.place(&room).await.is_some() }
        });
        tokio::task::yield_now().await;
        assert!(!turn.leave().is_cancelled());
        drop(answer);
        turn.leave().cancelled().await;
        assert!(!waits.is_finished(), "it waits for the place");
        waits.abort();
    }
}
