//! The arguments of commands for those who operate an installation.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use schemas::name::{EndpointId, SourceId};
use schemas::time::Span;

use super::{ConfigArg, help};

#[derive(Debug, Args)]
pub(crate) struct HealthArgs {
    /// The configuration file, of which `admin.listen` is read; without it the one that `FOREBAY_CONFIG` names, then `forebay.yaml`
    /// in this folder, then that of `forebay dev`
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The base URL of the operators' port, in place of a configuration
    #[arg(long, value_name = "URL", conflicts_with = "config")]
    pub(crate) url: Option<String>,
    /// Ask whether it is ready (`/readyz`), not only alive (`/livez`)
    #[arg(long)]
    pub(crate) ready: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SmokeTestArgs {
    #[command(flatten)]
    pub(crate) given: ConfigArg,
    /// The base URL of ingest; this machine and the port of `ingest.listen` if left out
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// The source to send to, of the platform standard: its secret is taken from the configuration
    #[arg(long, value_name = "ID")]
    pub(crate) source: SourceId,
    /// Also be an endpoint, on this address or port, and wait for the delivery
    #[arg(long, value_name = "ADDRESS", value_parser = super::dev::listen, requires = "endpoint")]
    pub(crate) receive: Option<String>,
    /// The endpoint whose URL leads there: its secret is taken from the configuration
    #[arg(long, value_name = "ID", requires = "receive")]
    pub(crate) endpoint: Option<EndpointId>,
    /// How long everything may take: an ingest that is starting, the row, the delivery
    #[arg(long, value_name = "SPAN", default_value = "60s")]
    pub(crate) wait: Span,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print the JSON Schema of the configuration file, for editors
    #[command(after_help = help::CONFIG_SCHEMA)]
    Schema,
}
