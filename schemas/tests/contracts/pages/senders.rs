//! Which platform sends which event type, and what shows it: ingest's golden files and the vectors, never a list by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::{below, parsed};

/// What shows that a platform sends events of a type.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Evidence {
    /// Samples of the platform's bodies that become such events: the names of ingest's golden files, without the ending.
    pub(super) samples: BTreeSet<String>,
    /// Accepted cases of the vectors, in the order of the file: the plain ones come first.
    pub(super) vectors: Vec<String>,
}

/// By platform, then by event type.
pub(super) type Senders = BTreeMap<String, BTreeMap<String, Evidence>>;

/// Ingest's golden files by `platform/file`: what it makes of every sample body.
pub(crate) fn golden_files() -> Vec<(String, Value)> {
    let root = below("../ingest/tests/golden");
    let mut found = Vec::new();
    for platform in names(&root) {
        for file in names(&root.join(&platform)) {
            let golden = read(&root.join(&platform).join(&file));
            found.push((format!("{platform}/{file}"), golden));
        }
    }
    found
}

/// Everything that exists now.
pub(super) fn found() -> Senders {
    let mut senders = Senders::new();
    for (file, golden) in golden_files() {
        let file = file.strip_suffix(".json").unwrap_or(&file);
        let (platform, sample) = file.split_once('/').expect("a folder for each platform");
        add(&mut senders, platform, &golden, |evidence| {
            evidence.samples.insert(sample.to_owned());
        });
    }
    let vectors = below("vectors");
    let files = names(&vectors).into_iter().map(|file| vectors.join(file));
    for file in files.filter(|path| path.extension().is_some_and(|end| end == "json")) {
        let file = read(&file);
        for case in file["cases"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|case| case["verdict"] == "accept")
        {
            let platform = case["platform"]
                .as_str()
                .or(file["platform"].as_str())
                .expect("a vector has a platform");
            let name = case["name"].as_str().expect("a vector has a name");
            add(&mut senders, platform, &case["events"], |evidence| {
                if !evidence.vectors.iter().any(|known| known == name) {
                    evidence.vectors.push(name.to_owned());
                }
            });
        }
    }
    senders
}

/// The names in a folder; none where there is no folder yet.
fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries
        .map(|entry| {
            entry
                .expect("a readable folder")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect()
}

fn read(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    parsed(&path.display().to_string(), &text)
}

/// Of a list of events; a golden file of a ping holds none.
fn add(senders: &mut Senders, platform: &str, events: &Value, note: impl Fn(&mut Evidence)) {
    for event in events.as_array().into_iter().flatten() {
        if let Some(event_type) = event["type"].as_str() {
            note(
                senders
                    .entry(platform.to_owned())
                    .or_default()
                    .entry(event_type.to_owned())
                    .or_default(),
            );
        }
    }
}

impl Evidence {
    /// Links to the samples; of vectors only some, since many show the same.
    pub(super) fn words(&self, platform: &str) -> (String, String) {
        const SHOWN: usize = 3;
        let samples: Vec<String> = self
            .samples
            .iter()
            .map(|sample| format!("[{sample}](../../ingest/tests/golden/{platform}/{sample}.json)"))
            .collect();
        let mut vectors: Vec<String> = self
            .vectors
            .iter()
            .take(SHOWN)
            .map(|name| name.replace('|', "\\|").replace('<', "&lt;"))
            .collect();
        if self.vectors.len() > SHOWN {
            vectors.push(format!("and {} more", self.vectors.len() - SHOWN));
        }
        (samples.join(", "), vectors.join("; "))
    }
}
