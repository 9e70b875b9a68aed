//! The arguments of `forebay rules`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use schemas::name::SinkName;

use super::{Output, help};

#[derive(Debug, Args)]
pub(crate) struct RulesArgs {
    #[command(subcommand)]
    pub(crate) command: RulesCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// Turn workflow rules of Web1on1 or automation rules of Chatwoot into rules; exits with 3 if something was lost
    #[command(after_help = help::RULES_IMPORT)]
    Import(RulesImportArgs),
}

#[derive(Debug, Args)]
pub(crate) struct RulesImportArgs {
    /// Whose rules they are
    #[arg(long, value_enum, value_name = "PLATFORM")]
    pub(crate) from: RulesOf,
    /// Their JSON: a rule, a list of rules, or what the platform's API answers; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Where rules go whose actions do not say it (may be repeated); a webhook goes to `http`
    #[arg(long, value_name = "SINK", default_value = "postgres")]
    pub(crate) to: Vec<SinkName>,
    /// Write the rules into this file, which must not exist yet
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// How to report on standard error what was lost; `json` is one object: `rules`, `whole`, `lost`, `remarks`
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "pretty")]
    pub(crate) report: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RulesOf {
    /// Organization workflows
    #[value(name = "web1on1")]
    Web1on1,
    /// Automation rules
    Chatwoot,
}
