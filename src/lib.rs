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
    pub mod db;
}
pub mod notify {
    pub mod email;
    pub mod webhook;
}
pub mod config {
    pub mod findings;
    pub mod dotenv;
    pub mod keys;
    pub mod values;
    pub mod urls;
    pub mod overlay;
    pub mod file;
    pub mod reader;
    pub mod section;
    pub mod settings;
    pub mod smtp;
    pub mod sender;
    pub mod instances;
    pub mod channels;
    pub mod rules;
    pub mod capacities;
    pub mod daemon;
    pub mod load;
}
