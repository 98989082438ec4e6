//! What leaves the house: the wording of mails, the JSON of webhooks, and the dialogues that hand them over.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "what the tests share fails the test"
)]

mod samples;
mod digests;
mod docs;
mod html;
mod text;
mod report;
mod json;
mod smtp;
mod http;
mod heartbeat;
mod people;
