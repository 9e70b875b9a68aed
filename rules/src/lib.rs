//! Routing rules: a YAML file, checked as a whole when it is loaded, then one immutable, versioned snapshot.
//!
//! This crate depends on events and the names of sinks, and on neither a log nor a sink: [`Destinations`] returns what
//! rules may send to. The processor finds the targets of an event at a sink.
//!
//! ```yaml
//! rules:
//!   - name: vip-tickets
//!     when: event.type.startsWith("ticket.") && event.data.ticket.department == "vip"
//!     to: [postgres, http, "topic:vip-tickets"]
//!   - name: everything
//!     when: "true"
//!     to: [postgres]
//! ```
//!
//! `when` is CEL. It sees `event.type`, `event.id`, `event.source`, `event.tenant`, `event.platform`, `event.subject` (`""`
//! if there is none), `event.time` (a timestamp; `string(event.time)` is RFC 3339), `event.data.…` (the normalized event)
//! and `event.data.raw.…` (what the platform sent, if that is JSON: however large and however deep, `json`).
//!
//! A condition that uses something that the event does not have (for example `event.data.ticket` of a message) does not
//! match; that is counted in `rule_absent`. Write `has(event.data.ticket) && …` or
//! `event.data.?ticket.department.orValue("")` where absence is to mean something else. Every other error while a
//! condition is evaluated does not count as false (`verdict` has the list): where the rule could have sent the event,
//! and no other rule does, the router makes it a dead letter that names the rule, logs it and counts it in
//! `rule_errors`.
//!
//! What can never be true is refused at load: a member that the schema has in no type of event (at any depth, but nothing
//! below `raw`, `headers` and other objects whose members have any name), a comparison of values of different kinds (a
//! text with a number), and a condition that is neither true nor false for one of the built-in sample events. What is
//! doubtful is a warning ([`Rules::warnings`]): a text that a closed set does not have (`direction == "incoming"`), a type
//! or a platform that looks misspelt, a member that the types of event of the condition do not have, a condition that is
//! the same for every event, two equal rules, no rule at all.
//!
//! A condition is bounded: 2 KB of text, 24 levels, no loop (`all`, `exists`, `map`, `filter`) inside another, regular
//! expressions only as literals. Without any rules file everything goes to every sink: [`Rules::everything`].

mod ast;
mod compare;
mod condition;
mod constant;
mod fault;
mod file;
mod filter;
mod functions;
pub mod import;
mod json;
mod known;
mod nearest;
mod sample;
mod shallow;
mod shape;
mod syntax;
mod types;
mod unreadable;
mod verdict;
mod view;
mod walk;

use std::fmt;
use std::sync::Arc;

use cel::Env;
use schemas::event::Event;
use schemas::name::{RuleName, SinkName};
use schemas::sink::Destinations;
use sha2::{Digest, Sha256};

pub use condition::Condition;
pub use filter::{Filter, Filters};
pub use types::{TypeIndex, TypePattern};
pub use verdict::Verdict;
pub use view::Subject;

/// What is wrong with a rule at load: where, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The name of the file, as the caller gave it.
    pub file: String,
    /// The line, from 1; `None` where the problem is with the whole file.
    pub line: Option<u64>,
    /// The column, from 1, in characters.
    pub column: Option<u64>,
    /// The rule, if the problem is inside one.
    pub rule: Option<String>,
    /// What is wrong, and how to correct it.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}:{}", self.column.unwrap_or(1))?;
        }
        write!(f, ": {}", self.text())
    }
}

impl std::error::Error for Problem {}

impl Problem {
    /// Returns the reason, with the rule in front where it is inside one, and without the place.
    pub fn text(&self) -> String {
        match &self.rule {
            Some(rule) => format!("rule `{rule}`: {}", self.reason),
            None => self.reason.clone(),
        }
    }

    fn of_rule(file: &str, rule: &str, (line, column): (u64, u64), reason: String) -> Self {
        Self {
            file: file.to_owned(),
            line: Some(line),
            column: Some(column),
            rule: Some(rule.to_owned()),
            reason,
        }
    }
}

