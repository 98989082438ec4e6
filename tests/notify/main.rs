//! What leaves the house: the wording of mails, the JSON of webhooks, and the dialogues that hand them over.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "what the tests share fails the test"
)]

#[path = "../support/browser.rs"]
mod browser;
mod samples;
mod digests;
mod docs;
mod html;
mod text;
mod report;
mod look;
mod json;
mod smtp;
mod http;
mod heartbeat;
mod people;
mod chat;
mod chat_forms;
mod chat_http;
mod chat_peers;
mod chat_reports;
