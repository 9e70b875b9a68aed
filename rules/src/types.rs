//! Which event types a condition can be true for, and the index that finds the rules of a type without running any CEL.

use std::collections::HashMap;

use cel::common::ast::{Expr, IdedExpr, operators};

use super::ast;

/// `event.type == "x"`, or `event.type.startsWith("x.")`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TypePattern {
    /// This type.
    Exact(String),
    /// Every type that begins with this.
    Prefix(String),
}

/// Returns patterns such that the expression is **false, and no error,** for every event type that fits none of them;
/// `None` if none are found.
///
/// CEL's `&&` is false as soon as one side is, whatever error the other side ends in; hence any conjunct is enough.
pub(super) fn type_patterns(expression: &IdedExpr) -> Option<Vec<TypePattern>> {
    let Expr::Call(call) = &expression.expr else {
        return None;
    };
    match (call.func_name.as_str(), call.args.as_slice()) {
        (operators::LOGICAL_AND, sides) => sides.iter().filter_map(type_patterns).min_by_key(Vec::len),
        (operators::LOGICAL_OR, sides) => {
            let sides: Option<Vec<_>> = sides.iter().map(type_patterns).collect();
            sides.map(|sides| sides.concat())
        }
        (operators::EQUALS, [a, b]) => {
            let literal = if is_event_type(a) {
                text(b)
            } else {
                text(a).filter(|_| is_event_type(b))
            };
            literal.map(|literal| vec![TypePattern::Exact(literal)])
        }
        (operators::IN, [value, list]) if is_event_type(value) => {
            let Expr::List(list) = &list.expr else {
                return None;
            };
            if !list.optional_indices.is_empty() {
                return None;
            }
            let literals: Option<Vec<String>> = list.elements.iter().map(text).collect();
            literals.map(|literals| literals.into_iter().map(TypePattern::Exact).collect())
        }
        ("startsWith", [prefix]) if call.target.as_deref().is_some_and(is_event_type) => {
            text(prefix).map(|prefix| vec![TypePattern::Prefix(prefix)])
        }
        _ => None,
    }
}

fn is_event_type(expression: &IdedExpr) -> bool {
    let Expr::Select(select) = &expression.expr else {
        return false;
    };
    select.field == "type" && !select.test && matches!(&select.operand.expr, Expr::Ident(name) if name == "event")
}

fn text(expression: &IdedExpr) -> Option<String> {
    ast::text(expression).map(str::to_owned)
}

/// Finds, for an event type, the conditions that can be true, by their numbers in ascending order.
#[derive(Debug, Default)]
pub struct TypeIndex {
    any: Vec<usize>,
    exact: HashMap<String, Vec<usize>>,
    prefixes: HashMap<String, Vec<usize>>,
    /// The lengths of all prefixes.
    lengths: Vec<usize>,
}

impl TypeIndex {
    /// Makes an index over the patterns of conditions 0, 1, 2, …
    pub fn new<'p>(conditions: impl IntoIterator<Item = Option<&'p [TypePattern]>>) -> Self {
        let mut index = Self::default();
        for (number, patterns) in conditions.into_iter().enumerate() {
            let Some(patterns) = patterns else {
                index.any.push(number);
                continue;
            };
            for pattern in patterns {
                match pattern {
                    TypePattern::Exact(name) => index.exact.entry(name.clone()).or_default().push(number),
                    TypePattern::Prefix(prefix) => {
                        index.lengths.push(prefix.len());
                        index.prefixes.entry(prefix.clone()).or_default().push(number);
                    }
                }
            }
        }
        index.lengths.sort_unstable();
        index.lengths.dedup();
        index
    }

    /// Returns the numbers of the conditions that can be true for an event of this type.
    pub fn candidates(&self, event_type: &str) -> Vec<usize> {
        let mut found = self.any.clone();
        found.extend(self.exact.get(event_type).into_iter().flatten());
        for length in &self.lengths {
            let family = event_type.get(..*length).and_then(|prefix| self.prefixes.get(prefix));
            found.extend(family.into_iter().flatten());
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}
