//! Bodies without end through everything that reads what comes from WHMCS: nothing panics or hangs, pieces make no
//! difference, limits hold, and no figure becomes a zero that was none.
//!
//! Runs for `FUZZ_SECONDS` (2, where that is not set). A failure prints its seed: `FUZZ_SEED=…` replays it alone.

#![expect(clippy::expect_used, clippy::panic, reason = "what fails here is the test")]

#[path = "../support/wire.rs"]
mod wire;

mod random;
mod bodies;
mod truth;

use std::fmt::Debug;
use std::panic;
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;

use jiff::Timestamp;
use serde::de::IgnoredAny;
use serde_json::Value;
use whmcs_stock_monitor::cli::pretty::pretty;
use whmcs_stock_monitor::domain::catalogue::Details;
use whmcs_stock_monitor::domain::catalogue::Listing;
use whmcs_stock_monitor::whmcs::answer::Page;
use whmcs_stock_monitor::whmcs::figure;
use whmcs_stock_monitor::whmcs::intern::Interner;
use whmcs_stock_monitor::whmcs::judge::Refusal;
use whmcs_stock_monitor::whmcs::refusal;
use whmcs_stock_monitor::whmcs::retry;
use whmcs_stock_monitor::whmcs::wire::Element;
use whmcs_stock_monitor::whmcs::xml;

use random::Random;
use wire::judged;

/// Far beyond what a small body may take, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// Bodies up to this many bytes are also fed byte by byte.
const SMALL: usize = 3000;

#[test]
fn whatever_comes_is_read_the_same_in_any_pieces_and_no_zero_is_made_up() {
    if let Some(seed) = setting("FUZZ_SEED") {
        case(seed);
        println!("seed {seed}: nothing found");
        return;
    }
    let seconds = setting("FUZZ_SECONDS");
    // The short run is always the same; a long one is new each time.
    let first = seconds.map_or(0, |_| clock());
    let (began, budget) = (Instant::now(), Duration::from_secs(seconds.unwrap_or(2)));
    let (mut seed, mut tally) = (first, Tally::default());
    while began.elapsed() < budget || seed == first {
        let started = Instant::now();
        match panic::catch_unwind(AssertUnwindSafe(|| case(seed))) {
            Ok(found) => tally.add(found),
            Err(fault) => {
                println!("FUZZ_SEED={seed} cargo test --test fuzz_wire -- --nocapture replays this");
                panic::resume_unwind(fault);
            }
        }
        assert!(
            started.elapsed() < PATIENCE,
            "FUZZ_SEED={seed} took {:?}",
            started.elapsed()
        );
        seed = seed.wrapping_add(1);
    }
    println!(
        "{} bodies from seed {first} on in {} s: {tally:?}",
        tally.bodies,
        began.elapsed().as_secs()
    );
    assert!(tally.accepted > 0 && tally.refused > 0, "{tally:?}");
}

fn setting(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(
        value
            .parse()
            .unwrap_or_else(|_| panic!("{name} is not a whole number: {value}")),
    )
}

fn clock() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.map_or(0, |now| now.as_secs() << 24)
}

/// What the bodies were.
#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    bodies: u64,
    accepted: u64,
    refused: u64,
    products: u64,
    zeros: u64,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.bodies += 1;
        self.accepted += other.accepted;
        self.refused += other.refused;
        self.products += other.products;
        self.zeros += other.zeros;
    }
}

/// One body through everything.
fn case(seed: u64) -> Tally {
    let mut random = Random::new(seed);
    let body = bodies::body(&mut random);
    let status = [200, 200, 200, 403, 500][random.below(5)];
    let cuts = random.cuts(body.len());
    let listings = in_pieces::<Listing>(status, &body, &cuts);
    let details = in_pieces::<Details>(status, &body, &cuts);
    pieces_of_readers(&body);
    let mut tally = Tally::default();
    for (accepted, products, zeros) in [
        listings.map_or((false, 0, 0), |page| {
            (true, page.items.len(), truth::check_listings(&body, &page))
        }),
        details.map_or((false, 0, 0), |page| {
            (true, page.items.len(), truth::check_details(&body, &page))
        }),
    ] {
        tally.accepted += u64::from(accepted);
        tally.refused += u64::from(!accepted);
        tally.products += products as u64;
        tally.zeros += zeros as u64;
    }
    tally
}

/// What a body is read as, which is the same whole, in pieces and byte by byte.
fn in_pieces<T: Element + Debug>(status: u16, body: &[u8], cuts: &[usize]) -> Result<Page<T>, Refusal> {
    let whole = judged::<T>(status, body, &[]);
    let shown = format!("{whole:?}");
    assert_eq!(
        format!("{:?}", judged::<T>(status, body, cuts)),
        shown,
        "cut at {cuts:?}: {}",
        text(body)
    );
    if body.len() <= SMALL {
        let every: Vec<usize> = (0..body.len()).collect();
        assert_eq!(
            format!("{:?}", judged::<T>(status, body, &every)),
            shown,
            "byte by byte: {}",
            text(body)
        );
    }
    whole
}

fn text(body: &[u8]) -> String {
    String::from_utf8_lossy(body).into_owned()
}

/// The smaller readers, each with the body as if it were what they read.
fn pieces_of_readers(body: &[u8]) {
    let text = text(body);
    let mut interner = Interner::default();
    let _ = Listing::read(body, &mut interner);
    let _ = Details::read(body, &mut interner);
    let start: String = text.chars().take(40).collect();
    let _ = (
        figure::figure(Some(&start)),
        figure::flag(Some(&start)),
        figure::text(&start),
    );
    let _ = (
        refusal::of_message(&text),
        refusal::of_body(403, "text/html", &text),
        refusal::nvp_error(&text),
    );
    let _ = retry::retry_after(&start, Timestamp::UNIX_EPOCH);
    if let Ok(json) = xml::to_json(body) {
        serde_json::from_slice::<IgnoredAny>(&json).unwrap_or_else(|error| panic!("{error}: {text}"));
    }
    let shown = pretty(&text);
    if let Ok(value) = serde_json::from_str::<Value>(text.trim_start_matches('\u{feff}').trim()) {
        assert_eq!(
            serde_json::from_str::<Value>(&shown).expect("still JSON"),
            value,
            "{text}"
        );
    }
}
