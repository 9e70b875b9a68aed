//! The arguments of `forebay state`.

use clap::{Args, Subcommand};
use schemas::name::SinkName;
use schemas::time::Timestamp;

use super::{LogArgs, help};

#[derive(Debug, Args)]
pub(crate) struct StateArgs {
    #[command(subcommand)]
    pub(crate) command: StateCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StateCommand {
    /// Make the tables of current state from the events that a database has: after an upgrade from a version that kept none, or
    /// where the setting `state` kept fewer. The sink may run meanwhile, and to do it twice does no harm
    #[command(after_help = help::STATE_FILL)]
    Fill(StateFillArgs),
}

#[derive(Debug, Args)]
pub(crate) struct StateFillArgs {
    #[command(flatten)]
    pub(crate) log: LogArgs,
    /// Only this sink (may be repeated); all databases if left out
    #[arg(long = "sink", value_name = "NAME")]
    pub(crate) sinks: Vec<SinkName>,
    /// Only events of this time and later: so long ago (`90s`, `10m`, `2h`, `7d`), or a date and time with a zone, for example
    /// 2026-03-10T13:36:50Z; all of them if left out
    #[arg(long, value_name = "AGO|TIME", value_parser = super::log::since)]
    pub(crate) from: Option<Timestamp>,
    /// Only events from before this time; all of them if left out
    #[arg(long, value_name = "AGO|TIME", value_parser = super::log::since)]
    pub(crate) to: Option<Timestamp>,
    /// Read so many events per second at most, to leave the database to others
    #[arg(long, value_name = "N", value_parser = super::whole::<u32>)]
    pub(crate) rate: Option<u32>,
}
