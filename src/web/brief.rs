//! What a crowd asks of the database at once is read once: an answer holds for a second, within one moment of the view.

use std::future::Future;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

/// What was changed by another process is seen this much later at most.
const HOLDS: Duration = Duration::from_secs(1);

/// An answer that is shared for a short while.
#[derive(Debug)]
pub struct Brief<T>(Mutex<Option<(u64, Instant, T)>>);

impl<T> Default for Brief<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T: Clone> Brief<T> {
    /// The answer as it holds in that moment; `read` is only asked where there is none. What fails is not kept.
    pub async fn get<E>(&self, moment: u64, read: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let mut kept = self.0.lock().await;
        if let Some((of, since, answer)) = kept.as_ref()
            && *of == moment
            && since.elapsed() < HOLDS
        {
            return Ok(answer.clone());
        }
        let since = Instant::now();
        let answer = read.await?;
        *kept = Some((moment, since, answer.clone()));
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_is_shared_within_its_moment_and_a_failure_never_is() {
        let brief = Brief::default();
        let fresh = |answer: u32| async move { Ok::<u32, ()>(answer) };
        assert_eq!(brief.get(1, async { Err(()) }).await, Err(()));
        assert_eq!(brief.get(1, fresh(1)).await, Ok(1));
        // Another moment is read anew, whatever the time.
        assert_eq!(brief.get(2, fresh(2)).await, Ok(2));
        let long_ago = Instant::now().checked_sub(HOLDS);
        if let (Some(kept), Some(long_ago)) = (brief.0.lock().await.as_mut(), long_ago) {
            kept.1 = long_ago;
        }
        assert_eq!(brief.get(2, fresh(3)).await, Ok(3));
    }
}
