//! A delivery given up: a record in the dead-letter topic that keeps everything, so that it can be put back.
//!
//! Key, headers and value are the original record's, byte for byte; what went wrong stands in further headers.

use std::borrow::Cow;

use bytes::Bytes;

use crate::name::{RuleName, SinkName};
use crate::record::{Header, Position, Record};
use crate::sink::Target;
use crate::time::Timestamp;

/// The names of the headers that a dead letter adds.
pub mod header {
    /// The name of the sink that gave the record up.
    pub const SINK: &str = "fb_sink";
    /// The target of the sink that was to receive the event; absent for sinks with only one.
    pub const TARGET: &str = "fb_target";
    /// Why, in words.
    pub const REASON: &str = "fb_reason";
    /// How often it was tried; 0 when it could not even be decoded, or routed.
    pub const ATTEMPTS: &str = "fb_attempts";
    /// The position of the original record: `topic[partition]@offset`.
    pub const POSITION: &str = "fb_position";
    /// When it was given up, RFC 3339.
    pub const TIME: &str = "fb_time";
    /// The version of the set of rules that routed it, absent when it never got so far.
    pub const RULES_VERSION: &str = "fb_rules_version";
    /// The rules that could not be evaluated, so that it is not known whether they send the event to the target; separated
    /// by commas. Absent for a delivery that was given up.
    pub const RULES: &str = "fb_rules";
}

/// What went wrong with a record.
#[derive(Debug)]
pub struct DeadLetter<'a> {
    /// The record that was not delivered; its key, headers and value are kept.
    pub record: &'a Record,
    /// Where it was.
    pub position: &'a Position,
    /// The name of the sink that gave the record up.
    pub sink: &'a SinkName,
    /// The target of the sink that was to receive the event; `None` for sinks with only one.
    pub target: Option<&'a Target>,
    /// Why; without secrets.
    pub reason: &'a str,
    /// How often it was tried.
    pub attempts: u32,
    /// The version of the set of rules.
    pub rules_version: Option<&'a str>,
    /// The rules that could not be evaluated; none if it is a delivery that was given up.
    pub rules: &'a [RuleName],
    /// When it was given up.
    pub time: Timestamp,
}

impl DeadLetter<'_> {
    /// Returns the record to publish: the original one with the headers of [`header`] added.
    pub fn to_record(&self) -> Record {
        let mut record = self.record.clone();
        let mut add = |name: &'static str, value: String| {
            record.headers.push(Header {
                name: Cow::Borrowed(name),
                value: Bytes::from(value),
            });
        };
        add(header::SINK, self.sink.to_string());
        if let Some(Target::Named(target)) = self.target {
            add(header::TARGET, target.clone());
        }
        add(header::REASON, self.reason.chars().take(1024).collect());
        add(header::ATTEMPTS, self.attempts.to_string());
        add(header::POSITION, self.position.to_string());
        add(header::TIME, self.time.to_string());
        if let Some(version) = self.rules_version {
            add(header::RULES_VERSION, version.to_owned());
        }
        if !self.rules.is_empty() {
            add(header::RULES, names(self.rules));
        }
        record
    }
}

/// As many whole names as fit into 1024 bytes.
fn names(rules: &[RuleName]) -> String {
    let mut names = String::new();
    for rule in rules {
        let name = rule.as_str();
        if names.len() + 1 + name.len() > 1024 {
            break;
        }
        if !names.is_empty() {
            names.push(',');
        }
        names.push_str(name);
    }
    names
}
