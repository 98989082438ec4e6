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
        mod attach;
        pub mod decision;
        pub mod judge;
        pub mod series;
        mod telling;
        mod walk;
        mod combination;
        pub mod product;
        pub mod decide;
        pub mod remind;
    }
}
pub mod scheduler;
pub mod sinks {
    pub mod mime;
    pub mod mail_script;
    pub mod smtp;
    pub mod mail;
    pub mod webhook;
}
pub mod whmcs {
    pub mod client;
}
pub mod store {
    pub mod db;
}
pub mod notify {
    pub mod clean;
    pub mod words;
    pub mod content;
    pub mod subject;
    pub mod view;
    pub mod email;
    pub mod smtp;
    pub mod standard;
    pub mod address;
    pub mod webhook;
    pub mod channel;
}
