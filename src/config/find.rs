//! Which configuration a command uses: one rule for all commands.
//!
//! 1. the file that `--config` names
//! 2. the file that the environment variable `FOREBAY_CONFIG` names
//! 3. `forebay.yaml` in the current folder, if it is there
//! 4. for the commands that can do with it, the configuration that `forebay dev` has built in

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use settings::NoReferences;

use super::missing::Missing;
use super::{ConfigError, DEV, Loaded, load_with};
use crate::cli::ConfigArg;

/// The variable that names a configuration.
const VARIABLE: &str = "FOREBAY_CONFIG";

/// The file that is used if nothing names another.
const USUAL: &str = "forebay.yaml";

/// What the configuration without a file is called in messages.
pub(crate) const BUILT_IN: &str = "the built-in configuration of `forebay dev`";

/// Returns the file to use; `None` where there is none, which leaves the built-in configuration.
pub(crate) fn find(given: Option<&Path>) -> Result<Option<PathBuf>, ConfigError> {
    choose(given, std::env::var_os(VARIABLE), Path::new(USUAL).exists())
}

fn choose(given: Option<&Path>, variable: Option<OsString>, usual: bool) -> Result<Option<PathBuf>, ConfigError> {
    if let Some(file) = given {
        return Ok(Some(file.to_owned()));
    }
    match variable {
        Some(file) if file.is_empty() => Err(ConfigError(format!(
            "the environment variable {VARIABLE} is empty: name a configuration in it, or unset it"
        ))),
        Some(file) => Ok(Some(file.into())),
        None => Ok(usual.then(|| USUAL.into())),
    }
}

/// The configuration of a command that needs a file, and does not use what is `unused`.
pub(crate) fn load_file(given: &ConfigArg, unused: &[String]) -> Result<Loaded, ConfigError> {
    load_with(&file_of(given)?, Missing::LeaveIn(unused))
}

/// The file of a command that needs one.
pub(crate) fn file_of(given: &ConfigArg) -> Result<PathBuf, ConfigError> {
    find(given.config.as_deref())?.ok_or_else(|| {
        ConfigError(format!(
            "there is no {USUAL} here: name a configuration with --config or in {VARIABLE}, or begin with \
             forebay.example.yaml; `forebay dev` needs none"
        ))
    })
}

/// The configuration of a command that can do with the built-in one.
pub(crate) fn load_or_built_in(given: Option<&Path>, missing: Missing<'_>) -> Result<Loaded, ConfigError> {
    match find(given)? {
        Some(file) => load_with(&file, missing),
        None => built_in(),
    }
}

/// The configuration of `forebay dev` without a file.
pub(super) fn built_in() -> Result<Loaded, ConfigError> {
    Loaded::examine(DEV.as_bytes(), BUILT_IN.to_owned(), ".".into(), &NoReferences).into_result()
}

impl Loaded {
    /// Where this machine reaches the ingest of this configuration, for example `http://127.0.0.1:8080`.
    pub(crate) fn base_url(&self) -> String {
        url_of(&self.config.ingest.listen)
    }
}

/// The URL of what listens on `address`. One that stands for all addresses of this machine is reached on the loopback one.
pub(crate) fn url_of(address: &str) -> String {
    let (host, port) = address.rsplit_once(':').unwrap_or((address, "80"));
    let host = match host {
        "0.0.0.0" => "127.0.0.1",
        "[::]" => "[::1]",
        host => host,
    };
    format!("http://{host}:{port}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_a_configuration_goes_before_what_lies_here() {
        let given = Path::new("given.yaml");
        let variable = || Some(OsString::from("variable.yaml"));
        let chosen = |given, variable, usual| {
            let file = choose(given, variable, usual).expect("a choice");
            file.map(|file| file.display().to_string())
        };
        assert_eq!(chosen(Some(given), variable(), true).as_deref(), Some("given.yaml"));
        assert_eq!(chosen(None, variable(), true).as_deref(), Some("variable.yaml"));
        assert_eq!(chosen(None, None, true).as_deref(), Some("forebay.yaml"));
        assert_eq!(chosen(None, None, false), None);
        let empty = choose(None, Some(OsString::new()), true).expect_err("empty");
        assert!(empty.to_string().contains("FOREBAY_CONFIG is empty"), "{empty}");
    }

    #[test]
    fn all_addresses_are_reached_on_the_loopback_one() {
        for (address, url) in [
            ("127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("0.0.0.0:24001", "http://127.0.0.1:24001"),
            ("[::]:8080", "http://[::1]:8080"),
            ("ingest.internal:80", "http://ingest.internal:80"),
        ] {
            assert_eq!(url_of(address), url);
        }
    }
}
