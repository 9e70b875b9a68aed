//! Events and destinations for the tests of this crate.
#![allow(dead_code, reason = "each test file uses its own part")]

use schemas::event::Event;
use schemas::name::SinkName;
use schemas::setting::Invalid;
use schemas::sink::Destinations;

/// Two sinks that take no argument.
pub(crate) struct Both;

pub(crate) const BOTH: Both = Both;

impl Destinations for Both {
    fn sinks(&self) -> Vec<SinkName> {
        ["postgres", "http"]
            .map(|name| SinkName::new(name).expect("valid"))
            .into()
    }

    fn check(&self, _: &SinkName, argument: Option<&str>) -> Result<(), Invalid> {
        match argument {
            None => Ok(()),
            Some(_) => Err(Invalid::new("", "takes no argument: write its name alone")),
        }
    }
}

pub(crate) fn event(event_type: &str, data: &str) -> Event {
    let value = format!(
        r#"{{"specversion":"1.0","id":"019cd7f6-f0e0-82b2-9fbf-000000000001","source":"/acme/s","type":"{event_type}",
        "subject":"c1","time":"2026-03-10T13:36:50.912Z","tenant":"acme","platform":"chatwoot",
        "receivedtime":"2026-03-10T13:36:51.000Z","partitionkey":"acme/s/k","rawsha256":"00","data":{data}}}"#
    );
    Event::decode(&value.into()).expect("an event")
}
