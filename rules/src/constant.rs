//! Conditions that are true, or false, whatever the event.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use cel::common::ast::{Expr, IdedExpr, operators};
use cel::common::types::CelBool;
use cel::{Context, Env, Value};

use super::ast;

/// Returns the value of `expression` if no event can change it.
pub(super) fn truth(expression: &IdedExpr, env: &Arc<Env>) -> Option<bool> {
    if let Expr::Call(call) = &expression.expr {
        let mut sides = call.args.iter().map(|side| truth(side, env));
        match call.func_name.as_str() {
            operators::LOGICAL_AND => return fold(false, sides),
            operators::LOGICAL_OR => return fold(true, sides),
            operators::LOGICAL_NOT => return sides.next().flatten().map(|truth| !truth),
            _ => {}
        }
    }
    if ast::any(expression, &|part| ast::is_name(part, "event")) {
        return None;
    }
    let context = Context::with_env(Arc::clone(env));
    // A panic of the library is reported when an event causes it.
    let value = catch_unwind(AssertUnwindSafe(|| {
        let value = Value::resolve_val(expression, &context).ok()?;
        value.downcast_ref::<CelBool>().map(|truth| *truth.inner())
    }));
    value.ok().flatten()
}

/// `&&` or `||`: one side that is `decisive` is enough.
fn fold(decisive: bool, sides: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut all = Some(!decisive);
    for side in sides {
        match side {
            Some(truth) if truth == decisive => return Some(decisive),
            Some(_) => {}
            None => all = None,
        }
    }
    all
}

/// Returns the warning about such a condition.
pub(super) fn warning(truth: bool) -> String {
    if truth {
        "`when` is true for every event: write `\"true\"` if that is meant".to_owned()
    } else {
        "`when` is false for every event: the rule sends nothing anywhere".to_owned()
    }
}
