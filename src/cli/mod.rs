//! The command line.

mod dev;
mod log;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use schemas::name::{SinkName, SourceId, Tenant};
use schemas::platform::Platform;
use schemas::time::Timestamp;
use url::Url;

pub(crate) use dev::{DevArgs, SecretArgs, SendArgs};
pub(crate) use log::{
    Goal, LogArgs, Output, ProgressArgs, ProgressCommand, ProgressSetArgs, ProgressShowArgs, TailArgs,
};

/// Takes in webhooks, proves who sent them, and carries them as one vocabulary of events to Kafka, Postgres and HTTP endpoints.
#[derive(Debug, Parser)]
#[command(name = "forebay", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run everything in one process on local disk: journal and SQLite, no other service needed
    Dev(DevArgs),
    /// Receive webhooks and publish them to the event log
    Ingest(RoleArgs),
    /// Read the event log and deliver to the sinks
    Process(ProcessArgs),
    /// Check configuration and rules, and with `--connect` the services that they name
    Check(CheckArgs),
    /// Make or update topics and tables
    Migrate(RoleArgs),
    /// Sign a sample (or a body of yours) as a platform would, and post it
    Send(SendArgs),
    /// Make a secret to sign with
    Secret(SecretArgs),
    /// Turn bodies into canonical events, one JSON line each; no server needed
    Normalize(NormalizeArgs),
    /// Say whether a captured request passes, and if not, exactly why
    Verify(VerifyArgs),
    /// Print events as they arrive: readable on a terminal, JSON lines in a pipe
    Tail(TailArgs),
    /// Run the main job once, with real signed webhooks, and show what happened
    Demo(DemoArgs),
    /// List the sources, and register their URLs with their platforms
    Sources(SourcesArgs),
    /// Bring rules of other systems along
    Rules(RulesArgs),
    /// Show how far each sink is in the event log, and decide where one continues
    Progress(ProgressArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArg {
    /// The configuration file; without it the one that `FOREBAY_CONFIG` names, then `forebay.yaml` in this folder
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct RoleArgs {
    #[command(flatten)]
    pub(crate) file: ConfigArg,
}

#[derive(Debug, Args)]
pub(crate) struct ProcessArgs {
    #[command(flatten)]
    pub(crate) file: ConfigArg,
    /// Run only this sink (may be repeated); all configured ones if left out
    #[arg(long = "sink", value_name = "NAME")]
    pub(crate) sinks: Vec<SinkName>,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) file: ConfigArg,
    /// Also ask the event log and the databases whether they exist and are as they should be
    #[arg(long)]
    pub(crate) connect: bool,
}

#[derive(Debug, Args)]
pub(crate) struct NormalizeArgs {
    /// The platform that the bodies are from, for example chatwoot
    pub(crate) platform: Platform,
    /// Bodies; standard input if none is named
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// A header that came with the bodies, for example `X-GitHub-Event: push` (may be repeated)
    #[arg(long = "header", value_name = "NAME: VALUE")]
    pub(crate) headers: Vec<String>,
    /// The tenant to write into the events
    #[arg(long, default_value = "default")]
    pub(crate) tenant: Tenant,
    /// The source to write into the events; the platform's name if left out
    #[arg(long, value_name = "ID")]
    pub(crate) source: Option<SourceId>,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The request: the bytes of HTTP/1.1 as captured, or JSON with `method`, `path`, `headers` and `body` (or
    /// `body_base64`); `-` is standard input, and `#7` the request that `forebay dev` refused under this number
    #[arg(value_name = "FILE", required_unless_present = "refused")]
    pub(crate) file: Option<PathBuf>,
    /// Judge the request that `forebay dev` refused under this number, which its line names
    #[arg(long, value_name = "N", conflicts_with = "file")]
    pub(crate) refused: Option<u32>,
    /// Where `forebay dev` keeps the requests that it refused
    #[arg(long, default_value = "forebay-data", value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// The source to judge it for; the one that its path names if left out
    #[arg(long, value_name = "ID")]
    pub(crate) source: Option<SourceId>,
    /// The time to judge it at, for example 2026-03-10T13:36:50Z; now if left out
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) at: Option<Timestamp>,
    /// The configuration file; without it the one that `FOREBAY_CONFIG` names, then `forebay.yaml` in this folder, then that of
    /// `forebay dev`
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| "write date, time and zone, for example 2026-03-10T13:36:50Z".to_owned())
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Leave it running, and say how to try it
    #[arg(long)]
    pub(crate) keep: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SourcesArgs {
    #[command(subcommand)]
    pub(crate) command: SourcesCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SourcesCommand {
    /// List the sources: id, tenant, platform, how each proves itself, and the path that it sends to
    List(ConfigArg),
    /// Register our URL with a platform through its own API; where that cannot be done, say how it is done by hand
    ///
    /// First it looks at what is registered there. What is right already is left alone, so it can be run again at any time.
    #[command(after_help = CONNECT_HELP)]
    Connect(Box<ConnectArgs>),
}

const CONNECT_HELP: &str = "\
Environment:
  FOREBAY_PLATFORM_TOKEN       The credentials for the platform's API; never taken from the command line
  FOREBAY_PLATFORM_TOKEN_FILE  A file that holds them, in its place";

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
    #[arg(long, value_name = "URL")]
    pub(crate) url: Url,
    /// The platform's API, where it is self-hosted or every customer has another
    #[arg(long, value_name = "URL")]
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

#[derive(Debug, Args)]
pub(crate) struct RulesArgs {
    #[command(subcommand)]
    pub(crate) command: RulesCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// Turn workflow rules of Web1on1 or automation rules of Chatwoot into rules; exits with 3 if something was lost
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
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RulesOf {
    /// Organization workflows
    #[value(name = "web1on1")]
    Web1on1,
    /// Automation rules
    Chatwoot,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
