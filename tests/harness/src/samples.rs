//! The samples of the platforms: each a body in a file, and perhaps `<name>.headers` beside it.

use std::fs;
use std::path::{Path, PathBuf};

use http::{HeaderMap, HeaderName, HeaderValue};
use schemas::name::{SourceId, Tenant};
use schemas::platform::Platform;
use schemas::source::Source;

use crate::repository;

/// The bodies of a platform, in the order of their names.
pub fn files(platform: Platform) -> Vec<PathBuf> {
    let folder = repository().join("schemas/samples").join(platform.as_str());
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|extension| extension != "headers"))
        .collect();
    files.sort();
    files
}

/// The headers of a sample, a `Name: value` a line.
pub fn headers(sample: &Path) -> HeaderMap {
    let lines = fs::read_to_string(sample.with_extension("headers")).unwrap_or_default();
    let header = |line: &str| {
        let (name, value) = line.split_once(": ").expect("a header is `Name: value`");
        (
            HeaderName::from_bytes(name.as_bytes()).expect("a name"),
            HeaderValue::from_str(value).expect("a value"),
        )
    };
    lines.lines().map(header).collect()
}

/// The source that the samples of a platform come from; it has no secrets.
pub fn source(platform: Platform) -> Source {
    Source::new(
        SourceId::new("line-1").expect("valid"),
        Tenant::new("acme").expect("valid"),
        platform,
        vec![],
    )
}
