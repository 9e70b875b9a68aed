//! Which functions there are, and regular expressions.

use std::sync::Arc;

use cel::common::ast::{Expr, IdedExpr, LiteralValue};
use cel::{Context, Env, ExecutionError};

/// Returns what is wrong with a call: that there is no such function, or that its regular expression is not one.
pub(super) fn fault(env: &Arc<Env>, name: &str, arguments: &[IdedExpr], optional: bool) -> Option<String> {
    if !is_known(env, name, optional) {
        let way_out = match name {
            "not" => ": write `!` for `not`",
            "and" => ": write `&&` for `and`",
            "or" if !optional => ": write `||` for `or`",
            _ => meant(name),
        };
        let count = count(arguments.len());
        return Some(format!("there is no function `{name}` with {count} in CEL{way_out}"));
    }
    match name {
        "matches" => pattern(env, arguments.last()),
        "timestamp" => made_of_text(
            env,
            name,
            arguments.last(),
            "time: write date, time and zone, as in `timestamp(\"2026-03-10T13:36:50Z\")`",
        ),
        "duration" => made_of_text(
            env,
            name,
            arguments.last(),
            "duration: write numbers with units, as in `duration(\"1h30m\")`",
        ),
        _ => None,
    }
}

/// What a function of another language is called in CEL.
fn meant(name: &str) -> &'static str {
    match name.to_ascii_lowercase().as_str() {
        "startwith" | "startswith" | "starts_with" | "beginswith" | "hasprefix" => ": did you mean `startsWith`?",
        "endwith" | "endswith" | "ends_with" | "hassuffix" => ": did you mean `endsWith`?",
        "contain" | "contains" | "include" | "includes" => ": did you mean `contains`?",
        "match" | "matches" | "regex" | "test" => ": did you mean `matches`?",
        "len" | "length" | "size" | "count" => ": did you mean `size`?",
        "lower" | "tolower" | "tolowercase" | "lowerascii" | "upper" | "toupper" | "touppercase" | "upperascii" => {
            ": for upper and lower case write `.matches(\"(?i)\u{2026}\")`"
        }
        "now" | "today" => ": a condition sees the event and no clock; `event.time` is when it happened",
        "exists" | "isset" | "defined" => ": `has(\u{2026})` asks whether a member is there",
        _ => "",
    }
}

/// Asks the library itself, by calling the function with wrong arguments: a known one reports its arguments.
fn is_known(env: &Arc<Env>, name: &str, optional: bool) -> bool {
    let is_operator = |c: char| !c.is_ascii_alphanumeric();
    if name.starts_with(is_operator) {
        return true;
    }
    let known = |call: &str| {
        let Ok(program) = env.compile(call) else {
            return false;
        };
        let result = program.execute(&Context::with_env(Arc::clone(env)));
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
fn pattern(env: &Arc<Env>, pattern: Option<&IdedExpr>) -> Option<String> {
    let Some(Expr::Literal(LiteralValue::String(pattern))) = pattern.map(|p| &p.expr) else {
        return Some("`matches` takes a regular expression in quotes, and nothing computed".to_owned());
    };
    let mut context = Context::with_env(Arc::clone(env));
    context.add_variable_from_value("pattern", pattern.inner().to_owned());
    let result = env.compile("''.matches(pattern)").map(|p| p.execute(&context));
    let Ok(Err(error)) = result else {
        return None;
    };
    let reason = error.to_string();
    let reason = reason.lines().last().unwrap_or_default().trim();
    let reason = reason.trim_start_matches("error: ");
    Some(format!("`{}` is not a regular expression: {reason}", pattern.inner()))
}

/// Checks the text that a time or a duration is made of: one that cannot be read fails for every event.
fn made_of_text(env: &Arc<Env>, name: &str, text: Option<&IdedExpr>, wanted: &str) -> Option<String> {
    let Some(Expr::Literal(LiteralValue::String(text))) = text.map(|text| &text.expr) else {
        return None;
    };
    let mut context = Context::with_env(Arc::clone(env));
    context.add_variable_from_value("text", text.inner().to_owned());
    let result = env.compile(&format!("{name}(text)")).map(|p| p.execute(&context));
    matches!(result, Ok(Err(_))).then(|| format!("`{}` is no {wanted}", text.inner()))
}

fn count(count: usize) -> String {
    match count {
        0 => "no argument".to_owned(),
        1 => "1 argument".to_owned(),
        n => format!("{n} arguments"),
    }
}
