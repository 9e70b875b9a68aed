//! The result of a condition for an event. **An error is not a "no"**: it is reported, unless it is one of these, which
//! mean that the event lacks what the condition uses, and so does not match:
//!
//! | what is used | for example |
//! |---|---|
//! | a missing member | `event.data.ticket.department` of a message |
//! | a missing element | `event.data.raw.items[0]` of an empty list |
//! | a member or an element of something that has none | `event.data.raw.channel.id` where `channel` is a text |
//! | anything but arithmetic on `null` | `event.data.raw.total > 5`, `event.data.raw.name.startsWith("x")` |
//! | the value of an optional that has none | `event.data.?ticket.value()` |
//!
//! All other errors fail the evaluation: operators and functions on values of the wrong type, conversions
//! (`int("abc")`), overflow, division by zero, a result that is neither true nor false, and what cannot be read
//! ([`unreadable`](super::unreadable)).
//!
//! CEL's `&&`, `||`, `!`, `?:`, `all` and `exists` are evaluated here and not by the library, which keeps one error of
//! several, and not always the one that counts: in `a || b`, where `a` fails and `b` lacks something, `a` could be
//! true. Errors that the other side makes irrelevant are ignored, as in CEL: `false && 1/0 == 1` is false.

use cel::common::ast::{ComprehensionExpr, Expr, IdedExpr, operators};
use cel::common::types::CelBool;
use cel::{Context, ExecutionError, Value};

/// The name of the type of `null`.
const NULL: &str = "null_type";

/// The result of a condition for an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It matches.
    Yes,
    /// It does not.
    No,
    /// It does not, because the event lacks something that the condition uses.
    Absent,
    /// It cannot be evaluated; the reason, which repeats nothing of the event.
    Failed(String),
}

/// Why an expression has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoValue {
    Absent,
    Failed(String),
}

/// How the truth of an expression affects that of the condition that contains it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sense {
    /// Only true can make the condition true.
    Plain,
    /// Only false can.
    Negated,
    /// Either can.
    Either,
}

impl Sense {
    fn negated(self) -> Self {
        match self {
            Self::Plain => Self::Negated,
            Self::Negated => Self::Plain,
            Self::Either => Self::Either,
        }
    }
}

/// Whether `expression` is true. It takes no more stack than the library for the same tree.
pub(super) fn decide(expression: &IdedExpr, context: &Context<'_, '_>, sense: Sense) -> Result<bool, NoValue> {
    match &expression.expr {
        Expr::Call(call) if call.target.is_none() => match (call.func_name.as_str(), call.args.as_slice()) {
            (operators::LOGICAL_AND, [a, b]) => {
                Fold::new(false, sense).run([a, b].into_iter().map(|side| decide(side, context, sense)))
            }
            (operators::LOGICAL_OR, [a, b]) => {
                Fold::new(true, sense).run([a, b].into_iter().map(|side| decide(side, context, sense)))
            }
            (operators::LOGICAL_NOT, [a]) => decide(a, context, sense.negated()).map(|truth| !truth),
            (operators::CONDITIONAL, [condition, a, b]) => {
                let chosen = if decide(condition, context, Sense::Either)? {
                    a
                } else {
                    b
                };
                decide(chosen, context, sense)
            }
            _ => plain(expression, context),
        },
        Expr::Comprehension(comprehension) => match quantifier(comprehension) {
            Some((fold_to, predicate)) => quantified(comprehension, fold_to, predicate, context, sense),
            None => plain(expression, context),
        },
        _ => plain(expression, context),
    }
}

/// `&&` or `||` over any number of sides.
struct Fold {
    /// The truth of one side that decides: false for `&&`, true for `||`.
    decisive: bool,
    /// Whether a side that lacks something decides, too, whatever the others are: then none of them can make the
    /// condition true.
    absence_decides: bool,
}

impl Fold {
    fn new(decisive: bool, sense: Sense) -> Self {
        let absence_decides = match sense {
            Sense::Plain => !decisive,
            Sense::Negated => decisive,
            Sense::Either => false,
        };
        Self {
            decisive,
            absence_decides,
        }
    }

    fn run(&self, sides: impl Iterator<Item = Result<bool, NoValue>>) -> Result<bool, NoValue> {
        let mut result = Ok(!self.decisive);
        for side in sides {
            match side {
                Ok(truth) if truth == self.decisive => return Ok(truth),
                Ok(_) => {}
                Err(NoValue::Absent) if self.absence_decides => return Err(NoValue::Absent),
                Err(NoValue::Absent) if matches!(result, Err(NoValue::Failed(_))) => {}
                Err(no_value) => result = Err(no_value),
            }
        }
        result
    }
}

