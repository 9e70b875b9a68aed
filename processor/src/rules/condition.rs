//! One CEL condition: compiled, checked for what could hurt at run time, evaluated.
//!
//! The CEL library has neither a type checker nor a cost limit, and nested or long expressions overflow the stack, which
//! aborts the process. So the length is capped before compiling and the tree is walked once after it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use cel::common::ast::{EntryExpr, Expr, IdedExpr, LiteralValue};
use cel::{Context, Env, ExecutionError, Program, Value};

use super::types::{TypePattern, type_patterns};

/// The longest condition, bytes.
pub(super) const MAX_BYTES: usize = 2_048;
/// The deepest tree. Evaluating one level takes some 40 KiB of stack in a build without optimization, and tasks run on
/// stacks of 2 MiB.
const MAX_DEPTH: usize = 24;

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
        let mut walk = Walk {
            env,
            program: &program,
            scopes: Vec::new(),
            loops: 0,
            faults: Vec::new(),
        };
        walk.expression(program.expression(), 1);
        if !walk.faults.is_empty() {
            return Err(walk.faults);
        }
        let types = type_patterns(program.expression());
        Ok(Self {
            types,
            refers_to_raw: text.contains("raw"),
            program: Some(program),
        })
    }

    /// Whether it is true of the event in `context`. The error says why it could not be told, for counting and for
    /// debugging: such an event does not match.
    pub(crate) fn evaluate(&self, context: &Context<'_, '_>) -> Result<bool, String> {
        let Some(program) = &self.program else {
            return Ok(true);
        };
        // A panic of the library is one event's trouble with one rule, not the partition's.
        match catch_unwind(AssertUnwindSafe(|| program.execute(context))) {
            Ok(Ok(Value::Bool(matches))) => Ok(matches),
            Ok(Ok(other)) => Err(format!("the result is not a boolean but of type {:?}", other.type_of())),
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

struct Walk<'p> {
    env: &'p Arc<Env>,
    program: &'p Program,
    /// Names that loops around the current place have bound.
    scopes: Vec<&'p str>,
    loops: usize,
    faults: Vec<Fault>,
}

impl<'p> Walk<'p> {
    fn fault(&mut self, expression: &IdedExpr, reason: String) {
        let at = self.program.source_info().offset_for(expression.id);
        self.faults.push(Fault {
            at: at.map(|(start, _)| start as usize),
            reason,
        });
    }

    fn expression(&mut self, expression: &'p IdedExpr, depth: usize) {
        if depth > MAX_DEPTH {
            if !self.faults.iter().any(|f| f.reason.contains("levels deep")) {
                self.fault(
                    expression,
                    format!("`when` is more than {MAX_DEPTH} levels deep: split the rule, or use `in [\u{2026}]`"),
                );
            }
            return;
        }
        let next = depth + 1;
        match &expression.expr {
            Expr::Unspecified | Expr::Literal(_) => {}
            Expr::Ident(name) => self.variable(expression, name),
            Expr::Select(select) => self.expression(&select.operand, next),
            Expr::List(list) => list.elements.iter().for_each(|e| self.expression(e, next)),
            Expr::Map(map) => self.entries(map.entries.iter().map(|e| &e.expr), next),
            Expr::Struct(message) => self.fault(
                expression,
                format!("there is no type `{}`: compare fields one by one", message.type_name),
            ),
            Expr::Call(call) => {
                let optional = matches!(
                    call.target.as_deref(), Some(IdedExpr { expr: Expr::Ident(name), .. }) if name == "optional"
                );
                if let Some(target) = call.target.as_deref().filter(|_| !optional) {
                    self.expression(target, next);
                }
                call.args.iter().for_each(|e| self.expression(e, next));
                if !self.knows_function(&call.func_name, optional) {
                    self.fault(
                        expression,
                        format!(
                            "there is no function `{}` with {} in CEL",
                            call.func_name,
                            arguments(call.args.len())
                        ),
                    );
                } else if call.func_name == "matches" {
                    self.pattern(expression, call.args.last());
                }
            }
            Expr::Comprehension(comprehension) => {
                self.expression(&comprehension.iter_range, next);
                if self.loops > 0 {
                    self.fault(
                        expression,
                        "a loop inside a loop: `all`, `exists`, `exists_one`, `map` and `filter` must not be nested, \
                         because the cost grows with the square of what a sender sends"
                            .to_owned(),
                    );
                    return;
                }
                self.expression(&comprehension.accu_init, next);
                let outer = self.scopes.len();
                self.scopes.push(&comprehension.accu_var);
                self.scopes.push(&comprehension.iter_var);
                self.scopes.extend(comprehension.iter_var2.as_deref());
                self.loops += 1;
                self.expression(&comprehension.loop_cond, next);
                self.expression(&comprehension.loop_step, next);
                self.loops -= 1;
                self.expression(&comprehension.result, next);
                self.scopes.truncate(outer);
            }
        }
    }

    fn entries(&mut self, entries: impl Iterator<Item = &'p EntryExpr>, depth: usize) {
        for entry in entries {
            match entry {
                EntryExpr::StructField(field) => self.expression(&field.value, depth),
                EntryExpr::MapEntry(entry) => {
                    self.expression(&entry.key, depth);
                    self.expression(&entry.value, depth);
                }
            }
        }
    }

    fn variable(&mut self, expression: &IdedExpr, name: &str) {
        const TYPES: [&str; 11] = [
            "bool",
            "bytes",
            "double",
            "duration",
            "int",
            "list",
            "map",
            "null_type",
            "string",
            "type",
            "uint",
        ];
        if name != "event" && !self.scopes.contains(&name) && !TYPES.contains(&name) {
            self.fault(
                expression,
                format!("there is no variable `{name}`: a condition sees `event`, for example `event.type`"),
            );
        }
    }

    /// Asks the library itself, by calling the function wrongly: a known one complains of its arguments.
    fn knows_function(&self, name: &str, optional: bool) -> bool {
        let is_operator = |c: char| !c.is_ascii_alphanumeric();
        if name.starts_with(is_operator) {
            return true;
        }
        let known = |call: &str| {
            let Ok(program) = self.env.compile(call) else {
                return false;
            };
            let result = program.execute(&Context::with_env(Arc::clone(self.env)));
            !matches!(result, Err(ExecutionError::UndeclaredReference(_)))
        };
        if optional {
            known(&format!("optional.{name}()"))
        } else {
            known(&format!("{name}()")) || known(&format!("null.{name}()"))
        }
    }

    /// A regular expression out of an event would be compiled per event, at the sender's will.
    fn pattern(&mut self, call: &IdedExpr, pattern: Option<&IdedExpr>) {
        let Some(Expr::Literal(LiteralValue::String(pattern))) = pattern.map(|p| &p.expr) else {
            self.fault(
                call,
                "`matches` takes a regular expression in quotes, and nothing computed".to_owned(),
            );
            return;
        };
        let mut context = Context::with_env(Arc::clone(self.env));
        context.add_variable_from_value("pattern", pattern.inner().to_owned());
        let result = self.env.compile("''.matches(pattern)").map(|p| p.execute(&context));
        if let Ok(Err(error)) = result {
            let reason = error.to_string();
            let reason = reason.lines().last().unwrap_or_default().trim();
            self.fault(
                call,
                format!("`{}` is not a regular expression: {reason}", pattern.inner()),
            );
        }
    }
}

fn arguments(count: usize) -> String {
    match count {
        0 => "no argument".to_owned(),
        1 => "1 argument".to_owned(),
        n => format!("{n} arguments"),
    }
}
