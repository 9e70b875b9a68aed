//! Where a part of a condition is in its text.

use cel::common::ast::{Expr, IdedExpr, SourceInfo, operators};

use super::super::ast;

/// Returns the character at which the part of `expression` is that a message is about: the name behind a dot, the text
/// of an index, the operator or the function of a call.
pub(super) fn of(expression: &IdedExpr, positions: &SourceInfo) -> Option<usize> {
    start(expression, positions).map(|at| at as usize)
}

fn start(expression: &IdedExpr, positions: &SourceInfo) -> Option<u32> {
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
        Expr::Call(call) => match call.func_name.as_str() {
            operators::OPT_SELECT => Some(start(expression.id)? + 2),
            operators::INDEX | operators::OPT_INDEX => {
                let name = call.args.iter().skip(1).find(|argument| ast::text(argument).is_some());
                start(name.map_or(expression.id, |name| name.id))
            }
            _ => start(expression.id),
        },
        _ => start(expression.id),
    }
}

/// Returns the character after the dot that follows `name`, which starts at `start`.
fn after_dot(start: u32, name: &str) -> Option<u32> {
    Some(start + u32::try_from(name.chars().count()).ok()? + 1)
}
