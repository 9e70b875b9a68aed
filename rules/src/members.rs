//! The members that `event` and `event.data` have. A rule that uses another one could never be true, so it is refused.
//!
//! Members below those are not checked: they depend on the event's type, and under `raw` on the sender.

use cel::common::ast::{Expr, IdedExpr, LiteralValue, SourceInfo, operators};
use schemas::data::TYPES;

use super::fault::Fault;

const OF_EVENT: [&str; 9] = [
    "type", "id", "source", "tenant", "platform", "account", "subject", "time", "data",
];

#[derive(Clone, Copy, PartialEq)]
enum Object {
    Event,
    Data,
}

/// Returns the fault if `expression` uses a member of `event` or `event.data` that does not exist. Written as `.x`,
/// `.?x`, `["x"]`, `[?"x"]`, `has(….x)` or `"x" in …`.
pub(super) fn unknown(expression: &IdedExpr, positions: &SourceInfo) -> Option<Fault> {
    let (operand, name) = access(expression).or_else(|| membership(expression))?;
    let object = object(operand)?;
    let known = object.members();
    if known.contains(&name) {
        return None;
    }
    let object = object.name();
    let known = nearest_first(known, name).join(", ");
    Some(Fault {
        at: place(expression, positions).map(|at| at as usize),
        reason: format!("there is no member `{name}` of `{object}`; there are {known}"),
    })
}

impl Object {
    fn name(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Data => "event.data",
        }
    }

    fn members(self) -> Vec<&'static str> {
        match self {
            Self::Event => OF_EVENT.to_vec(),
            Self::Data => {
                let mut members: Vec<&str> = TYPES.iter().map(|t| t.member).chain(["headers", "raw"]).collect();
                // Types of one family are adjacent.
                members.dedup();
                members
            }
        }
    }
}

/// Whether `expression` is `event` or `event.data`, in any notation.
fn object(expression: &IdedExpr) -> Option<Object> {
    if let Expr::Ident(name) = &expression.expr {
        return (name == "event").then_some(Object::Event);
    }
    let (operand, name) = access(expression)?;
    (name == "data" && object(operand) == Some(Object::Event)).then_some(Object::Data)
}

/// The object and the name in it.
fn access(expression: &IdedExpr) -> Option<(&IdedExpr, &str)> {
    match &expression.expr {
        Expr::Select(select) => Some((&select.operand, &select.field)),
        Expr::Call(call) => match (call.func_name.as_str(), call.args.as_slice()) {
            (operators::INDEX | operators::OPT_INDEX | operators::OPT_SELECT, [operand, name]) => {
                Some((operand, text(name)?))
            }
            _ => None,
        },
        _ => None,
    }
}

/// `"name" in object`, which is not the member itself.
fn membership(expression: &IdedExpr) -> Option<(&IdedExpr, &str)> {
    match &expression.expr {
        Expr::Call(call) if call.func_name == operators::IN => match call.args.as_slice() {
            [name, object] => Some((object, text(name)?)),
            _ => None,
        },
        _ => None,
    }
}

fn text(expression: &IdedExpr) -> Option<&str> {
    match &expression.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}

fn place(expression: &IdedExpr, positions: &SourceInfo) -> Option<u32> {
    let start = |id: u64| positions.offset_for(id).map(|(start, _)| start);
    match &expression.expr {
        // `has` removes the position of the dot; the expression before the dot has one.
        Expr::Select(select) if select.test => match &select.operand.expr {
            Expr::Ident(name) => after_dot(start(select.operand.id)?, name),
            Expr::Select(before) => after_dot(start(select.operand.id)? + 1, &before.field),
            _ => start(expression.id),
        },
        // The position is that of the dot.
        Expr::Select(_) => Some(start(expression.id)? + 1),
        Expr::Call(call) if call.func_name == operators::OPT_SELECT => Some(start(expression.id)? + 2),
        Expr::Call(call) => start(call.args.iter().find(|argument| text(argument).is_some())?.id),
        _ => start(expression.id),
    }
}

/// Returns the character after the dot that follows `name`, which starts at `start`.
fn after_dot(start: u32, name: &str) -> Option<u32> {
    Some(start + u32::try_from(name.chars().count()).ok()? + 1)
}

fn nearest_first(mut known: Vec<&'static str>, name: &str) -> Vec<&'static str> {
    known.sort_by_cached_key(|member| distance(member, name));
    known
}

/// Returns how many characters must be inserted, deleted or replaced to turn one into the other.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, a) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in b.chars().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_levenshtein() {
        for (a, b, expected) in [
            ("", "", 0),
            ("type", "", 4),
            ("type", "typ", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!((distance(a, b), distance(b, a)), (expected, expected), "{a} {b}");
        }
    }
}
