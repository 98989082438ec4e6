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
pub mod simulator {
    pub mod json;
    pub mod product;
    pub mod habits;
    pub mod render;
    pub mod shop;
    pub mod samples;
    pub mod story;
    pub mod faults;
    pub mod api;
    pub mod http;
    pub mod delivery;
    pub mod account;
    pub mod server;
}
pub mod whmcs {
    pub mod client;
}
pub mod store {
    pub mod db;
}
pub mod notify {
    pub mod email;
    pub mod webhook;
}
