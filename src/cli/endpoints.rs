//! The arguments of `forebay endpoints`.

use std::str::FromStr;

use clap::{Args, Subcommand};
use schemas::id::EventId;
use schemas::name::{EndpointId, EventType, Tenant, TopicName};
use schemas::record::{Offset, Partition, Position};
use schemas::time::{Span, Timestamp};

use super::log::{LogArgs, since};
use super::{Output, help};

#[derive(Debug, Args)]
pub(crate) struct EndpointsArgs {
    #[command(subcommand)]
    pub(crate) command: EndpointsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum EndpointsCommand {
    /// List the endpoints: whether each works, what waits for it, and its last attempt
    #[command(after_help = help::ENDPOINTS_LIST)]
    List(EndpointsListArgs),
    /// Post a test event to one endpoint from this machine, as a delivery would be, and say what came of it
    ///
    /// Nothing is stored, and nothing is tried again. The event is a sample with an id of its own; its `source` ends with `/forebay`,
    /// its `subject` is `test` and its raw part `{"test":true}`, so that a receiver can tell.
    #[command(after_help = help::ENDPOINTS_TEST)]
    Test(EndpointsTestArgs),
    /// Have one event sent to an endpoint once more, whatever the rules say
    #[command(after_help = help::ENDPOINTS_RESEND)]
    Resend(EndpointsResendArgs),
    /// Have all events of a span of time sent to an endpoint that it should have got and did not
    ///
    /// What was delivered according to the attempt log is left out, and so is what waits already: it can be run again at any time.
    #[command(after_help = help::ENDPOINTS_RECOVER)]
    Recover(EndpointsRecoverArgs),
    /// Let an endpoint get deliveries again that was disabled: by a 410, or after five days of failures
    #[command(after_help = help::ENDPOINTS_ENABLE)]
    Enable(EndpointsEnableArgs),
}

#[derive(Debug, Args)]
pub(crate) struct EndpointsListArgs {
    #[command(flatten)]
    pub(crate) log: LogArgs,
    /// Only those of this tenant
    #[arg(long, value_name = "TENANT")]
    pub(crate) tenant: Option<Tenant>,
    /// How to print; `json` is one object per endpoint: `id`, `tenant`, `host`, `state`, `since`, `reason`, `waiting`, `last_attempt`
    #[arg(short, long, value_enum, default_value = "pretty")]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct EndpointsTestArgs {
    /// The endpoint
    pub(crate) id: EndpointId,
    #[command(flatten)]
    pub(crate) log: LogArgs,
    /// The type of the event
    #[arg(long = "type", value_name = "TYPE", default_value = "message.created")]
    pub(crate) event_type: EventType,
    /// How to print
    #[arg(short, long, value_enum, default_value = "pretty")]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct EndpointsResendArgs {
    /// The endpoint
    pub(crate) id: EndpointId,
    /// The event
    #[arg(
        value_name = "EVENT_ID",
        value_parser = event_id,
        required_unless_present = "position",
        conflicts_with = "position"
    )]
    pub(crate) event: Option<EventId>,
    /// The event at this place of the event log, in place of its id
    #[arg(long, value_name = "TOPIC:PARTITION:OFFSET", value_parser = position)]
    pub(crate) position: Option<Position>,
    #[command(flatten)]
    pub(crate) log: LogArgs,
    /// Wait until it was tried, and say what came of it; for so long at most, a minute if it is not said (`--wait=5m`)
    #[arg(long, value_name = "SPAN", num_args = 0..=1, require_equals = true, default_missing_value = "1m")]
    pub(crate) wait: Option<Span>,
    /// How to print
    #[arg(short, long, value_enum, default_value = "pretty")]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct EndpointsRecoverArgs {
    /// The endpoint
    pub(crate) id: EndpointId,
    #[command(flatten)]
    pub(crate) log: LogArgs,
    /// Begin with the first event of that time: so long ago (`90s`, `10m`, `2h`, `7d`), or a date and time with a zone, for
    /// example 2026-03-10T13:36:50Z. It is the time at which the event came into the log
    #[arg(long, value_name = "AGO|TIME", value_parser = since)]
    pub(crate) since: Timestamp,
    /// Leave out what was received at that time or later; written as for `--since`
    #[arg(long, value_name = "AGO|TIME", value_parser = since)]
    pub(crate) until: Option<Timestamp>,
    /// Only count
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// How to print
    #[arg(short, long, value_enum, default_value = "pretty")]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct EndpointsEnableArgs {
    /// The endpoint
    pub(crate) id: EndpointId,
    #[command(flatten)]
    pub(crate) log: LogArgs,
}

/// Reads the id of an event.
fn event_id(text: &str) -> Result<EventId, String> {
    let way_out = "is no event id, which is a UUID as in `019cd7f8-77d8-8df2-9f00-b7c961202156`";
    text.parse().map_err(|_| format!("`{text}` {way_out}"))
}

/// Reads `topic:partition:offset`.
fn position(text: &str) -> Result<Position, String> {
    fn number<T: FromStr + PartialOrd + Default>(text: &str) -> Option<T> {
        text.parse().ok().filter(|number| *number >= T::default())
    }
    let read = || {
        let mut parts = text.rsplitn(3, ':');
        let (offset, index, topic) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Position {
            partition: Partition {
                topic: TopicName::new(topic.to_owned()).ok()?,
                index: number(index)?,
            },
            offset: Offset(number(offset)?),
        })
    };
    read().ok_or_else(|| "write topic, partition and offset, as in forebay.events:3:1200".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_a_topic_a_partition_and_an_offset() {
        let read = position("forebay.events:3:1200").expect("a position");
        assert_eq!(read.to_string(), "forebay.events[3]@1200");
        for text in [
            "",
            "3:1200",
            "forebay.events:3",
            "forebay.events:-1:0",
            "forebay.events:3:x",
            ":3:4",
        ] {
            let error = position(text).expect_err(text);
            assert!(error.contains("as in forebay.events:3:1200"), "{text}: {error}");
        }
    }
}
