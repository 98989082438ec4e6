//! Where hints come in: believed only if they are signed, timely and new, and then handed to their shop.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::hints::bucket::Bucket;
use crate::hints::bucket::Senders;
use crate::hints::letter::Head;
use crate::hints::letter::Hint;
use crate::hints::letter::Letter;
use crate::hints::replay::Entry;
use crate::hints::replay::Replays;
use crate::hints::signature::Key;
use crate::hints::signature::Signed;
use crate::hints::tally::Tally;
use crate::hints::wanted::Plan;
use crate::hints::wanted::Scope;
use crate::hints::wanted::Wanted;

/// How far a hint's time may be from ours, in seconds.
const TOLERANCE: i64 = 5 * 60;
/// Of everything that comes.
const ALL: Bucket = Bucket::new(2_000.0, 100.0);
/// Of what one group of senders may send without a good signature.
const UNSIGNED: Bucket = Bucket::new(100.0, 10.0);
/// The shop of the environment: the one that is meant where there are several and none is named.
const DEFAULT: &str = "default";

/// A shop as far as hints concern it.
#[derive(Debug, Clone)]
pub struct HintedShop {
    pub name: String,
    /// Its own key: what is signed with it is from this shop.
    pub key: Option<Key>,
    /// Between two looks that hints lead to.
    pub distance: Duration,
}

/// Takes hints. It lives over reloads.
#[derive(Debug)]
pub struct Desk {
    book: RwLock<Arc<Book>>,
    notes: Mutex<Notes>,
}

#[derive(Debug, Default)]
struct Book {
    keys: Vec<(Key, Signer)>,
    shops: Vec<(String, Arc<Wanted>)>,
}

/// Whom a key belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Signer {
    /// May speak for any shop.
    All,
    Shop(String),
}

#[derive(Debug)]
struct Notes {
    all: Bucket,
    unsigned: Senders,
    replays: Replays,
    refused: Tally,
}

/// A hint that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    pub shop: String,
    pub hook: String,
    pub scope: Scope,
    pub plan: Plan,
}

/// Why a hint was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error(
        "Hints are switched off. Set HINT_SECRET (or hint_secret of an [[instance]]) to a secret that the companion in WHMCS has too, and reload."
    )]
    Off,
    #[error("Too many hints; the polls of the schedule go on.")]
    Busy,
    #[error(
        "The headers webhook-id, webhook-timestamp and webhook-signature are needed, as Standard Webhooks has them."
    )]
    Unsigned,
    #[error("No signature fits. Is the companion's secret the same as HINT_SECRET (or hint_secret) here?")]
    Forged,
    #[error(
        "The hint's time is {} s {} this host's. At most {TOLERANCE} s are let pass: set both clocks by NTP.",
        .0.unsigned_abs(), if *.0 < 0 { "behind" } else { "ahead of" }
    )]
    Untimely(i64),
    #[error("A hint of this webhook-id was taken already.")]
    Replayed,
    #[error("A hint has at most 64 KiB.")]
    TooLarge,
    #[error("{0}")]
    Malformed(&'static str),
    #[error("There is no instance of that name here.")]
    UnknownShop,
    #[error("The secret belongs to another instance than the one named in data.instance.")]
    ForeignShop,
}

impl Refusal {
    /// One fixed word, for the log and the metrics.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Busy => "limited",
            Self::Unsigned | Self::Forged => "forged",
            Self::Untimely(_) => "stale",
            Self::Replayed => "replayed",
            Self::TooLarge | Self::Malformed(_) => "malformed",
            Self::UnknownShop | Self::ForeignShop => "wrong_instance",
        }
    }
}

/// What became of hints, in the words of [`Refusal::word`].
pub const RESULTS: [&str; 7] = [
    ACCEPTED,
    "limited",
    "forged",
    "stale",
    "replayed",
    "malformed",
    "wrong_instance",
];
/// The word for a hint that was taken.
pub const ACCEPTED: &str = "accepted";

impl Default for Desk {
    fn default() -> Self {
        Self {
            book: RwLock::default(),
            notes: Mutex::new(Notes {
                all: ALL,
                unsigned: Senders::new(UNSIGNED),
                replays: Replays::default(),
                refused: Tally::default(),
            }),
        }
    }
}

impl Desk {
    /// From now on these shops and keys hold; `key` may speak for all of them. What a shop that stays is wanted for
    /// is kept.
    pub fn configure(&self, key: Option<&Key>, shops: &[HintedShop]) {
        let mut book = self.book.write().unwrap_or_else(PoisonError::into_inner);
        let mut keys: Vec<(Key, Signer)> = Vec::new();
        keys.extend(key.map(|key| (key.clone(), Signer::All)));
        let mut places = Vec::with_capacity(shops.len());
        for shop in shops {
            keys.extend(shop.key.clone().map(|key| (key, Signer::Shop(shop.name.clone()))));
            let known = book.shops.iter().find(|(name, _)| *name == shop.name);
            let wanted = known.map_or_else(
                || Arc::new(Wanted::new(shop.distance)),
                |(_, wanted)| Arc::clone(wanted),
            );
            wanted.set_distance(shop.distance);
            places.push((shop.name.clone(), wanted));
        }
        *book = Arc::new(Book { keys, shops: places });
    }

    /// What the shop is wanted for; of a shop that is not configured, nothing ever.
    #[must_use]
    pub fn wanted(&self, shop: &str) -> Arc<Wanted> {
        let book = self.book();
        let known = book.shops.iter().find(|(name, _)| name == shop);
        known.map_or_else(
            || Arc::new(Wanted::new(Duration::ZERO)),
            |(_, wanted)| Arc::clone(wanted),
        )
    }

