//! Calls: operators and functions.

use cel::common::ast::{CallExpr, Expr, IdedExpr, operators};

use super::super::compare::{self, ALWAYS, NEVER};
use super::super::functions;
use super::super::shape::Shape;
use super::{Kind, Known, Types, Walk, ast, returned};

impl<'p> Walk<'p> {
    pub(super) fn call(&mut self, expression: &'p IdedExpr, call: &'p CallExpr, depth: usize, types: &Types) -> Known {
        let name = call.func_name.as_str();
        match (name, call.args.as_slice()) {
            (operators::LOGICAL_AND | operators::LOGICAL_OR | operators::LOGICAL_NOT, sides) => {
                self.logic(expression, name, sides, depth, types)
            }
            (operators::CONDITIONAL, [condition, a, b]) => self.conditional(condition, a, b, depth, types),
            (operators::INDEX | operators::OPT_INDEX | operators::OPT_SELECT, [object, key]) => {
                self.index(expression, name, object, key, depth, types)
            }
            (
                operators::EQUALS
                | operators::NOT_EQUALS
                | operators::LESS
                | operators::LESS_EQUALS
                | operators::GREATER
                | operators::GREATER_EQUALS,
                [a, b],
            ) => {
                let known = [a, b].map(|side| self.expression(side, depth, types));
                let outcome = if name == operators::NOT_EQUALS { ALWAYS } else { NEVER };
                self.compare(expression, [a, b], &known, types, outcome);
                Known::of(Kind::Truth)
            }
            (operators::IN, [value, container]) => {
                self.is_in(expression, value, container, depth, types);
                Known::of(Kind::Truth)
            }
            _ => self.function(expression, call, depth, types),
        }
    }

    /// `&&`, `||` and `!`. One side of `&&` does not matter for events for which another is false.
    fn logic(
        &mut self,
        expression: &'p IdedExpr,
        name: &str,
        sides: &'p [IdedExpr],
        depth: usize,
        types: &Types,
    ) -> Known {
        // A macro's own operators are not what was written.
        let is_written = !sides
            .iter()
            .any(|side| matches!(&side.expr, Expr::Ident(name) if name.starts_with('@')));
        for (number, side) in sides.iter().enumerate() {
            let mut narrowed = types.clone();
            if name == operators::LOGICAL_AND {
                for (_, other) in sides.iter().enumerate().filter(|(other, _)| *other != number) {
                    narrowed = Self::narrowed(other, &narrowed);
                }
            }
            let known = self.expression(side, depth, &narrowed);
            if self.is_type_name(side) {
                self.no_variable(side);
            } else if is_written
                && let Some(kind) = known.kind(&narrowed)
                && !matches!(kind, Kind::Truth | Kind::Null)
            {
                let sign = name.trim_matches('_');
                self.fault(expression, format!("`{sign}` needs true or false, and there is {kind}"));
            }
        }
        Known::of(Kind::Truth)
    }

    fn conditional(
        &mut self,
        condition: &'p IdedExpr,
        a: &'p IdedExpr,
        b: &'p IdedExpr,
        depth: usize,
        types: &Types,
    ) -> Known {
        self.expression(condition, depth, types);
        let first = self.expression(a, depth, &Self::narrowed(condition, types));
        let second = self.expression(b, depth, types);
        let kind = first.kind(types);
        Known::of(kind.filter(|kind| second.kind(types) == Some(*kind)))
    }

    fn index(
        &mut self,
        expression: &'p IdedExpr,
        name: &str,
        object: &'p IdedExpr,
        key: &'p IdedExpr,
        depth: usize,
        types: &Types,
    ) -> Known {
        let object = self.expression(object, depth, types);
        self.expression(key, depth, types);
        let found = match ast::text(key) {
            Some(member) => self.member(expression, &object, member, types),
            None => object.element(),
        };
        Known {
            optional: found.optional || name != operators::INDEX,
            ..found
        }
    }

    fn is_in(
        &mut self,
        expression: &'p IdedExpr,
        value: &'p IdedExpr,
        container: &'p IdedExpr,
        depth: usize,
        types: &Types,
    ) {
        let known = self.expression(value, depth, types);
        if let Expr::List(list) = &container.expr {
            for element in &list.elements {
                let other = self.expression(element, depth + 1, types);
                self.compare(element, [value, element], &[known.clone(), other], types, NEVER);
            }
            return;
        }
        let container_known = self.expression(container, depth, types);
        match container_known.kind(types) {
            Some(Kind::Map) => {
                if let Some(name) = ast::text(value) {
                    self.member(value, &container_known, name, types);
                }
            }
            Some(Kind::List) => {
                let element = container_known.element();
                self.compare(expression, [value, container], &[known, element], types, NEVER);
            }
            Some(Kind::Text) => self.fault(
                expression,
                "`in` looks into lists and objects: write `text.contains(\u{2026})` for a part of a text".to_owned(),
            ),
            _ => {}
        }
    }

