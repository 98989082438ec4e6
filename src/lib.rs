//! whmcs-stock-monitor: watches the stock of WHMCS products and tells people before it runs out.
//!
//! The modules stand in reading order: a file uses only what stands above it (`tests/architecture.rs` holds that).

pub mod domain {
    pub mod nameless;
    pub mod catalogue;
    pub mod daily;
    pub mod retention;
    pub mod source;
    pub mod pattern;
    pub mod metrics;
    pub mod feed;
    pub mod offer;
    pub mod forecast;
    pub mod stand;
    pub mod report;
    pub mod message;
    pub mod people;
    pub mod pool;
    pub mod limit;
    pub mod draw;
    pub mod taking;
    pub mod capacity;
    pub mod delivery;
    pub mod alerting {
        pub mod rules;
        pub mod state;
        pub mod lost;
        pub mod pools;
        pub mod attach;
        pub mod mention;
        pub mod unmatched;
        pub mod relink;
        pub mod acks;
        pub mod decision;
        pub mod judge;
        pub mod series;
        mod flapping;
        mod about;
        pub mod muting;
        mod telling;
        mod speaking;
        mod later;
        mod saying;
        mod pooling;
        mod needs;
        mod walk;
        mod combination;
        pub mod product;
        mod looks;
        pub mod counted;
        mod source;
        pub mod decide;
        pub mod remind;
        pub mod depart;
    }
    pub mod reporting {
        pub mod outline;
        pub mod movement;
        pub mod lines;
        pub mod compose;
    }
}
pub mod scheduler;
pub mod maintenance;
pub mod sinks {
    pub mod mime;
    pub mod mail_script;
    pub mod smtp;
    pub mod mail;
    pub mod webhook;
}
pub mod simulator {
    pub mod json;
    pub mod xml;
    pub mod product;
    pub mod habits;
    pub mod render;
    pub mod shop;
    pub mod samples;
    pub mod random;
    pub mod customers;
    pub mod story;
    pub mod past;
    pub mod faults;
    pub mod mishap;
    pub mod api;
    pub mod http;
    pub mod delivery;
    pub mod account;
    pub mod server;
}
pub mod whmcs {
    pub mod skip;
    pub mod envelope;
    pub mod scan;
    pub mod xml;
    pub mod markup;
    pub mod xml_scan;
    pub mod intake;
    pub mod figure;
    pub mod list;
    pub mod intern;
    mod pricing;
    pub mod wire;
    pub mod recall;
    pub mod form;
    pub mod refusal;
    pub mod judge;
    pub mod answer;
    pub mod retry;
    pub mod fault;
    pub mod proxy;
    pub mod api;
    pub mod details;
    pub mod listings;
    pub mod certificate;
    pub mod call;
    pub mod probe;
    pub mod client;
}
pub mod store {
    pub mod error;
    pub mod value;
    mod files;
    pub mod place;
    mod schema;
    mod watched;
    pub mod reader;
    pub mod changes;
    pub mod db;
    mod differences;
    mod rows;
    pub mod save;
    pub mod memory;
    pub mod pools;
    pub mod history;
    pub mod past_levels;
    pub mod trends;
    pub mod past;
    pub mod timeline;
    pub mod forecast;
    pub mod days;
    pub mod prune;
    pub mod prune_told;
    pub mod upkeep;
    pub mod backup;
    mod said;
    pub mod acks;
    pub mod silences;
    pub mod people;
    pub mod outbox;
    pub mod deliveries;
    pub mod shops;
    pub mod digest;
    pub mod reports;
    pub mod sessions;
}
pub mod charts {
    pub mod digits;
    pub mod level;
    pub mod axis;
    pub mod steps;
    pub mod words;
    pub mod history;
    pub mod png;
}
pub mod notify {
    pub mod clean;
    pub mod words;
    pub mod content;
    pub mod people;
    pub mod subject;
    pub mod cards;
    pub mod view;
    pub mod report {
        pub mod say;
        pub mod part;
        pub mod lines;
        pub mod health;
        pub mod digest;
        pub mod csv;
        pub mod text;
        pub mod html;
        pub mod mail;
        pub mod summary;
    }
    pub mod email;
    pub mod limited;
    pub mod refusal;
    pub mod smtp;
    pub mod standard;
    pub mod address;
    pub mod format {
        pub mod entry;
        pub mod sections;
        pub mod digest;
        pub mod slack;
        pub mod discord;
        pub mod teams;
        pub mod telegram;
        pub mod ntfy;
        pub mod alertmanager;
        pub mod specimens;
        pub mod template;
    }
    pub mod webhook_format;
    pub mod late;
    pub mod verdict;
    pub mod webhook;
    pub mod heartbeat;
    pub mod channel;
}
pub mod hints {
    pub mod signature;
    pub mod replay;
    pub mod bucket;
    pub mod tally;
    pub mod wanted;
    pub mod letter;
    pub mod desk;
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
    pub mod sign_in;
    pub mod instances;
    pub mod receivers;
    pub mod templates;
    pub mod quiet;
    pub mod channels;
    pub mod escalation;
    pub mod rules;
    pub mod capacities;
    pub mod maintenance;
    pub mod metrics;
    pub mod server_tls;
    pub mod web_file;
    pub mod access;
    pub mod public;
    pub mod retention;
    pub mod daemon;
    pub mod reports;
    pub mod load;
    pub mod lenient;
    pub mod sheet;
    pub mod draft;
    pub mod entry;
    pub mod managed;
    pub mod listed;
    pub mod export;
    pub mod line;
    pub mod import;
    pub mod suggest;
    pub mod propose;
}
pub mod jobs {
    mod firsts;
    pub mod shop;
    pub mod check;
    pub mod deliver;
    pub mod remind;
    pub mod depart;
    pub mod keep;
    pub mod gaps;
    pub mod digest;
    mod past;
    mod said;
    pub mod rehearse;
    pub mod report;
}
pub mod doctor {
    pub mod finding;
    pub mod guide;
    pub mod way;
    pub mod stock;
    pub mod mail;
    pub mod placeholder;
    pub mod connection;
    pub mod shop;
    pub mod catalogue;
    pub mod visit;
    pub mod channel;
    pub mod heartbeat;
    pub mod database;
    pub mod rules;
}
pub mod observe {
    pub mod view;
    pub mod counters;
    pub mod pools;
    pub mod items;
    pub mod lines;
    pub mod said;
    pub mod text;
    pub mod process;
    pub mod database;
    pub mod metrics;
    pub mod openmetrics;
    pub mod redact;
    pub mod log;
}
pub mod people {
    pub mod when;
    pub mod draft;
    pub mod target;
    pub mod listed;
}
pub mod web {
    pub mod assets;
    pub mod problem;
    pub mod asker;
    pub mod zone;
    pub mod forms;
    pub mod places;
    pub mod crowd;
    pub mod idle;
    pub mod params;
    pub mod answers {
        pub mod accept;
        pub mod sheet;
        pub mod reply;
        pub mod paging;
        pub mod wanted;
        pub mod cursor;
        pub mod order;
    }
    pub mod overview;
    pub mod show;
    pub mod pools;
    pub mod fold;
    pub mod filters;
    pub mod search;
    pub mod index;
    pub mod trend;
    pub mod brief;
    pub mod kept;
    pub mod state;
    pub mod trust;
    pub mod reading;
    pub mod frame;
    pub mod posted;
    pub mod addresses;
    pub mod together;
    pub mod made;
    pub mod fields;
    pub mod live;
    pub mod access;
    pub mod negotiation;
    pub mod renewal;
    pub mod scrape;
    pub mod health;
    pub mod stock;
    pub mod firing;
    pub mod records;
    pub mod alerts;
    pub mod events;
    pub mod hints;
    pub mod body;
    pub mod people;
    pub mod selection;
    pub mod rows;
    pub mod next;
    pub mod api {
        pub mod deliveries;
        pub mod product;
        pub mod sources;
        pub mod summary;
        pub mod windows;
        pub mod public;
        pub mod tidy;
        pub mod openapi;
        pub mod routes;
    }
    pub mod actions;
    pub mod page;
    pub mod sign_in;
    pub mod product_events;
    pub mod product_past;
    pub mod product_choices;
    pub mod product_head;
    pub mod product;
    pub mod lists {
        pub mod turning;
        pub mod reasons;
        pub mod deliveries;
        pub mod open;
        pub mod past;
        pub mod mutes;
        pub mod alerts;
        pub mod strip;
        pub mod monitor;
        pub mod sources;
        pub mod pools;
    }
    pub mod server;
}
pub mod app;
pub mod cli;