/// A rule of the file, whose condition compiles and whose destinations exist.
#[derive(Debug)]
pub struct Rule {
    /// Its name, unique in the file.
    pub name: RuleName,
    /// Where matching events go.
    pub to: Vec<Destination>,
    /// When it matches.
    pub condition: Condition,
}

/// A sink, and its argument, which follows a colon: `topic:vip-tickets`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// The sink's name, in front of the colon.
    pub sink: SinkName,
    /// What follows the colon, for a sink that takes an argument; `None` without a colon.
    pub argument: Option<String>,
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.argument {
            Some(argument) => write!(f, "{}:{argument}", self.sink),
            None => self.sink.fmt(f),
        }
    }
}

/// The rules of one file, all of them checked.
pub struct Rules {
    version: Arc<str>,
    list: Vec<Arc<Rule>>,
    warnings: Vec<Problem>,
    env: Arc<Env>,
}

impl Rules {
    /// Reads and checks the text of a rules file. `file` is its name in problems. Returns all problems.
    pub fn parse(text: &str, file: &str, destinations: &(dyn Destinations + Sync)) -> Result<Self, Vec<Problem>> {
        let env = Arc::new(Env::stdlib());
        let checked = file::parse(text, file, destinations, &env)?;
        Ok(Self {
            warnings: checked.warnings,
            ..Self::new(text, checked.rules, env)
        })
    }

    /// Returns the rules without a rules file: one rule, `everything`, which sends each event to every sink that needs
    /// no argument.
    pub fn everything(destinations: &dyn Destinations) -> Self {
        let to: Vec<Destination> = destinations
            .sinks()
            .into_iter()
            .filter(|sink| destinations.check(sink, None).is_ok())
            .map(|sink| Destination { sink, argument: None })
            .collect();
        let names: Vec<&str> = to.iter().map(|d| d.sink.as_str()).collect();
        let text = format!(
            "rules:\n  - name: everything\n    when: \"true\"\n    to: [{}]\n",
            names.join(", ")
        );
        let rule = RuleName::new("everything").map(|name| Rule {
            name,
            to,
            condition: Condition::always(),
        });
        Self::new(&text, rule.into_iter().collect(), Arc::new(Env::stdlib()))
    }

    fn new(text: &str, list: Vec<Rule>, env: Arc<Env>) -> Self {
        let mut version = hex::encode(Sha256::digest(text.as_bytes()));
        version.truncate(12);
        Self {
            version: version.into(),
            list: list.into_iter().map(Arc::new).collect(),
            warnings: Vec::new(),
            env,
        }
    }

    /// Returns the first 12 hex digits of the SHA-256 of the text.
    pub fn version(&self) -> &Arc<str> {
        &self.version
    }

    /// Returns what is doubtful in the file, and yet no reason to refuse it: probably misspelt names, conditions that are
    /// the same for every event. In the order of the rules; what is said of the whole file, and of equal rules, comes first.
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// Returns the rules in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Rule>> {
        self.list.iter()
    }

    /// Prepares `event` for conditions.
    pub fn subject<'e>(&self, event: &'e Event) -> Subject<'e> {
        Subject::new(&self.env, event)
    }

    /// Returns the names of the rules that match `event`, found by evaluating every condition; [`TypeIndex`] must agree
    /// with it.
    pub fn matching(&self, event: &Event) -> Vec<&RuleName> {
        let subject = self.subject(event);
        self.list
            .iter()
            .filter(|rule| rule.condition.evaluate(&subject) == Verdict::Yes)
            .map(|rule| &rule.name)
            .collect()
    }

    /// Returns the rules that cannot be evaluated for `event`, and why.
    pub fn failing(&self, event: &Event) -> Vec<(&RuleName, String)> {
        let subject = self.subject(event);
        let failing = |rule: &Rule| match rule.condition.evaluate(&subject) {
            Verdict::Failed(reason) => Some(reason),
            Verdict::Yes | Verdict::No | Verdict::Absent => None,
        };
        self.list
            .iter()
            .filter_map(|rule| Some((&rule.name, failing(rule)?)))
            .collect()
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules")
            .field("version", &self.version)
            .field("list", &self.list)
            .finish_non_exhaustive()
    }
}
