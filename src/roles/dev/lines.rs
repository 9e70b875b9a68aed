//! One line for each webhook and for each delivery.
//!
//! ```text
//! 12:30:01  <- chatwoot         200  message.created 019cd7c4-…  3 ms  1.2 kB
//! 12:30:01  -> localhost:3000   200  message.created  4 ms  [12]
//! 12:30:02  <- chatwoot         401  refused #7: none of the source's 1 active secret(s) matches; forebay verify --refused 7
//! ```

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use ingest::Seen;
use parking_lot::Mutex;
use processor::Schedule;
use schemas::sink::{Batch, Begun, Delivery, Outcome, Sink, Target};
use schemas::time::Timestamp;
use tokio::time::Instant;

use super::forward::{FORWARD, OF_TENANT};
use super::state::{Kept, State};
use super::words::{next, published, size};
use crate::output;

/// How many columns a terminal has whose lines have room for ids.
const WIDE: usize = 110;

/// Prints the lines, and remembers what they are about.
#[derive(Debug)]
pub(crate) struct Lines {
    quiet: bool,
    colours: bool,
    /// What `forebay verify` has to be told in order to find a refused request.
    verify: String,
    /// What endpoints are called, where that is not their id.
    names: HashMap<String, String>,
    state: Mutex<State>,
}

impl Lines {
    pub(super) fn new(quiet: bool, data: &Path, verify: String, names: HashMap<String, String>) -> Self {
        Self {
            quiet,
            colours: output::colour(output::Stream::Output),
            verify,
            names,
            state: Mutex::new(State::new(data)),
        }
    }

    /// Prints what became of the deliveries of a batch. `schedule` says when they are tried again; without one they are not.
    pub(super) fn delivered(
        &self,
        sink: &Arc<dyn Sink>,
        batch: &Batch,
        outcomes: &[Outcome],
        schedule: Option<&Schedule>,
        took: Duration,
    ) {
        let mut lines = Vec::new();
        let mut state = self.state.lock();
        for (delivery, outcome) in batch.deliveries.iter().zip(outcomes) {
            let key = (delivery.target.to_string(), delivery.event.id());
            let attempt = state.attempts.remove(&key);
            if !self.quiet {
                lines.extend(self.delivery(
                    &mut state,
                    sink,
                    delivery,
                    outcome,
                    schedule,
                    attempt.unwrap_or((None, took)),
                ));
            }
        }
        drop(state);
        output::for_people(&lines);
    }

    /// One line, or none where there is nothing new.
    fn delivery(
        &self,
        state: &mut State,
        sink: &Arc<dyn Sink>,
        delivery: &Delivery,
        outcome: &Outcome,
        schedule: Option<&Schedule>,
        (status, took): (Option<StatusCode>, Duration),
    ) -> Option<String> {
        let target = delivery.target.to_string();
        let name = match &delivery.target {
            Target::Only => sink.name().to_string(),
            Target::Named(id) => {
                let of_url = id.split(OF_TENANT).next().unwrap_or_default();
                self.names.get(of_url).cloned().unwrap_or_else(|| id.clone())
            }
        };
        let unreached = |reason: &str| status.is_none() && reason.contains("cannot connect");
        let trouble = match outcome {
            // The processor logs what this process lacks.
            Outcome::Held | Outcome::Unavailable { .. } => return None,
            Outcome::Delivered => None,
            Outcome::Rejected { reason } | Outcome::Refused { reason } => {
                Some(format!("{reason}; {}", next(schedule, None, None)))
            }
            Outcome::Retry { after, reason } => {
                let next = next(schedule, Some(delivery.attempt), *after);
                if sink.name().as_str() == FORWARD && unreached(reason) {
                    let known = schedule.is_some() && !state.away.insert(target.clone());
                    if known && delivery.attempt > 1 && next.starts_with("again") {
                        return None;
                    }
                    Some(format!("cannot connect to {name}: is it running? {next}"))
                } else {
                    Some(format!("{reason}; {next}"))
                }
            }
        };
        if status.is_some() {
            state.away.remove(&target);
        }
        let number = state.keep(sink, delivery);
        let good = trouble.is_none();
        let status = match status {
            Some(status) => status.as_u16().to_string(),
            None if good => "ok".to_owned(),
            None => "-".to_owned(),
        };
        let mut line = self.begin("->", &name, &status, good);
        line.push_str(delivery.event.event_type().as_str());
        let took = took.as_millis();
        write_to(&mut line, format_args!("  {took} ms"));
        if delivery.attempt > 1 {
            write_to(&mut line, format_args!("  attempt {}", delivery.attempt));
        }
        if let Some(number) = number {
            write_to(&mut line, format_args!("  [{number}]"));
        }
        if let Some(trouble) = trouble {
            write_to(&mut line, format_args!("  {trouble}"));
        }
        Some(line)
    }

