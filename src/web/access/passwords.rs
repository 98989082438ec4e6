//! Users' passwords against their bcrypt hashes: beside the other work, few at once, and each that was right only once.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use axum::http::StatusCode;
use bcrypt::HashParts;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::web::forms::random;
use crate::web::forms::seal;
use crate::web::problem::Problem;

/// Passwords that are looked at at once: each takes a processor for a while.
const AT_ONCE: usize = 2;
/// One that is not looked at by then is not looked at.
const PATIENCE: Duration = Duration::from_secs(10);
/// Passwords that were right and need not be looked at again.
const REMEMBERED: usize = 256;

/// Looks at passwords.
pub struct Passwords {
    /// What the remembered ones are hashed with; nobody else has it.
    key: [u8; 32],
    right: Mutex<HashSet<[u8; 32]>>,
    room: Arc<Semaphore>,
}

impl std::fmt::Debug for Passwords {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Passwords")
    }
}

impl Default for Passwords {
    fn default() -> Self {
        Self {
            key: random(),
            right: Mutex::default(),
            room: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }
}

impl Passwords {
    /// Whether the password is that of the hash. Where it is not, or where there is no hash, it takes as long as the
    /// slowest of `all` does, so that the time does not tell who is a user.
    ///
    /// # Errors
    /// Too many are looked at.
    pub async fn is_right(
        &self,
        hash: Option<&str>,
        password: Vec<u8>,
        all: impl Iterator<Item = &str>,
    ) -> Result<bool, Problem> {
        let mark = seal(&self.key, &[hash.unwrap_or_default().as_bytes(), &password]);
        if hash.is_some() && self.remembered().contains(&mark) {
            return Ok(true);
        }
        let busy = || {
            Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "Too many passwords are being looked at. Try again in a moment.",
            )
        };
        let room = timeout(PATIENCE, Arc::clone(&self.room).acquire_owned());
        let place = room.await.ok().and_then(Result::ok).ok_or_else(busy)?;
        let slowest = all.filter_map(cost).max().unwrap_or_default();
        let hash = hash.map(str::to_owned);
        let look = tokio::task::spawn_blocking(move || {
            let _place = place;
            look(hash.as_deref(), &password, slowest)
        });
        let right = look.await.map_err(|_| busy())?;
        if right {
            let mut remembered = self.remembered();
            if remembered.len() >= REMEMBERED {
                remembered.clear();
            }
            remembered.insert(mark);
        }
        Ok(right)
    }

    fn remembered(&self) -> std::sync::MutexGuard<'_, HashSet<[u8; 32]>> {
        self.right.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn look(hash: Option<&str>, password: &[u8], slowest: u32) -> bool {
    let mut cost_so_far = None;
    if let Some(hash) = hash {
        if bcrypt::verify(password, hash).unwrap_or(false) {
            return true;
        }
        cost_so_far = cost(hash);
    }
    // Each cost takes twice as long as the one before: these together take what is left to the slowest.
    let rest = match cost_so_far {
        Some(own) => own..slowest,
        None => slowest..slowest.saturating_add(1),
    };
    for cost in rest {
        let _ = bcrypt::hash_with_salt(password, cost, [0; 16]);
    }
    false
}

/// How slow a hash is: each step twice as long.
#[must_use]
pub fn cost(hash: &str) -> Option<u32> {
    hash.parse::<HashParts>().ok().map(|parts| parts.get_cost())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_password_itself_is_right_and_only_of_its_own_hash() {
        let [anna, ben] = ["anna's", "ben's"].map(|password| bcrypt::hash(password, 4).unwrap());
        let passwords = Passwords::default();
        let right = |hash: Option<&str>, password: &str| {
            let all = [anna.as_str(), ben.as_str()].into_iter();
            let (hash, password) = (hash.map(str::to_owned), password.as_bytes().to_vec());
            let passwords = &passwords;
            async move { passwords.is_right(hash.as_deref(), password, all).await.unwrap() }
        };
        for _ in 0..2 {
            assert!(right(Some(&anna), "anna's").await);
            assert!(!right(Some(&ben), "anna's").await);
            assert!(!right(Some(&anna), "").await);
            assert!(!right(None, "anna's").await);
        }
        assert_eq!(passwords.remembered().len(), 1);
    }

    #[test]
    fn hashes_of_htpasswd_are_understood_and_others_are_none() {
        // htpasswd -nbBC 4 x secret-word
        let htpasswd = bcrypt::hash("secret-word", 4)
            .unwrap()
            .replacen("$2b$", "$2y$", 1);
        assert!(look(Some(&htpasswd), b"secret-word", 4));
        assert!(!look(Some(&htpasswd), b"secret-wor", 6));
        assert_eq!(cost(&htpasswd), Some(4));
        for other in ["", "secret-word", "$1$abc$def", "$2y$04$short"] {
            assert_eq!(cost(other), None, "{other}");
            assert!(!look(Some(other), other.as_bytes(), 4), "{other}");
        }
    }
}
