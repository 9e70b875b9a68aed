//! The arguments of `forebay sources`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use schemas::name::SourceId;
use schemas::platform::Platform;
use url::Url;

use super::{ConfigArg, OptionalConfigArg, Output, help};

#[derive(Debug, Args)]
pub(crate) struct SourcesArgs {
    #[command(subcommand)]
    pub(crate) command: SourcesCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SourcesCommand {
    /// List the sources: id, tenant, platform, how each proves itself, and the path that it sends to
    #[command(after_help = help::SOURCES_LIST)]
    List(SourcesListArgs),
    /// Register our URL with a platform through its own API; where that cannot be done, say how it is done by hand
    ///
    /// First it looks at what is registered there. What is right already is left alone, so it can be run again at any time.
    #[command(after_help = help::SOURCES_CONNECT)]
    Connect(Box<ConnectArgs>),
}

#[derive(Debug, Args)]
pub(crate) struct SourcesListArgs {
    #[command(flatten)]
    pub(crate) given: OptionalConfigArg,
    /// How to print; `json` is one object per source: `id`, `tenant`, `platform`, `scheme`, `path`
    #[arg(short, long, value_enum, default_value = "pretty")]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct ConnectArgs {
    /// The platform to register with
    pub(crate) platform: Platform,
    #[command(flatten)]
    pub(crate) file: ConfigArg,
    /// The source: its id, secrets and scheme are taken from the configuration; the first of the platform if left out
    #[arg(long, value_name = "ID")]
    pub(crate) source: Option<SourceId>,
    /// The public base URL of ingest: scheme, host, and what a proxy puts before our paths
    #[arg(long, value_name = "URL", value_parser = whole_url)]
    pub(crate) url: Url,
    /// The platform's API, where it is self-hosted or every customer has another
    #[arg(long, value_name = "URL", value_parser = whole_url)]
    pub(crate) api: Option<Url>,
    /// The account (chatwoot, digisac, web1on1, twilio), or the repository or organization (github)
    #[arg(long, value_name = "ACCOUNT")]
    pub(crate) account: Option<String>,
    /// The instance (evolution), session (waha), phone number (baileys, twilio)
    #[arg(long, value_name = "INSTANCE")]
    pub(crate) instance: Option<String>,
    /// Subscribe to exactly these, in the platform's words; if left out, to those that there are event types for, beside what
    /// is subscribed there already
    #[arg(long, value_name = "EVENT,…", value_delimiter = ',')]
    pub(crate) events: Vec<String>,
    /// Send only what reads, and show what would be sent, without secrets
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Register again even if nothing seems to differ: most platforms do not show whether they have the newest secret
    #[arg(long)]
    pub(crate) force: bool,
    /// Take the place of a URL that leads somewhere else, where the platform has room for one only
    #[arg(long)]
    pub(crate) replace: bool,
    /// Write what must not be printed (a signing secret that the platform made; a URL with a secret in it) to this file, which
    /// only you can read
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_out: Option<PathBuf>,
    /// Certificates (PEM) to trust beside the public ones, for a platform with a certificate of a private authority
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
}

fn whole_url(text: &str) -> Result<Url, String> {
    Url::parse(text).map_err(|_| "write the whole URL, as in https://hooks.example.com".to_owned())
}
