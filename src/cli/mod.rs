//! The command line.

mod dev;
mod endpoints;
mod help;
mod log;
mod operate;
mod rules;
mod sources;
mod state;

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use schemas::name::{SinkName, SourceId, Tenant};
use schemas::platform::Platform;
use schemas::time::{Span, Timestamp};

pub(crate) use dev::{DevArgs, SecretArgs, SendArgs};
pub(crate) use endpoints::{
    EndpointsArgs, EndpointsCommand, EndpointsEnableArgs, EndpointsListArgs, EndpointsRecoverArgs, EndpointsResendArgs,
    EndpointsTestArgs,
};
pub(crate) use log::{
    Goal, LogArgs, Output, ProgressArgs, ProgressCommand, ProgressSetArgs, ProgressShowArgs, TailArgs,
};
pub(crate) use operate::{ConfigArgs, ConfigCommand, HealthArgs, SmokeTestArgs};
pub(crate) use rules::{RulesArgs, RulesCommand, RulesImportArgs, RulesOf};
pub(crate) use sources::{ConnectArgs, SourcesArgs, SourcesCommand, SourcesListArgs};
pub(crate) use state::{StateArgs, StateCommand, StateFillArgs};

/// The version, with the commit that it was built from and its date where they are known.
pub(crate) const VERSION: &str = env!("FOREBAY_VERSION");

/// Takes in webhooks, proves who sent them, and carries them as one vocabulary of events to Kafka, Postgres and HTTP endpoints.
#[derive(Debug, Parser)]
#[command(name = "forebay", version = VERSION, max_term_width = 100, after_help = help::FOREBAY)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run everything in one process on local disk: journal and SQLite, no other service needed
    #[command(alias = "run", after_help = help::DEV)]
    Dev(DevArgs),
    /// Receive webhooks and publish them to the event log
    #[command(after_help = help::INGEST)]
    Ingest(RoleArgs),
    /// Read the event log and deliver to the sinks
    #[command(after_help = help::PROCESS)]
    Process(ProcessArgs),
    /// Check configuration and rules, and with `--connect` the services that they name
    #[command(alias = "validate", after_help = help::CHECK)]
    Check(CheckArgs),
    /// Make or update topics and tables
    #[command(after_help = help::MIGRATE)]
    Migrate(MigrateArgs),
    /// Sign a sample (or a body of yours) as a platform would, and post it
    #[command(after_help = help::SEND)]
    Send(SendArgs),
    /// Make a secret to sign with
    #[command(after_help = help::SECRET)]
    Secret(SecretArgs),
    /// Turn bodies into canonical events; no server needed
    #[command(after_help = help::NORMALIZE)]
    Normalize(NormalizeArgs),
    /// Say whether a captured request passes, and if not, exactly why
    ///
    /// Exits with 0 if it passes, 1 if it does not, 2 if it cannot be judged: the capture cannot be read, or there is no such source.
    #[command(after_help = help::VERIFY)]
    Verify(VerifyArgs),
    /// Print events as they arrive: readable on a terminal, JSON lines in a pipe
    #[command(after_help = help::TAIL)]
    Tail(TailArgs),
    /// Run the main job once, with real signed webhooks, and show what happened
    #[command(after_help = help::DEMO)]
    Demo(DemoArgs),
    /// List the sources, and register their URLs with their platforms
    Sources(SourcesArgs),
    /// List the endpoints, test one, send events to it once more, and enable one that was disabled
    Endpoints(EndpointsArgs),
    /// Bring rules of other systems along
    Rules(RulesArgs),
    /// Show how far each sink is in the event log, and decide where one continues
    Progress(ProgressArgs),
    /// Make the tables of current state from stored events
    State(StateArgs),
    /// Post a signed webhook to an installation, and wait until its row is stored and its delivery has come
    #[command(after_help = help::SMOKE_TEST)]
    SmokeTest(SmokeTestArgs),
    /// Ask a process on this machine whether it is alive, or ready; for the health checks of containers
    #[command(after_help = help::HEALTH)]
    Health(HealthArgs),
    /// What a configuration may hold
    Config(ConfigArgs),
    /// Print a script that completes commands and options in a shell
    #[command(after_help = help::COMPLETION)]
    Completion(CompletionArgs),
    /// Print the manual page, or write one page per command into a folder
    #[command(after_help = help::MAN)]
    Man(ManArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArg {
    /// The configuration file; without it the one that `FOREBAY_CONFIG` names, then `forebay.yaml` in this folder
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct OptionalConfigArg {
    /// The configuration file; without it the one that `FOREBAY_CONFIG` names, then `forebay.yaml` in this folder, then that of
    /// `forebay dev`
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
    /// Check what `process` with this sink uses, and nothing else (may be repeated); the whole configuration if left out
    #[arg(long = "sink", value_name = "NAME")]
    pub(crate) sinks: Vec<SinkName>,
    /// Check what `ingest` uses, and nothing else
    #[arg(long, conflicts_with = "sinks")]
    pub(crate) ingest: bool,
    /// Also ask the event log and the databases whether they exist, are as they should be, and give the rights that are needed:
    /// those of `process` with --sink, those of `ingest` with --ingest or where the configuration names no sink, else those of both
    #[arg(long)]
    pub(crate) connect: bool,
    /// Fail with 2 if there is something to warn of
    #[arg(long)]
    pub(crate) deny_warnings: bool,
    /// How the result is printed; as JSON it is one object with everything that was found
    #[arg(short, long, value_enum, default_value = "pretty", value_name = "FORMAT")]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct MigrateArgs {
    #[command(flatten)]
    pub(crate) file: ConfigArg,
    /// Print what would be made and changed, and change nothing
    #[arg(long, conflicts_with_all = ["print", "grants"])]
    pub(crate) dry_run: bool,
    /// Print the SQL that the databases lack, for `psql -f`, and change nothing: for an owner of tables who does not run this program.
    /// It notes what it does, so that it counts as done. Topics are left out
    #[arg(long, conflicts_with = "grants")]
    pub(crate) print: bool,
    /// With --print: all of the SQL, as a database without any of it needs it; no server is asked
    #[arg(long, requires = "print")]
    pub(crate) all: bool,
    /// Print the statements that give this role the rights that it needs, and change nothing
    #[arg(long, value_name = "ROLE")]
    pub(crate) grants: Option<String>,
    /// With --grants: what the role is for
    #[arg(
        long = "for",
        value_enum,
        value_name = "WHAT",
        requires = "grants",
        default_value = "process"
    )]
    pub(crate) whom: Whom,
    /// With --print or --grants: only this database
    #[arg(long, value_enum, value_name = "DATABASE")]
    pub(crate) only: Option<Only>,
    /// How long a statement waits for a lock before it is given up and tried again; whoever comes to the same table meanwhile
    /// waits as well
    #[arg(long, value_name = "SPAN", default_value = "2s")]
    pub(crate) lock_wait: Span,
    /// How long to wait in all: for locks, for another `migrate`, for a database or an event log that cannot be reached yet. What
    /// is not done by then is left as it was
    #[arg(long, value_name = "SPAN", default_value = "5m")]
    pub(crate) wait: Span,
}