    /// Whether a hint from there may come in, before anything of it is read.
    ///
    /// # Errors
    /// Nobody has a key, or too much came.
    pub fn admit(&self, from: IpAddr, at: Instant) -> Result<(), Refusal> {
        if self.book().keys.is_empty() {
            return Err(Refusal::Off);
        }
        let mut notes = self.notes();
        if notes.unsigned.of(from).has(at) && notes.all.take(at) {
            Ok(())
        } else {
            Err(Refusal::Busy)
        }
    }

    /// Takes a hint that was admitted and tells its shop. With a refusal comes the shop, where a signature proves it.
    ///
    /// # Errors
    /// It cannot be believed, or not be understood.
    pub fn take(
        &self,
        letter: &Letter<'_>,
        now: Timestamp,
        at: Instant,
    ) -> Result<Taken, (Refusal, Option<String>)> {
        let book = self.book();
        let (head, signers) = self
            .verified(&book, letter, at)
            .map_err(|refusal| (refusal, None))?;
        let alone = match signers.as_slice() {
            [Signer::Shop(name)] => Some(name.clone()),
            [..] => None,
        };
        let refused = |refusal| (refusal, alone.clone());
        let ahead = head.seconds.saturating_sub(now.as_second());
        if !(-TOLERANCE..=TOLERANCE).contains(&ahead) {
            return Err(refused(Refusal::Untimely(ahead)));
        }
        let hint = Hint::read(letter.body).map_err(|detail| refused(Refusal::Malformed(detail)))?;
        let (name, wanted) = book.addressed(hint.shop.as_deref(), &signers).map_err(refused)?;
        let known = |refusal| (refusal, Some(name.to_owned()));
        let end = head.seconds.saturating_add(TOLERANCE);
        match self.notes().replays.enter(head.id, end, now.as_second()) {
            Entry::First => {}
            Entry::Again => return Err(known(Refusal::Replayed)),
            Entry::Full => return Err(known(Refusal::Busy)),
        }
        Ok(Taken {
            shop: name.to_owned(),
            hook: hint.hook,
            scope: hint.scope.clone(),
            plan: wanted.hint(hint.scope, at),
        })
    }

    /// The hint's head and whose keys signed it.
    fn verified<'a>(
        &self,
        book: &Book,
        letter: &Letter<'a>,
        at: Instant,
    ) -> Result<(Head<'a>, Vec<Signer>), Refusal> {
        let signers = |head: &Head<'_>| -> Vec<Signer> {
            let signed = Signed {
                id: head.id,
                timestamp: head.timestamp,
                body: letter.body,
                signatures: head.signatures,
            };
            let mine = book.keys.iter().filter(|(key, _)| key.signed(&signed));
            mine.map(|(_, signer)| signer.clone()).collect()
        };
        let refusal = match letter.head().map(|head| (head, signers(&head))) {
            Some((head, signers)) if !signers.is_empty() => return Ok((head, signers)),
            Some(_) => Refusal::Forged,
            None => Refusal::Unsigned,
        };
        self.notes().unsigned.of(letter.from).take(at);
        Err(refusal)
    }

    /// A person asks for a look at all of one shop, or of each: when each is looked at. `None` where there is no such
    /// shop.
    #[must_use]
    pub fn ask(&self, shop: Option<&str>, at: Instant) -> Option<Vec<(String, Plan)>> {
        let book = self.book();
        let meant = book
            .shops
            .iter()
            .filter(|(name, _)| shop.is_none_or(|shop| shop == name));
        let plans: Vec<_> = meant
            .map(|(name, wanted)| (name.clone(), wanted.ask(at)))
            .collect();
        (shop.is_none() || !plans.is_empty()).then_some(plans)
    }

    /// Counts a refusal; what to log of those of the last minute, where it is time for that.
    pub fn refused(&self, refusal: Refusal, at: Instant) -> Option<String> {
        self.notes().refused.count(refusal.word(), at)
    }

    /// What is still to be logged of refusals.
    pub fn refusals(&self, at: Instant) -> Option<String> {
        self.notes().refused.due(at)
    }

    fn book(&self) -> Arc<Book> {
        Arc::clone(&self.book.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    /// The shop that a hint of these signers is about.
    fn addressed(&self, named: Option<&str>, signers: &[Signer]) -> Result<(&str, &Wanted), Refusal> {
        let speaks_for_all = signers.contains(&Signer::All);
        let name = match named {
            Some(name) => name,
            None => self.unnamed(signers)?,
        };
        let may = speaks_for_all
            || signers
                .iter()
                .any(|signer| matches!(signer, Signer::Shop(own) if own == name));
        if !may {
            return Err(Refusal::ForeignShop);
        }
        let known = self.shops.iter().find(|(known, _)| known == name);
        known
            .map(|(name, wanted)| (name.as_str(), &**wanted))
            .ok_or(Refusal::UnknownShop)
    }

    fn unnamed<'a>(&'a self, signers: &'a [Signer]) -> Result<&'a str, Refusal> {
        if let [Signer::Shop(own)] = signers {
            return Ok(own);
        }
        match self.shops.as_slice() {
            [(only, _)] => Ok(only),
            shops if shops.iter().any(|(name, _)| name == DEFAULT) => Ok(DEFAULT),
            [..] => Err(Refusal::Malformed(
                "data.instance is needed: there are several instances here, and the secret is that of all.",
            )),
        }
    }
}
