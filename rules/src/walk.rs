//! Walks once over a compiled condition, to find what could do harm at run time or could never be true.

use std::sync::Arc;

use cel::common::ast::{EntryExpr, Expr, IdedExpr, LiteralValue};
use cel::{Context, Env, ExecutionError, Program};

use super::fault::Fault;
use super::members;

/// The deepest tree. Evaluating one level takes some 40 KiB of stack in a build without optimization, and tasks run on
/// stacks of 2 MiB.
const MAX_DEPTH: usize = 24;

/// Returns everything that is wrong with the condition.
pub(super) fn faults(program: &Program, env: &Arc<Env>) -> Vec<Fault> {
    let mut walk = Walk {
        env,
        program,
        scopes: Vec::new(),
        loops: 0,
        faults: Vec::new(),
    };
    walk.expression(program.expression(), 1);
    walk.faults
}

struct Walk<'p> {
    env: &'p Arc<Env>,
    program: &'p Program,
    /// The names that the surrounding loops have bound.
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
        self.member(expression);
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
                         because the cost grows with the square of the size of the event"
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

    fn member(&mut self, expression: &IdedExpr) {
        // A loop may have bound the name to something else.
        if self.scopes.contains(&"event") {
            return;
        }
        self.faults
            .extend(members::unknown(expression, self.program.source_info()));
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

    /// Asks the library itself, by calling the function with wrong arguments: a known one reports its arguments.
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

    /// Checks a regular expression, which must be a literal: one from an event would be compiled per event, and the
    /// sender could choose it.
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