    /// Checks that `sides` can be equal.
    fn compare(
        &mut self,
        expression: &IdedExpr,
        sides: [&IdedExpr; 2],
        known: &[Known; 2],
        types: &Types,
        outcome: &str,
    ) {
        let [a, b] = known;
        for (side, other) in [(sides[0], b), (sides[1], a)] {
            if self.is_type_name(side) && other.kind(types).is_some_and(|kind| kind != Kind::Type) {
                self.no_variable(side);
                return;
            }
        }
        if let Some(reason) = compare::kinds(a, b, types, outcome) {
            self.fault(expression, reason);
            return;
        }
        for (side, other) in [(sides[0], b), (sides[1], a)] {
            if let Some(text) = ast::text(side)
                && let Some(reason) = compare::choice(other, text, types)
                && (self.types_are_ours || !is_event_type(other))
            {
                self.warn(side, reason);
            }
        }
    }

    fn function(&mut self, expression: &'p IdedExpr, call: &'p CallExpr, depth: usize, types: &Types) -> Known {
        let name = call.func_name.as_str();
        let optional = call
            .target
            .as_deref()
            .is_some_and(|target| ast::is_name(target, "optional"));
        let target = call.target.as_deref().filter(|_| !optional).map(|target| {
            if self.is_type_name(target) {
                self.no_variable(target);
                return Known::default();
            }
            self.expression(target, depth, types)
        });
        let arguments: Vec<Known> = call
            .args
            .iter()
            .map(|argument| self.expression(argument, depth, types))
            .collect();
        if let Some(reason) = functions::fault(self.env, name, &call.args, optional) {
            self.fault(expression, reason);
            return Known::default();
        }
        if optional {
            return Known::default();
        }
        match (target, name, arguments.as_slice()) {
            (Some(target), "orValue", [other]) => target.or_value(other, types),
            (Some(target), "value", []) => Known {
                optional: false,
                ..target
            },
            (Some(target), "startsWith" | "endsWith" | "matches", given) => {
                self.of_text(expression, &target, given, call, types);
                Known::of(Kind::Truth)
            }
            // Lists have it, too.
            (Some(target), "contains", given) if target.kind(types) == Some(Kind::Text) => {
                self.of_text(expression, &target, given, call, types);
                Known::of(Kind::Truth)
            }
            (target, _, _) => {
                let kinds: Vec<_> = target.iter().chain(&arguments).map(|known| known.kind(types)).collect();
                let mixed = matches!(
                    kinds.as_slice(),
                    [Some(Kind::Text), Some(Kind::Number)] | [Some(Kind::Number), Some(Kind::Text)]
                );
                if name == operators::ADD && mixed {
                    let reason = "`+` takes two texts or two numbers: `string(\u{2026})` makes text of a number";
                    self.fault(expression, reason.to_owned());
                    return Known::default();
                }
                Known::of(returned(name, &kinds))
            }
        }
    }

    /// Checks a function that only texts have.
    fn of_text(&mut self, expression: &IdedExpr, target: &Known, given: &[Known], call: &CallExpr, types: &Types) {
        if let Some(kind) = target.kind(types)
            && !matches!(kind, Kind::Text | Kind::Null)
        {
            let way_out = if kind == Kind::Optional {
                ": put `.orValue(\"\")` before it"
            } else {
                ""
            };
            self.fault(
                expression,
                format!(
                    "`{}` is a function of text, and this is {kind}{way_out}",
                    call.func_name
                ),
            );
            return;
        }
        if let Some(kind) = given.first().and_then(|argument| argument.kind(types))
            && !matches!(kind, Kind::Text | Kind::Null)
        {
            let name = &call.func_name;
            self.fault(
                expression,
                format!("`{name}` asks for text in its brackets, and there is {kind}"),
            );
            return;
        }
        if call.func_name == "startsWith"
            && self.types_are_ours
            && is_event_type(target)
            && let Some(argument) = call.args.first()
            && let Some(reason) = ast::text(argument).and_then(compare::type_prefix)
        {
            self.warn(argument, reason);
        }
    }
}

fn is_event_type(known: &Known) -> bool {
    matches!(known.shapes.first(), Some((_, Shape::EventType)))
}
