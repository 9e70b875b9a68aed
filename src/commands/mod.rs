//! The commands that are no roles: each a file or a folder, with one function that `main` calls.

pub(crate) mod check;
pub(crate) mod connect;
pub(crate) mod demo;
pub(crate) mod normalize;
pub(crate) mod progress;
pub(crate) mod rules;
mod samples;
pub(crate) mod secret;
pub(crate) mod send;
pub(crate) mod tail;
pub(crate) mod verify;
