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
    pub mod skip;
    pub mod envelope;
    pub mod scan;
    pub mod figure;
    pub mod list;
    pub mod intern;
    pub mod wire;
    pub mod recall;
    pub mod form;
    pub mod refusal;
    pub mod answer;
    pub mod retry;
    pub mod fault;
    pub mod api;
    pub mod details;
    pub mod listings;
    pub mod client;
}
pub mod store {
    pub mod db;
}
pub mod notify {
    pub mod email;
    pub mod webhook;
}
