//! Everything that needs a real server. See `support/server` for where the server comes from.

#![cfg(feature = "mongo")]

#[path = "../support/mod.rs"]
mod support;

mod clerk;
mod contract;
mod differential;
mod errors;
mod legacy_data;
mod live_recounts;
mod logins;
mod migration;
mod old_rows;
mod provisioning;
mod query_costs;
mod query_plans;
mod recorder;
mod recounts;
mod secrets;
mod server_info;
mod spellings;
mod stored_form;
mod streams;
mod tenants;
