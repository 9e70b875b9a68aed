//! Small questions to a condition's tree.

use cel::common::ast::{EntryExpr, Expr, IdedExpr, LiteralValue};

/// Returns the text, if `expression` is text in quotes.
pub(super) fn text(expression: &IdedExpr) -> Option<&str> {
    match &expression.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}

/// Whether `expression` is the name `name`.
pub(super) fn is_name(expression: &IdedExpr, name: &str) -> bool {
    matches!(&expression.expr, Expr::Ident(found) if found == name)
}

/// Returns the name that `expression` begins with, and the whole text, if it is names with dots between them and nothing more.
pub(super) fn dotted(expression: &IdedExpr) -> Option<(&IdedExpr, String)> {
    match &expression.expr {
        Expr::Ident(name) => Some((expression, name.clone())),
        Expr::Select(select) if !select.test => {
            let (first, before) = dotted(&select.operand)?;
            Some((first, format!("{before}.{}", select.field)))
        }
        _ => None,
    }
}

/// Whether `found` is true for `expression` or anything in it.
pub(super) fn any(expression: &IdedExpr, found: &dyn Fn(&IdedExpr) -> bool) -> bool {
    found(expression) || children(expression).into_iter().any(|child| any(child, found))
}

fn children(expression: &IdedExpr) -> Vec<&IdedExpr> {
    match &expression.expr {
        Expr::Unspecified | Expr::Literal(_) | Expr::Ident(_) => Vec::new(),
        Expr::Select(select) => vec![&select.operand],
        Expr::List(list) => list.elements.iter().collect(),
        Expr::Map(map) => map.entries.iter().flat_map(|entry| of_entry(&entry.expr)).collect(),
        Expr::Struct(message) => message.entries.iter().flat_map(|entry| of_entry(&entry.expr)).collect(),
        Expr::Call(call) => call.target.as_deref().into_iter().chain(&call.args).collect(),
        Expr::Comprehension(comprehension) => vec![
            &comprehension.iter_range,
            &comprehension.accu_init,
            &comprehension.loop_cond,
            &comprehension.loop_step,
            &comprehension.result,
        ],
    }
}

/// Returns the expressions of an entry of a map or a message.
pub(super) fn of_entry(entry: &EntryExpr) -> Vec<&IdedExpr> {
    match entry {
        EntryExpr::StructField(field) => vec![&field.value],
        EntryExpr::MapEntry(entry) => vec![&entry.key, &entry.value],
    }
}
