//! One CEL condition: compiled, checked for what could hurt at run time, evaluated.
//!
//! The CEL library has neither a type checker nor a cost limit, and nested or long expressions overflow the stack, which
//! aborts the process. So the length is capped before compiling, and after it the tree is walked once (`walk`) and tried on
//! sample events (`sample`).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use cel::objects::ValueType;
use cel::{Context, Env, Program, Value};

use super::sample;
use super::types::{TypePattern, type_patterns};
use super::view::EventView;
use super::walk;

/// The longest condition, bytes.
pub(super) const MAX_BYTES: usize = 2_048;

/// A condition that passed all checks.
#[derive(Debug)]
pub(crate) struct Condition {
    /// `None` is `true`.
    program: Option<Program>,
    /// If there are any, the condition is false for every event type that fits none of them.
    types: Option<Vec<TypePattern>>,
    refers_to_raw: bool,
}

/// What is wrong with a condition, and at which of its characters.
#[derive(Debug)]
pub(super) struct Fault {
    /// `None`: the whole.
    pub(super) at: Option<usize>,
    pub(super) reason: String,
}

impl Condition {
    /// Matches everything, and costs nothing.
    pub(crate) fn always() -> Self {
        Self {
            program: None,
            types: None,
            refers_to_raw: false,
        }
    }

    pub(super) fn compile(text: &str, env: &Arc<Env>) -> Result<Self, Vec<Fault>> {
        let fault = |reason: String| Err(vec![Fault { at: None, reason }]);
        if text.trim() == "true" {
            return Ok(Self::always());
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
            let mut faults: Vec<Fault> = errors
                .errors
                .iter()
                .map(|error| Fault {
                    at: Some(character(text, error.pos)),
                    reason: format!("`when` is not valid CEL: {}", syntax_reason(&error.msg)),
                })
                .collect();
            // One slip makes the parser stumble several times; the first is the one that helps.
            faults.truncate(1);
            faults
        })?;
        let faults = walk::faults(&program, env);
        if !faults.is_empty() {
            return Err(faults);
        }
        let types = type_patterns(program.expression());
        let condition = Self {
            types,
            refers_to_raw: text.contains("raw"),
            program: Some(program),
        };
        match condition.no_boolean(env) {
            Some(reason) => fault(reason),
            None => Ok(condition),
        }
    }

    /// Tries the condition on the sample events. That it cannot be evaluated for one of them is normal; a value that is no
    /// boolean is not.
    fn no_boolean(&self, env: &Arc<Env>) -> Option<String> {
        sample::events().iter().find_map(|event| {
            let mut context = Context::with_env(Arc::clone(env));
            context.add_variable_as_val("event", Box::new(EventView::new(event, false)));
            match self.value(&context) {
                Ok(Value::Bool(_)) | Err(_) => None,
                Ok(other) => Some(format!(
                    "`when` gives a value of type {} for an event of type `{}`, and must give true or false: compare it \
                     with something, for example `event.type == \"message.created\"`",
                    match other.type_of() {
                        // The only one of CEL's standard library.
                        ValueType::Opaque => "optional".to_owned(),
                        other => other.to_string(),
                    },
                    event.event_type()
                )),
            }
        })
    }

    /// Whether it is true of the event in `context`. The error says why it could not be told, for counting and for
    /// debugging: such an event does not match.
    pub(crate) fn evaluate(&self, context: &Context<'_, '_>) -> Result<bool, String> {
        match self.value(context)? {
            Value::Bool(matches) => Ok(matches),
            other => Err(format!("the result is not a boolean but of type {}", other.type_of())),
        }
    }

    fn value(&self, context: &Context<'_, '_>) -> Result<Value, String> {
        let Some(program) = &self.program else {
            return Ok(Value::Bool(true));
        };
        // A panic of the library is one event's trouble with one rule, not the partition's.
        match catch_unwind(AssertUnwindSafe(|| program.execute(context))) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_panic) => Err("the CEL library panicked".to_owned()),
        }
    }

    pub(crate) fn types(&self) -> Option<&[TypePattern]> {
        self.types.as_deref()
    }

    /// Whether evaluating it runs any CEL.
    pub(crate) fn is_always(&self) -> bool {
        self.program.is_none()
    }

    pub(super) fn refers_to_raw(&self) -> bool {
        self.refers_to_raw
    }
}

/// The parser's words without its list of all tokens that would have been possible.
fn syntax_reason(message: &str) -> &str {
    let message = message.strip_prefix("Syntax error: ").unwrap_or(message);
    let message = message
        .split_once(" expecting {")
        .map_or(message, |(message, _)| message);
    let message = message.lines().next().unwrap_or_default();
    if message.contains("'<EOF>'") {
        "it ends too early"
    } else {
        message
    }
}

/// CEL counts lines and columns from 1; (0, 0) is "somewhere".
fn character(text: &str, (line, column): (isize, isize)) -> usize {
    let line = usize::try_from(line).unwrap_or(0).saturating_sub(1);
    let column = usize::try_from(column).unwrap_or(0).saturating_sub(1);
    let before: usize = text.split_inclusive('\n').take(line).map(|l| l.chars().count()).sum();
    (before + column).min(text.trim_end().chars().count())
}
