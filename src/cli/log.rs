//! The arguments of commands that read the event log.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use schemas::endpoint::EventTypePattern;
use schemas::name::SinkName;
use schemas::record::Offset;
use schemas::time::{Span, Timestamp};

use super::{OptionalConfigArg, help};

/// Where the event log is, for a command that also reads the journal of `forebay dev`.
#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    #[command(flatten)]
    pub(crate) given: OptionalConfigArg,
    /// Where journal and database lie when the configuration does not say
    #[arg(long, default_value = "forebay-data", value_name = "DIR")]
    pub(crate) data: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct TailArgs {
    #[command(flatten)]
    pub(crate) log: LogArgs,
    /// Only events of this type or family, for example `ticket.closed`, `ticket.*` or `ticket` (may be repeated)
    #[arg(long = "type", value_name = "PATTERN")]
    pub(crate) types: Vec<EventTypePattern>,
    /// Begin with the oldest event that is still there
    #[arg(long)]
    pub(crate) from_beginning: bool,
    /// Begin with the first event of that time: so long ago (`90s`, `10m`, `2h`, `7d`), or a date and time with a zone, for
    /// example 2026-03-10T13:36:50Z. It is the time at which the event came into the log
    #[arg(long, value_name = "AGO|TIME", value_parser = since, conflicts_with = "from_beginning")]
    pub(crate) since: Option<Timestamp>,
    /// Print what is there now, and end; from the oldest event on, if no start is given
    #[arg(long)]
    pub(crate) end: bool,
    /// End after so many events
    #[arg(short = 'n', long, value_name = "N", value_parser = super::whole::<u64>)]
    pub(crate) count: Option<u64>,
    #[command(flatten)]
    pub(crate) topic: TopicArgs,
    /// How to print; by default `pretty` on a terminal and `json` in a pipe
    #[arg(short, long, value_enum)]
    pub(crate) output: Option<Output>,
}

/// Which topic is read, if not that of the events.
#[derive(Debug, Args)]
pub(crate) struct TopicArgs {
    /// Read the dead letters instead of the events
    #[arg(long)]
    pub(crate) dead_letters: bool,
    /// Read the operational events (what happens to endpoints) instead of the events
    #[arg(long, conflicts_with = "dead_letters")]
    pub(crate) operations: bool,
}

/// How a command prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// Lines for people
    Pretty,
    /// One JSON object per line
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct ProgressArgs {
    #[command(subcommand)]
    pub(crate) command: ProgressCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ProgressCommand {
    /// Per sink and partition: what is stored, what the log holds, and how much is left to deliver
    #[command(after_help = help::PROGRESS_SHOW)]
    Show(ProgressShowArgs),
    /// Decide where a sink continues, while its workers are stopped; without `--yes` only say what would happen
    #[command(after_help = help::PROGRESS_SET)]
    Set(ProgressSetArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ProgressShowArgs {
    #[command(flatten)]
    pub(crate) log: LogArgs,
    /// Only this sink (may be repeated)
    #[arg(long = "sink", value_name = "NAME")]
    pub(crate) sinks: Vec<SinkName>,
    /// Of the operational events instead of the events
    #[arg(long)]
    pub(crate) operations: bool,
    /// How to print
    #[arg(short, long, value_enum, default_value = "pretty")]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct ProgressSetArgs {
    #[command(flatten)]
    pub(crate) log: LogArgs,
    /// The sink
    #[arg(long, value_name = "NAME")]
    pub(crate) sink: SinkName,
    /// Only this partition (may be repeated); all of them if left out
    #[arg(long = "partition", value_name = "N", value_parser = super::whole::<i32>)]
    pub(crate) partitions: Vec<i32>,
    /// In the operational events instead of the events
    #[arg(long)]
    pub(crate) operations: bool,
    /// Where to go on: `earliest` (the oldest record that is still there), `latest` (only what comes from now on), or the
    /// offset of the next record to deliver
    #[arg(long, value_name = "earliest|latest|OFFSET", value_parser = goal, allow_hyphen_values = true)]
    pub(crate) to: Goal,
    /// Do it
    #[arg(long)]
    pub(crate) yes: bool,
}

/// Where a sink is to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Goal {
    Earliest,
    Latest,
    At(Offset),
}

fn goal(text: &str) -> Result<Goal, String> {
    match text {
        "earliest" => Ok(Goal::Earliest),
        "latest" => Ok(Goal::Latest),
        number => match number.parse() {
            Ok(number @ 0..) => Ok(Goal::At(Offset(number))),
            _ => Err("write `earliest`, `latest`, or an offset, which is a number from 0 on".to_owned()),
        },
    }
}

/// A moment that has passed, as people say it.
pub(super) fn since(text: &str) -> Result<Timestamp, String> {
    let now = Timestamp::now();
    let time = text
        .parse::<Span>()
        .map(|ago| now.before(ago.duration()))
        .ok()
        .or_else(|| Timestamp::parse(text))
        .ok_or("write how long ago, for example 10m, or date, time and zone, for example 2026-03-10T13:36:50Z")?;
    if time > now {
        return Err(format!("{time} has not come yet: it is {now}"));
    }
    Ok(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_so_long_ago_or_a_time_that_has_passed() {
        let now = Timestamp::now().millis();
        let ago = |text| now - since(text).expect(text).millis();
        assert!((0..=600_000).contains(&ago("10m")) && ago("10m") > 590_000);
        assert!(ago("2h") > 7_190_000);
        let time = since("2026-03-10T10:36:50-03:00").expect("a time");
        assert_eq!(time.to_string(), "2026-03-10T13:36:50.000Z");
        for (text, expected) in [
            ("10", "write how long ago"),
            ("yesterday", "write how long ago"),
            ("2026-03-10T13:36:50", "write how long ago"),
            ("9000-01-01T00:00:00Z", "has not come yet"),
        ] {
            let error = since(text).expect_err(text);
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
