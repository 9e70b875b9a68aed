//! Sample bodies of every platform, for `forebay send` and the demo: the files in `tests/payloads`.

use anyhow::Context as _;
use http::{HeaderMap, HeaderName, HeaderValue};
use schemas::platform::Platform;

/// What a platform posts, but for what proves the sender.
#[derive(Debug)]
pub(crate) struct Sample {
    /// The platform's name of the event, mostly.
    pub(crate) name: &'static str,
    /// The body.
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
}

/// The samples of a platform, in the order of their names.
pub(crate) fn of(platform: Platform) -> &'static [Sample] {
    let found = ALL.iter().find(|(name, _)| *name == platform.as_str());
    found.map_or(&[], |(_, samples)| samples)
}

/// The one that `forebay send` posts when none is named: a message, where the platform has such.
pub(crate) fn first(platform: Platform) -> anyhow::Result<&'static Sample> {
    let samples = of(platform);
    let message = samples
        .iter()
        .find(|sample| sample.name.to_lowercase().contains("message"));
    message
        .or(samples.first())
        .with_context(|| format!("there are no samples of {platform}"))
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