/// Returns the decisive value and the predicate, if this is `all` or `exists`: `@result && predicate` or `@result ||
/// predicate`.
fn quantifier(comprehension: &ComprehensionExpr) -> Option<(bool, &IdedExpr)> {
    let is_result = |e: &IdedExpr| matches!(&e.expr, Expr::Ident(name) if *name == comprehension.accu_var);
    let Expr::Call(step) = &comprehension.loop_step.expr else {
        return None;
    };
    let ([result, predicate], None) = (step.args.as_slice(), &comprehension.iter_var2) else {
        return None;
    };
    let decisive = match step.func_name.as_str() {
        operators::LOGICAL_AND => false,
        operators::LOGICAL_OR => true,
        _ => return None,
    };
    (is_result(result) && is_result(&comprehension.result)).then_some((decisive, predicate))
}

fn quantified(
    comprehension: &ComprehensionExpr,
    decisive: bool,
    predicate: &IdedExpr,
    context: &Context<'_, '_>,
    sense: Sense,
) -> Result<bool, NoValue> {
    let range = Value::resolve_val(&comprehension.iter_range, context).map_err(|error| no_value(&error))?;
    let Some(range) = range.as_iterable() else {
        return Err(of_type(range.get_type().name(), "a list or an object"));
    };
    let mut elements = range.iter();
    let mut scope = context.new_inner_scope();
    let sides = std::iter::from_fn(|| {
        let element = elements.next()?;
        scope.add_variable_as_val(&comprehension.iter_var, element.clone_as_boxed());
        Some(decide(predicate, &scope, sense))
    });
    Fold::new(decisive, sense).run(sides)
}

fn plain(expression: &IdedExpr, context: &Context<'_, '_>) -> Result<bool, NoValue> {
    let value = Value::resolve_val(expression, context).map_err(|error| no_value(&error))?;
    match value.downcast_ref::<CelBool>() {
        Some(truth) => Ok(*truth.inner()),
        None => Err(of_type(value.get_type().name(), "true or false")),
    }
}

fn of_type(name: &str, wanted: &str) -> NoValue {
    if name == NULL {
        NoValue::Absent
    } else {
        NoValue::Failed(format!("a value of type {name} is used where {wanted} is needed"))
    }
}

/// Returns what an error of the library means. Its own messages repeat values of the event; these do not.
fn no_value(error: &ExecutionError) -> NoValue {
    let reason = match error {
        ExecutionError::NoSuchKey(_)
        | ExecutionError::IndexOutOfBounds(_)
        | ExecutionError::UnsupportedIndex(..)
        | ExecutionError::NotSupportedAsMethod {
            target: Value::Null, ..
        } => return NoValue::Absent,
        ExecutionError::NoSuchOverload(overload) => {
            let types = overload.argument_types();
            let (function, type_names) = (overload.function(), types.join(", "));
            match function {
                "_._" | "_?._" | operators::INDEX | operators::OPT_INDEX => return NoValue::Absent,
                _ if types.iter().any(|name| name == NULL) => return NoValue::Absent,
                _ => format!("`{}` does not take {type_names}", function.trim_matches(['_', '@'])),
            }
        }
        // Some functions give the value instead of its type.
        ExecutionError::UnexpectedType { got, want } => {
            let named = got.bytes().all(|b| b.is_ascii_lowercase() || matches!(b, b'_' | b'.'));
            return match got.as_str() {
                "null" | "Null" => NoValue::Absent,
                _ if named => of_type(got, want),
                _ => NoValue::Failed(format!("a value of another type is used where {want} is needed")),
            };
        }
        ExecutionError::FunctionError { function, message } if function == "value" && message.contains("none()") => {
            return NoValue::Absent;
        }
        ExecutionError::FunctionError { function, message } => match function.as_str() {
            "bool" | "double" | "int" | "string" | "timestamp" | "uint" => format!("`{function}` failed: {message}"),
            _ => format!("`{function}` failed"),
        },
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => "division by zero".to_owned(),
        ExecutionError::Overflow(operator, ..) => format!("`{operator}` overflows"),
        ExecutionError::UnsupportedBinaryOperator(operator, a, b) => {
            format!("`{operator}` does not take {}, {}", a.type_of(), b.type_of())
        }
        ExecutionError::ValuesNotComparable(a, b) => {
            format!("{} cannot be compared with {}", a.type_of(), b.type_of())
        }
        ExecutionError::UndeclaredReference(name) => format!("there is no `{name}` for values of this type"),
        ExecutionError::DuplicateKey(_) => "a map has a key twice".to_owned(),
        ExecutionError::InternalError(reason) => reason.clone(),
        ExecutionError::UnsupportedKeyType(key) => format!("a value of type {} is no key", key.type_of()),
        _ => "the CEL library returned an unknown error".to_owned(),
    };
    NoValue::Failed(reason)
}
