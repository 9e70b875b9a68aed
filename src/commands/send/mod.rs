//! `forebay send`: signs a body as a platform would and posts it.

mod posted;
mod sender;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use http::HeaderMap;
use schemas::event::Event;
use schemas::name::SourceId;
use schemas::platform::Platform;
use schemas::source::Source;

use super::samples::{self, Sample};
use crate::cli::{Output, SendArgs};
use crate::config::{ConfigError, Loaded, Missing};
use crate::output::{self, Printer};
use crate::{assemble, config};
use posted::{Posted, Tally};
pub(crate) use sender::{Answered, Sender};

/// Posts webhooks, and fails unless they are accepted; with `--forge`, unless they are refused.
pub(crate) async fn send(args: SendArgs, out: &mut Printer) -> anyhow::Result<()> {
    let platforms = args.platform.map_or(Platform::ALL.to_vec(), |platform| vec![platform]);
    if args.list {
        return list(&platforms, out);
    }
    let loaded = config::load_or_built_in(args.given.config.as_deref(), Missing::Refuse)?;
    let registry = assemble::registry(&loaded)?;
    let base = args.url.clone().unwrap_or_else(|| loaded.base_url());
    let sender = Sender::new(&base)?;
    let mut tally = Tally::default();
    for platform in platforms {
        let source = match find_source(&loaded, &registry, platform, args.source.as_ref()) {
            // All means all that there are.
            Err(_) if args.platform.is_none() => continue,
            found => found?,
        };
        for webhook in webhooks(&args, &source)? {
            let posted = match Posted::new(&sender, &source, webhook, args.forge).await {
                Ok(posted) => posted,
                // One source that lacks a setting keeps no other from its samples.
                Err(error) if args.all && error.is::<ingest::NotSigned>() => {
                    let reason = format!("nothing is sent as {}: {}", source.id, output::in_words(&error));
                    output::remark(&reason);
                    tally.refused.get_or_insert(reason);
                    break;
                }
                Err(error) => return Err(error),
            };
            out.line(&match args.output {
                Output::Pretty => posted.pretty(),
                Output::Json => posted.json().to_string(),
            });
            tally.add(&posted);
        }
    }
    if args.all {
        if args.output == Output::Pretty {
            out.line(&tally.in_words());
        }
        ensure!(tally.posted > 0, "{} has no source to send to", loaded.file);
    }
    match (args.forge, tally.refused) {
        (false, Some(reason)) => bail!(reason),
        (true, None) => bail!("ingest accepted a forgery: does the source ask for no proof?"),
        (false, None) | (true, Some(_)) => Ok(()),
    }
}

/// The samples and what each becomes.
fn list(platforms: &[Platform], out: &mut Printer) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for platform in platforms {
        let source = samples::any_source(*platform)?;
        for sample in samples::of(*platform) {
            let name = match platforms {
                [_] => sample.name.to_owned(),
                _ => format!("{platform} {}", sample.name),
            };
            rows.push([
                name,
                format!("{} bytes", sample.body.len()),
                types(&sample.events(&source)?),
            ]);
        }
    }
    for line in output::table(&rows) {
        if !out.line(&line) {
            break;
        }
    }
    Ok(())
}

/// The types of events, each once, with how many of it there are.
fn types(events: &[Event]) -> String {
    if events.is_empty() {
        return "no event: a handshake or a test call".to_owned();
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for event in events {
        *counts.entry(event.event_type().as_str()).or_default() += 1;
    }
    let shown = counts.into_iter().map(|(name, count)| match count {
        1 => name.to_owned(),
        count => format!("{name} ×{count}"),
    });
    shown.collect::<Vec<_>>().join(", ")
}

fn find_source(
    loaded: &Loaded,
    registry: &control::Registry,
    platform: Platform,
    wanted: Option<&SourceId>,
) -> Result<Arc<Source>, ConfigError> {
    let mut of_platform: Vec<&Arc<Source>> = registry.sources().filter(|s| s.platform == platform).collect();
    of_platform.sort_by(|a, b| a.id.cmp(&b.id));
    let found = of_platform
        .iter()
        .find(|source| wanted.is_none_or(|id| source.id == *id));
    found.map(|source| Arc::clone(source)).ok_or_else(|| {
        let Some(id) = wanted else {
            let mut there: Vec<&str> = registry.sources().map(|source| source.platform.as_str()).collect();
            there.sort_unstable();
            there.dedup();
            let there = match there.as_slice() {
                [] => "none at all".to_owned(),
                there => format!("sources of {}", there.join(", ")),
            };
            return ConfigError(format!(
                "{} has no source of the platform {platform}; it has {there}",
                loaded.file
            ));
        };
        let ids: Vec<String> = of_platform.iter().map(|source| format!("`{}`", source.id)).collect();
        let there = if ids.is_empty() {
            "none".to_owned()
        } else {
            ids.join(", ")
        };
        let file = &loaded.file;
        ConfigError(format!(
            "{file} has no source `{id}` of the platform {platform}; there is: {there}"
        ))
    })
}

/// What is posted.
struct Webhook {
    /// The sample's name, or the file's.
    name: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Webhook {
    fn of(sample: &'static Sample) -> anyhow::Result<Self> {
        Ok(Self {
            name: sample.name.to_owned(),
            headers: sample.headers()?,
            body: Bytes::from_static(sample.body),
        })
    }
}

/// What the arguments ask to post to this source.
fn webhooks(args: &SendArgs, source: &Source) -> anyhow::Result<Vec<Webhook>> {
    let all = samples::of(source.platform);
    if args.all {
        return all.iter().map(Webhook::of).collect();
    }
    let mut webhook = match (&args.body, &args.sample) {
        (Some(file), _) => Webhook {
            name: file.display().to_string(),
            headers: HeaderMap::new(),
            body: read(file)?.into(),
        },
        (None, None) => Webhook::of(samples::first(source)?)?,
        (None, Some(name)) => {
            let sample = all.iter().find(|sample| sample.name == name);
            Webhook::of(sample.ok_or_else(|| {
                ConfigError(format!("{} has no sample `{name}`; --list names them", source.platform))
            })?)?
        }
    };
    webhook
        .headers
        .extend(samples::headers(args.headers.iter().map(String::as_str))?);
    Ok(vec![webhook])
}

/// Reads a file, or standard input if it is called `-`.
pub(crate) fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if file == Path::new("-") {
        std::io::stdin()
            .lock()
            .read_to_end(&mut bytes)
            .context("cannot read standard input")?;
        return Ok(bytes);
    }
    std::fs::read(file).with_context(|| format!("cannot read `{}`", file.display()))
}
