//! One CEL condition: compiled, checked for what could do harm at run time, evaluated.
//!
//! The CEL library has neither a type checker nor a cost limit, and nested or long expressions overflow the stack,
//! which aborts the process. So the length is capped before compiling, and afterwards the tree is walked once (`walk`)
//! and evaluated for sample events (`sample`).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use cel::common::ast::operators;
use cel::objects::ValueType;
use cel::{Env, Program, Value};

use super::fault::{Fault, Findings};
use super::sample;
use super::syntax;
use super::types::{TypePattern, type_patterns};
use super::verdict::{NoValue, Sense, Verdict, decide};
use super::view::Subject;
use super::walk;

/// The longest condition, bytes.
pub(super) const MAX_BYTES: usize = 2_048;

/// A condition that passed all checks.
#[derive(Debug)]
pub struct Condition {
    /// `None` means `true`.
    program: Option<Program>,
    /// The condition is false for every event type that fits none of these patterns, if there are any.
    types: Option<Vec<TypePattern>>,
    /// Whether it has `.?` or `[?…]`, which ignore an error.
    swallows: bool,
}

impl Condition {
    /// A condition that matches everything without running CEL.
    pub fn always() -> Self {
        Self {
            program: None,
            types: None,
            swallows: false,
        }
    }

    /// Compiles and checks `text`. Returns the condition and the warnings about it, or everything that is wrong.
    pub(super) fn compile(text: &str, env: &Arc<Env>) -> Result<(Self, Vec<Fault>), Vec<Fault>> {
        let fault = |reason: String| Err(vec![Fault { at: None, reason }]);
        if text.trim() == "true" {
            return Ok((Self::always(), Vec::new()));
        }
        if text.trim().is_empty() {
            return fault("`when` is empty: write `\"true\"` for everything".to_owned());
        }
        if text.len() > MAX_BYTES {
            return fault(format!(
                "`when` has {} bytes, at most {MAX_BYTES} are allowed: split the rule into several",
                text.len()
            ));
        }
        let program = env.compile(text).map_err(|errors| {
            let written = syntax::faults(text);
            if !written.is_empty() {
                return written;
            }
            // One mistake causes several parser errors; the first is the one that helps.
            let first = errors.errors.iter().take(1).map(|error| Fault {
                at: Some(character(text, error.pos)),
                reason: syntax::reason(&error.msg),
            });
            first.collect()
        })?;
        let Findings { errors, warnings } = walk::findings(&program, env);
        if !errors.is_empty() {
            return Err(errors);
        }
        let types = type_patterns(program.expression());
        let condition = Self {
            types,
            swallows: [operators::OPT_SELECT, operators::OPT_INDEX]
                .iter()
                .any(|operator| program.references().has_function(operator)),
            program: Some(program),
        };
        match condition.not_boolean(env) {
            Some(reason) => fault(reason),
            None => Ok((condition, warnings)),
        }
    }

    /// Evaluates the condition for the sample events, and returns what is wrong if a value is not a boolean. That it
    /// cannot be evaluated for one of them is normal.
    fn not_boolean(&self, env: &Arc<Env>) -> Option<String> {
        sample::events().iter().find_map(|event| {
            let subject = Subject::new(env, event);
            // A panic of the library is reported when an event causes it.
            match catch_unwind(AssertUnwindSafe(|| self.program.as_ref()?.execute(&subject.context).ok())) {
                Ok(Some(Value::Bool(_)) | None) | Err(_) => None,
                Ok(Some(other)) => Some(format!(
                    "`when` gives {} for an event of type `{}`, and must give true or false: compare it with something, for \
                     example `event.type == \"message.created\"`",
                    match other.type_of() {
                        // The only one of CEL's standard library.
                        ValueType::Opaque => "an optional value".to_owned(),
                        other => in_words(&other.to_string()),
                    },
                    event.event_type()
                )),
            }
        })
    }

    /// Evaluates the condition for an event.
    pub fn evaluate(&self, subject: &Subject<'_>) -> Verdict {
        let Some(program) = &self.program else {
            return Verdict::Yes;
        };
        // A panic of the library fails one rule for one event, not the partition.
        let decided = catch_unwind(AssertUnwindSafe(|| {
            decide(program.expression(), &subject.context, Sense::Plain)
        }));
        let verdict = match decided {
            Ok(Ok(true)) => Verdict::Yes,
            Ok(Ok(false)) => Verdict::No,
            Ok(Err(NoValue::Absent)) => Verdict::Absent,
            Ok(Err(NoValue::Failed(reason))) => Verdict::Failed(reason),
            Err(_panic) => Verdict::Failed("the CEL library panicked".to_owned()),
        };
        match subject.failures.take(self.swallows && verdict != Verdict::Yes) {
            Some(reason) => Verdict::Failed(reason),
            None => verdict,
        }
    }

    /// Returns the patterns of the event types that it can be true for; `None` if it can be true for any.
    pub fn types(&self) -> Option<&[TypePattern]> {
        self.types.as_deref()
    }

    /// Whether evaluating it runs any CEL.
    pub fn is_always(&self) -> bool {
        self.program.is_none()
    }
}

/// Returns what CEL calls a type as it is called in other messages.
fn in_words(name: &str) -> String {
    let words = match name {
        "string" => "text",
        "int" | "uint" | "float" | "double" => "a number",
        "list" => "a list",
        "map" => "an object",
        other => return format!("a value of type {other}"),
    };
    words.to_owned()
}

/// Converts a position to a character. CEL counts lines and columns from 1; (0, 0) is unknown.
fn character(text: &str, (line, column): (isize, isize)) -> usize {
    let line = usize::try_from(line).unwrap_or(0).saturating_sub(1);
    let column = usize::try_from(column).unwrap_or(0).saturating_sub(1);
    let before: usize = text.split_inclusive('\n').take(line).map(|l| l.chars().count()).sum();
    (before + column).min(text.trim_end().chars().count())
}
