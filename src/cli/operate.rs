//! The arguments of commands for those who operate an installation.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::help;

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