    /// Delivers again what the line with this number is about; without one, the last event that was delivered.
    pub(super) async fn again(&self, number: Option<u64>) {
        let chosen = self.state.lock().chosen(number);
        if chosen.is_empty() {
            let text = match number {
                Some(number) => format!("there is no delivery [{number}] any more, or not yet"),
                None => "nothing was delivered to a URL yet".to_owned(),
            };
            return output::for_people(&[text]);
        }
        for Kept { sink, delivery, .. } in chosen {
            let batch = Batch {
                deliveries: vec![Delivery { attempt: 1, ..delivery }],
                progress: None,
                begun: Begun::default(),
            };
            let begun = Instant::now();
            match sink.deliver(&batch).await {
                Ok(outcomes) => self.delivered(&sink, &batch, &outcomes, None, begun.elapsed()),
                Err(unavailable) => output::for_people(&[unavailable.to_string()]),
            }
        }
    }

    /// `12:30:01  <- chatwoot         200  `
    fn begin(&self, direction: &str, name: &str, status: &str, good: bool) -> String {
        let now = Timestamp::now().to_string();
        let time = now.get(11..19).unwrap_or(&now);
        let status = format!("{status:<4}");
        let status = match (self.colours, good) {
            (false, _) => status,
            (true, true) => format!("\u{1b}[32m{status}\u{1b}[0m"),
            (true, false) => format!("\u{1b}[31m{status}\u{1b}[0m"),
        };
        // What a path names may be anything.
        let name: String = name
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(64)
            .collect();
        format!("{time}  {direction} {name:<16} {status} ")
    }

    /// What became of a webhook, in words.
    fn outcome(&self, outcome: &ingest::Outcome) -> String {
        match outcome {
            ingest::Outcome::Published(records) => {
                let has_room = output::columns().is_none_or(|columns| columns >= WIDE);
                published(records, has_room)
            }
            ingest::Outcome::Replied => "a handshake or test call, answered".to_owned(),
            ingest::Outcome::Refused { detail, request, .. } => {
                let kept = request.as_ref().map(|request| self.state.lock().refused.keep(request));
                match kept {
                    None => format!("refused: {detail}"),
                    Some(Ok(number)) => {
                        let flags = &self.verify;
                        format!("refused #{number}: {detail}; forebay verify --refused {number}{flags}")
                    }
                    Some(Err(error)) => format!("refused: {detail}; the request cannot be kept: {error}"),
                }
            }
        }
    }
}

impl ingest::Watch for Lines {
    fn answered(&self, seen: Seen) {
        let said = self.outcome(&seen.outcome);
        if self.quiet {
            return;
        }
        let status = match &seen.outcome {
            ingest::Outcome::Refused { reason, .. } => reason.status(),
            _ => StatusCode::OK,
        };
        let mut line = self.begin("<-", &seen.source, status.as_str(), status.is_success());
        let took = Timestamp::now().millis().abs_diff(seen.received.millis());
        write_to(&mut line, format_args!("{said}  {took} ms  {}", size(seen.body_bytes)));
        output::for_people(&[line]);
    }
}

impl sinks::http::Watch for Lines {
    fn attempted(&self, delivery: &Delivery, status: Option<StatusCode>, took: Duration) {
        let key = (delivery.target.to_string(), delivery.event.id());
        self.state.lock().attempts.insert(key, (status, took));
    }
}

fn write_to(line: &mut String, text: std::fmt::Arguments<'_>) {
    // A string takes everything.
    let _written = line.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_is_only_in_the_status() {
        let lines = |colours| Lines {
            colours,
            ..Lines::new(false, Path::new("nowhere"), String::new(), HashMap::new())
        };
        let plain = lines(false).begin("<-", "chat\u{1b}woot", "200", true);
        assert!(
            !plain.contains('\u{1b}') && plain.ends_with("<- chat woot        200  "),
            "{plain:?}"
        );
        let red = lines(true).begin("<-", "chatwoot", "401", false);
        assert!(red.contains("\u{1b}[31m401 \u{1b}[0m"), "{red:?}");
    }
}
