//! Sample bodies of every platform, for `forebay send` and the demo: the files in `schemas/samples`.

use anyhow::Context as _;
use http::{HeaderMap, HeaderName, HeaderValue};
use ingest::envelope::{Enveloper, Prepared};
use schemas::event::Event;
use schemas::name::{SourceId, Tenant};
use schemas::platform::Platform;
use schemas::source::Source;
use schemas::time::Timestamp;

/// What a platform posts, but for what proves the sender.
#[derive(Debug)]
pub(crate) struct Sample {
    /// The platform's name of the event, mostly.
    pub(crate) name: &'static str,
    /// The body's bytes, unsigned.
    pub(crate) body: &'static [u8],
    /// The headers that say something about it, as lines `Name: value`.
    headers: &'static str,
}

const ALL: &[(&str, &[Sample])] = include!(concat!(env!("OUT_DIR"), "/samples.rs"));

impl Sample {
    /// The headers that say something about it.
    pub(crate) fn headers(&self) -> anyhow::Result<HeaderMap> {
        headers(self.headers.lines())
    }

    /// The events that it becomes when it is received now; none for a handshake or a test call.
    pub(crate) fn events(&self, source: &Source) -> anyhow::Result<Vec<Event>> {
        becomes(source, &self.headers()?, self.body)
    }
}

/// The events that a body becomes when it is received now; none for a handshake or a test call.
pub(crate) fn becomes(source: &Source, headers: &HeaderMap, body: &[u8]) -> anyhow::Result<Vec<Event>> {
    match Enveloper::default().prepare(source, headers, body, Timestamp::now()) {
        Prepared::Records(records) => records.iter().map(|record| Ok(Event::decode(&record.value)?)).collect(),
        Prepared::Reply(_) => Ok(Vec::new()),
    }
}

/// A source of the platform for looking at samples, which no one can send to.
pub(crate) fn any_source(platform: Platform) -> anyhow::Result<Source> {
    let (id, tenant) = (SourceId::new(platform.as_str())?, Tenant::new("default")?);
    Ok(Source::new(id, tenant, platform, Vec::new()))
}

/// The samples of a platform, in the order of their names.
pub(crate) fn of(platform: Platform) -> &'static [Sample] {
    let found = ALL.iter().find(|(name, _)| *name == platform.as_str());
    found.map_or(&[], |(_, samples)| samples)
}

/// The one that `forebay send` posts when none is named: a message, where the platform has such.
pub(crate) fn first(source: &Source) -> anyhow::Result<&'static Sample> {
    let samples = of(source.platform);
    let mut mapped = None;
    for sample in samples {
        let events = sample.events(source)?;
        if matches!(events.as_slice(), [event] if event.event_type().as_str() == "message.created") {
            return Ok(sample);
        }
        if mapped.is_none() && is_mapped(&events) {
            mapped = Some(sample);
        }
    }
    mapped.with_context(|| format!("there are no samples of {}", source.platform))
}

/// At most `count` samples that become events, from all over the list.
pub(crate) fn some(source: &Source, count: usize) -> anyhow::Result<Vec<&'static Sample>> {
    let mut mapped = Vec::new();
    for sample in of(source.platform) {
        if is_mapped(&sample.events(source)?) {
            mapped.push(sample);
        }
    }
    let step = mapped.len().div_ceil(count).max(1);
    Ok(mapped.into_iter().step_by(step).collect())
}

/// Whether there are events, and a mapping knows all of them.
pub(crate) fn is_mapped(events: &[Event]) -> bool {
    !events.is_empty() && events.iter().all(|event| event.event_type().as_str() != "unmapped")
}

/// Reads `Name: value`, one each.
pub(crate) fn headers<'l>(lines: impl IntoIterator<Item = &'l str>) -> anyhow::Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for line in lines {
        let wrong = || {
            format!(
                "`{}` is not a header: write `Name: value`",
                line.split(':').next().unwrap_or_default()
            )
        };
        let (name, value) = line.split_once(':').with_context(wrong)?;
        let name = HeaderName::from_bytes(name.trim().as_bytes()).with_context(wrong)?;
        headers.append(name, HeaderValue::from_str(value.trim()).with_context(wrong)?);
    }
    Ok(headers)
}
