//! The commands that are no roles: each a file or a folder, with one function that `main` calls.

use std::sync::Arc;

use net::client::{Client, Guard, Settings, SystemResolver};

use crate::cli::Output;
use crate::config::ConfigError;

pub(crate) mod check;
pub(crate) mod connect;
pub(crate) mod demo;
pub(crate) mod endpoints;
pub(crate) mod health;
pub(crate) mod normalize;
pub(crate) mod papers;
mod pretty;
pub(crate) mod progress;
pub(crate) mod rules;
pub(crate) mod samples;
pub(crate) mod secret;
pub(crate) mod send;
mod signed;
pub(crate) mod smoke_test;
pub(crate) mod state;
pub(crate) mod tail;
pub(crate) mod verify;

/// A client for what the operator names. The guard is for addresses that others register.
fn client() -> Result<Client, ConfigError> {
    let client = Client::new(&Settings::default(), Guard::allow_all(), Arc::new(SystemResolver));
    client.map_err(|invalid| ConfigError(invalid.to_string()))
}

/// The format that a command prints in when none is named: lines on a terminal, JSON in a pipe.
fn for_reader() -> Output {
    if crate::output::terminal() {
        Output::Pretty
    } else {
        Output::Json
    }
}
