//! The pages in a real Chromium, walked as a person would: a shop that the test moves, the daemon as a process before it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test's helpers fail as the test does"
)]

#[path = "../support/browser.rs"]
#[expect(dead_code, reason = "pages in files are looked at elsewhere")]
mod browser;
#[path = "../support/daemon.rs"]
#[expect(dead_code, reason = "only what walks need")]
mod daemon;
#[path = "../support/receivers.rs"]
#[expect(dead_code, reason = "only what walks need")]
mod receivers;

mod past;
mod walking;
mod world;

use serde_json::json;
use whmcs_stock_monitor::simulator::shop::Shop;

use crate::walking::walk;
use crate::world::World;

#[test]
fn stock_that_changes_in_the_shop_appears_without_a_reload() {
    walk("live", &mut World::open());
}

#[test]
fn a_page_that_is_cut_off_says_so_and_goes_on_when_the_monitor_is_back() {
    walk("lost", &mut World::open());
}

#[test]
fn people_take_alerts_on_silence_them_and_send_dead_letters_again() {
    walk("people", &mut World::open());
}

#[test]
fn a_form_that_is_being_written_in_stays_itself_while_the_shop_moves() {
    walk("writing", &mut World::open());
}

#[test]
fn filters_live_in_the_address_through_reload_back_and_without_a_script() {
    walk("filters", &mut World::open());
}

#[test]
fn everything_that_a_mouse_does_a_keyboard_does() {
    walk("keyboard", &mut World::open());
}

#[test]
fn people_sign_in_with_the_token_and_who_may_only_look_is_offered_no_form() {
    let settings = [
        ("HTTP_TOKEN", "a-token-to-act"),
        ("HTTP_READ_TOKEN", "a-token-to-look"),
    ];
    let mut world = World::of(Shop::sample(), &settings);
    walk(
        "access",
        world.giving(json!({"act": "a-token-to-act", "look": "a-token-to-look"})),
    );
}

/// Pictures of all of them go to the folder that `PAGE_PICTURES` names.
#[test]
fn every_page_is_accessible_and_fits_in_light_and_dark_and_no_name_does_anything() {
    let pictures = std::env::var("PAGE_PICTURES").unwrap_or_default();
    // Pictures are of a shop as there are many.
    let mut world = World::with_past(if pictures.is_empty() { 3 } else { 14 }, pictures.is_empty());
    walk("looks", world.giving(json!({"pictures": pictures})));
}

#[test]
fn ten_thousand_products_are_paged_and_stay_quick_enough_to_type_in() {
    let mut world = World::of(Shop::bulk(10_000, 0, 0), &[("POLL_SCHEDULE", "every 5s")]);
    if let Some(said) = walk("many", &mut world) {
        println!("10,000 products: {said}");
    }
}
