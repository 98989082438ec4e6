//! whmcs-stock-monitor: watches the stock of WHMCS products and tells people before it runs out.
//!
//! The modules stand in reading order: a file uses only what stands above it (`tests/architecture.rs` holds that).

pub mod domain {
    pub mod catalogue;
    pub mod source;
    pub mod pattern;
    pub mod capacity;
    pub mod message;
    pub mod delivery;
    pub mod alerting {
        pub mod rules;
        pub mod state;
        pub mod decision;
    }
}
pub mod scheduler;
pub mod whmcs {
    pub mod client;
}
pub mod store {
    pub mod error;
    pub mod value;
    mod files;
    mod schema;
    pub mod reader;
    pub mod db;
    mod differences;
    mod rows;
    pub mod save;
    pub mod memory;
    pub mod history;
    pub mod past;
    pub mod outbox;
    pub mod deliveries;
}
pub mod notify {
    pub mod email;
    pub mod webhook;
}
pub mod observe {
    pub mod view;
    pub mod counters;
    pub mod items;
    pub mod text;
    pub mod process;
    pub mod metrics;
    pub mod redact;
    pub mod log;
}
pub mod web {
    pub mod state;
    pub mod problem;
    pub mod params;
    pub mod overview;
    pub mod access;
    pub mod scrape;
    pub mod health;
    pub mod stock;
    pub mod records;
    pub mod alerts;
    pub mod page;
    pub mod server;
}