/// What a role is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Whom {
    /// `forebay process`
    Process,
    /// Who asks the tables and views, and writes nothing
    Reader,
}

/// One of the databases that `migrate` looks after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Only {
    /// `sinks.postgres`
    Postgres,
    /// `store.postgres`
    Store,
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
    /// How to print; by default `pretty` on a terminal and `json` in a pipe, one event per line
    #[arg(short, long, value_enum)]
    pub(crate) output: Option<Output>,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The request: the bytes of HTTP/1.1 as captured, or JSON with `method`, `path`, `headers` and `body` (or
    /// `body_base64`); `-` is standard input, and `#7` the request that `forebay dev` refused under this number
    #[arg(value_name = "FILE", required_unless_present = "refused")]
    pub(crate) file: Option<PathBuf>,
    /// Judge the request that `forebay dev` refused under this number, which its line names
    #[arg(long, value_name = "N", conflicts_with = "file", value_parser = whole::<u32>)]
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
    #[command(flatten)]
    pub(crate) given: OptionalConfigArg,
    /// How to print; `json` is one object: `passes`, `status` (what ingest would answer), `source`, `platform`, `scheme`, `reasons`
    #[arg(short, long, value_enum, default_value = "pretty")]
    pub(crate) output: Output,
}

/// Reads a whole number.
fn whole<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| "write a whole number, as in 10".to_owned())
}

fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| "write date, time and zone, for example 2026-03-10T13:36:50Z".to_owned())
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Leave it running, and say how to try it
    #[arg(long)]
    pub(crate) keep: bool,
    /// Also print every webhook, event and row
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionArgs {
    /// The shell
    pub(crate) shell: Shell,
}

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The folder to write `forebay.1`, `forebay-tail.1` and so on into; it must exist. The page `forebay.1` is printed if left out
    #[arg(value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
}
