//! Digisac: what it leaves unsaid, and what its names stand for.

mod changes;
mod content;

use schemas::data::{Data, Message};
use schemas::platform::Platform;

use crate::{one, sample};

fn message(name: &str) -> String {
    sample(Platform::Digisac, name)
}

fn said(body: &str) -> Message<'_> {
    match one(Platform::Digisac, body).data {
        Data::MessageCreated(message) | Data::MessageUpdated(message) => message,
        other => panic!("a message: {other:?}"),
    }
}
