//! Walks once over a compiled condition, to find what could do harm at run time or could never be true. What is known
//! of a value ([`known`](super::known)) goes up from its parts; the types of event that it can be evaluated for go down.

use std::sync::Arc;

use cel::common::ast::{ComprehensionExpr, Expr, IdedExpr, SelectExpr, operators};
use cel::{Env, Program};
use schemas::platform::Platform;

use super::ast;
use super::compare;
use super::constant;
use super::fault::{Fault, Findings};
use super::known::{Kind, Known, returned};
use super::shape::Types;
use super::types::{TypePattern, type_patterns};

mod call;
mod names;
mod place;

/// The deepest tree. Evaluating one level takes some 40 KiB of stack in a build without optimization, and tasks run on
/// stacks of 2 MiB.
const MAX_DEPTH: usize = 24;

/// The names of CEL's own types, which can be written where a variable can.
const TYPE_NAMES: [&str; 11] = [
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

/// Returns everything that is wrong with the condition, in the order of its text.
pub(super) fn findings(program: &Program, env: &Arc<Env>) -> Findings {
    let root = program.expression();
    let names_types = |part: &IdedExpr| {
        let platform = ast::text(part).and_then(|text| text.parse::<Platform>().ok());
        platform.is_some_and(|platform| platform.own_types().is_some())
    };
    let mut walk = Walk {
        env,
        program,
        scopes: Vec::new(),
        loops: 0,
        types_are_ours: !ast::any(root, &names_types),
        too_deep: false,
        findings: Findings::default(),
    };
    walk.expression(root, 1, &Types::all());
    if walk.findings.errors.is_empty()
        && let Some(truth) = constant::truth(root, env)
    {
        walk.findings.warnings.push(Fault {
            at: None,
            reason: constant::warning(truth),
        });
    }
    walk.findings.in_order()
}

struct Walk<'p> {
    env: &'p Arc<Env>,
    program: &'p Program,
    /// The names that the surrounding loops have bound, the innermost last.
    scopes: Vec<(&'p str, Known)>,
    loops: usize,
    /// Whether the condition names no platform that leaves the names of types to its senders.
    types_are_ours: bool,
    too_deep: bool,
    findings: Findings,
}

impl<'p> Walk<'p> {
    /// Reports an error at the place of `expression`.
    fn fault(&mut self, expression: &IdedExpr, reason: String) {
        let at = place::of(expression, self.program.source_info());
        self.findings.errors.push(Fault { at, reason });
    }

    fn warn(&mut self, expression: &IdedExpr, reason: String) {
        let at = place::of(expression, self.program.source_info());
        self.findings.warnings.push(Fault { at, reason });
    }

    /// Checks `expression`, which is evaluated for events of `types`, and returns what is known of its value.
    fn expression(&mut self, expression: &'p IdedExpr, depth: usize, types: &Types) -> Known {
        if depth > MAX_DEPTH {
            if !self.too_deep {
                self.too_deep = true;
                self.fault(
                    expression,
                    format!("`when` is more than {MAX_DEPTH} levels deep: split the rule, or use `in [\u{2026}]`"),
                );
            }
            return Known::default();
        }
        let next = depth + 1;
        match &expression.expr {
            Expr::Unspecified => Known::default(),
            Expr::Literal(value) => {
                let referring = |text: &str| text.split_once("${").is_some_and(|(_, rest)| rest.contains('}'));
                if ast::text(expression).is_some_and(referring) {
                    let reason = "`${\u{2026}}` is not replaced in rules: write the value itself";
                    self.warn(expression, reason.to_owned());
                }
                Known::literal(value)
            }
            Expr::Ident(name) => self.variable(expression, name),
            Expr::Select(select) => self.select(expression, select, next, types),
            Expr::List(list) => {
                for element in &list.elements {
                    self.expression(element, next, types);
                }
                Known::of(Kind::List)
            }
            Expr::Map(map) => {
                for part in map.entries.iter().flat_map(|entry| ast::of_entry(&entry.expr)) {
                    self.expression(part, next, types);
                }
                Known::of(Kind::Map)
            }
            Expr::Struct(message) => {
                self.fault(
                    expression,
                    format!("there is no type `{}`: compare fields one by one", message.type_name),
                );
                Known::default()
            }
            Expr::Call(call) => self.call(expression, call, next, types),
            Expr::Comprehension(comprehension) => self.comprehension(expression, comprehension, next, types),
        }
    }

    fn select(&mut self, expression: &'p IdedExpr, select: &'p SelectExpr, depth: usize, types: &Types) -> Known {
        if self.is_unquoted_type(expression) {
            return Known::default();
        }
        if self.is_type_name(&select.operand) {
            self.no_variable(&select.operand);
            return Known::default();
        }
        let object = self.expression(&select.operand, depth, types);
        let member = self.member(expression, &object, &select.field, types);
        if select.test { Known::of(Kind::Truth) } else { member }
    }

    /// Returns the member `name` of `object`, which `expression` uses.
    fn member(&mut self, expression: &IdedExpr, object: &Known, name: &str, types: &Types) -> Known {
        let member = match object.member(name) {
            Ok(member) => member,
            Err(reason) => {
                self.fault(expression, reason);
                return Known::default();
            }
        };
        let has = |known: &Known| !known.types().and(types).is_empty();
        if !member.shapes.is_empty() && has(object) && !has(&member) {
            let there = member.types().names();
            let there = if there.is_empty() {
                "types that senders name themselves".to_owned()
            } else {
                there.join(", ")
            };
            let here = types.names();
            let here = if here.is_empty() {
                "an event whose sender names its type".to_owned()
            } else {
                here.join(", ")
            };
            self.warn(
                expression,
                format!(
                    "`{name}` of `{}` is never there for {here}: only for {there}",
                    object.path
                ),
            );
        }
        member
    }

    /// Returns those of `types` for which `condition` can be true, if it is about the type at all.
    fn narrowed(condition: &IdedExpr, types: &Types) -> Types {
        let Some(patterns) = type_patterns(condition) else {
            return types.clone();
        };
        let suspicious = |pattern: &TypePattern| match pattern {
            TypePattern::Exact(name) => compare::is_suspicious_type(name),
            TypePattern::Prefix(prefix) => compare::is_suspicious_prefix(prefix),
        };
        let fitting = Types::that_fit(&patterns);
        // What was meant is not known, and there is a warning about the name.
        if !fitting.has_defined() && patterns.iter().any(suspicious) {
            return types.clone();
        }
        types.and(&fitting)
    }

    fn comprehension(
        &mut self,
        expression: &'p IdedExpr,
        comprehension: &'p ComprehensionExpr,
        depth: usize,
        types: &Types,
    ) -> Known {
        let range = self.expression(&comprehension.iter_range, depth, types);
        if self.loops > 0 {
            self.fault(
                expression,
                "a loop inside a loop: `all`, `exists`, `exists_one`, `map` and `filter` must not be nested, \
                 because the cost grows with the square of the size of the event"
                    .to_owned(),
            );
            return Known::default();
        }
        let start = self.expression(&comprehension.accu_init, depth, types);
        let outer = self.scopes.len();
        self.scopes.push((&comprehension.accu_var, Known::default()));
        match comprehension.iter_var2.as_deref() {
            None => self.scopes.push((&comprehension.iter_var, range.each())),
            Some(second) => self.scopes.extend([
                (comprehension.iter_var.as_str(), Known::default()),
                (second, Known::default()),
            ]),
        }
        self.loops += 1;
        self.expression(&comprehension.loop_cond, depth, types);
        self.expression(&comprehension.loop_step, depth, types);
        self.loops -= 1;
        let result = self.expression(&comprehension.result, depth, types);
        self.scopes.truncate(outer);
        match &comprehension.result.expr {
            // `filter` keeps some of the elements as they are.
            Expr::Ident(_) if is_filter(comprehension) => range,
            Expr::Ident(_) => Known::of(start.kind(types)),
            _ => Known::of(result.kind(types)),
        }
    }

    fn variable(&mut self, expression: &IdedExpr, name: &str) -> Known {
        if let Some((_, known)) = self.scopes.iter().rev().find(|(bound, _)| *bound == name) {
            return known.clone();
        }
        if name == "event" {
            return Known::event();
        }
        if TYPE_NAMES.contains(&name) {
            return Known::of(Kind::Type);
        }
        self.no_variable(expression);
        Known::default()
    }

    /// Whether `expression` is the name of a type of CEL and nothing more.
    fn is_type_name(&self, expression: &IdedExpr) -> bool {
        matches!(&expression.expr, Expr::Ident(name)
            if TYPE_NAMES.contains(&name.as_str()) && !self.scopes.iter().any(|(bound, _)| bound == name))
    }
}

/// Whether this is `filter`, or `map` of three arguments whose last is the variable itself.
fn is_filter(comprehension: &ComprehensionExpr) -> bool {
    let Expr::Call(step) = &comprehension.loop_step.expr else {
        return false;
    };
    let (operators::CONDITIONAL, [_, taken, _]) = (step.func_name.as_str(), step.args.as_slice()) else {
        return false;
    };
    let Expr::Call(added) = &taken.expr else {
        return false;
    };
    matches!(added.args.as_slice(), [_, IdedExpr { expr: Expr::List(list), .. }]
        if matches!(list.elements.as_slice(), [one] if ast::is_name(one, &comprehension.iter_var)))
}
