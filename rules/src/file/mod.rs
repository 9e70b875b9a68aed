//! The rules file as text: YAML with positions, and every check that needs them.

use std::collections::HashSet;
use std::sync::Arc;

use cel::Env;
use schemas::name::{RuleName, SinkName};
use schemas::sink::Destinations;
use serde::Deserialize;
use serde_saphyr::{Location, Spanned};

use super::condition::Condition;
use super::fault::Fault;
use super::{Destination, Problem, Rule};

mod doubtful;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    rules: Vec<RuleText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleText {
    name: Spanned<String>,
    when: Spanned<String>,
    to: Vec<Spanned<String>>,
}

/// Parsing, walking and dropping an expression take stack in proportion to its nesting; a thread with a large stack
/// makes that independent of the caller's.
pub(super) const STACK_BYTES: usize = 32 << 20;

/// Rules that can be used, and the warnings about them.
pub(super) struct Checked {
    pub(super) rules: Vec<Rule>,
    pub(super) warnings: Vec<Problem>,
}

pub(super) fn parse(
    text: &str,
    file: &str,
    destinations: &(dyn Destinations + Sync),
    env: &Arc<Env>,
) -> Result<Checked, Vec<Problem>> {
    let whole_file = |reason: String| Problem {
        file: file.to_owned(),
        line: None,
        column: None,
        rule: None,
        reason,
    };
    let parsed: File = serde_saphyr::from_str(text).map_err(|error| {
        let place = error.location().filter(|place| *place != Location::UNKNOWN);
        vec![Problem {
            line: place.map(|place| place.line()),
            column: place.map(|place| place.column()),
            ..whole_file(yaml_reason(&error))
        }]
    })?;
    std::thread::scope(|scope| {
        let check = || check(&parsed, text, file, destinations, env);
        let thread = std::thread::Builder::new()
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, check);
        match thread.map(std::thread::ScopedJoinHandle::join) {
            Ok(Ok(result)) => result,
            Ok(Err(_panic)) => Err(vec![whole_file(
                "the check of the rules panicked; this is a bug of Forebay or of its CEL library".to_owned(),
            )]),
            Err(error) => Err(vec![whole_file(format!(
                "cannot start a thread to check the rules: {error}"
            ))]),
        }
    })
}

/// Returns the first line of the parser's message, without the position that it repeats.
fn yaml_reason(error: &serde_saphyr::Error) -> String {
    let message = error.without_snippet().to_string();
    let first = message.lines().next().unwrap_or_default();
    let reason = match first.split_once(": ") {
        Some((place, rest)) if place.starts_with("error: line ") || place.starts_with("line ") => rest,
        _ => first,
    };
    reason
        .rsplit_once(" at line ")
        .map_or(reason, |(reason, _)| reason)
        .to_owned()
}

fn check(
    parsed: &File,
    text: &str,
    file: &str,
    destinations: &(dyn Destinations + Sync),
    env: &Arc<Env>,
) -> Result<Checked, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut warnings = doubtful::of_file(&parsed.rules, file);
    let mut rules = Vec::new();
    let mut names = HashSet::new();
    for rule in &parsed.rules {
        let before = problems.len();
        let of_rule = |place: (u64, u64), reason: String| Problem::of_rule(file, &rule.name.value, place, reason);
        let mut problem = |place: (u64, u64), reason: String| problems.push(of_rule(place, reason));
        let name = RuleName::new(rule.name.value.clone());
        if let Err(error) = &name {
            problem(start(&rule.name), error.to_string());
        }
        if !names.insert(&rule.name.value) {
            problem(
                start(&rule.name),
                "there is another rule of this name above: rename one".to_owned(),
            );
        }
        let condition = match Condition::compile(&rule.when.value, env) {
            Ok((condition, doubts)) => {
                let doubts = doubts.into_iter();
                warnings.extend(doubts.map(|Fault { at, reason }| of_rule(place(text, &rule.when, at), reason)));
                Some(condition)
            }
            Err(faults) => {
                for Fault { at, reason } in faults {
                    problem(place(text, &rule.when, at), reason);
                }
                None
            }
        };
        if rule.to.is_empty() {
            problem(
                start(&rule.name),
                "`to` is empty: name at least one sink, or remove the rule".to_owned(),
            );
        }
        let mut to = Vec::with_capacity(rule.to.len());
        for written in &rule.to {
            match destination(&written.value, destinations) {
                Ok(destination) => to.push(destination),
                Err(reason) => problem(start(written), reason),
            }
        }
        if let (Ok(name), Some(condition), true) = (name, condition, problems.len() == before) {
            rules.push(Rule { name, to, condition });
        }
    }
    if problems.is_empty() {
        Ok(Checked { rules, warnings })
    } else {
        Err(problems)
    }
}

fn destination(written: &str, destinations: &(dyn Destinations + Sync)) -> Result<Destination, String> {
    let (name, argument) = match written.split_once(':') {
        Some((name, argument)) => (name.trim(), Some(argument.trim())),
        None => (written, None),
    };
    let sinks = destinations.sinks();
    let Some(sink) = sinks.iter().find(|sink| sink.as_str() == name) else {
        let mut known: Vec<&str> = sinks.iter().map(SinkName::as_str).collect();
        known.sort_unstable();
        return Err(if known.is_empty() {
            format!("there is no sink `{name}`; no sink is configured")
        } else {
            format!("there is no sink `{name}`; the sinks are {}", known.join(", "))
        });
    };
    destinations
        .check(sink, argument)
        .map_err(|reason| format!("sink `{written}`: {reason}"))?;
    Ok(Destination {
        sink: sink.clone(),
        argument: argument.map(str::to_owned),
    })
}

fn start<T>(spanned: &Spanned<T>) -> (u64, u64) {
    (spanned.referenced.line(), spanned.referenced.column())
}

/// Returns the position in the file of the character `at` of an expression; the start of the expression where YAML's
/// folding and escapes make that unclear.
fn place(text: &str, expression: &Spanned<String>, at: Option<usize>) -> (u64, u64) {
    let (line, column) = start(expression);
    at.and_then(|at| find(text, &expression.value, at, line, column))
        .unwrap_or((line, column))
}

fn find(text: &str, expression: &str, at: usize, line: u64, column: u64) -> Option<(u64, u64)> {
    let lines: Vec<&str> = text.lines().collect();
    let first = usize::try_from(line).ok()?.checked_sub(1)?;
    let offset = usize::try_from(column).ok()?.checked_sub(1)?;
    // Which line of the expression, and which character of that line.
    let before: String = expression.chars().take(at).collect();
    let row = before.matches('\n').count();
    let in_row = before.chars().rev().take_while(|c| *c != '\n').count();

    let written: String = lines.get(first)?.chars().skip(offset).collect();
    if let Some(quoted) = written.strip_prefix(['"', '\''])
        && row == 0
    {
        let quote = written.chars().next()?;
        let mut walked = 0;
        let mut characters = quoted.chars().peekable();
        for _ in 0..in_row {
            let c = characters.next()?;
            walked += 1;
            let escapes = if quote == '"' {
                c == '\\'
            } else {
                c == '\'' && characters.peek() == Some(&'\'')
            };
            if escapes {
                characters.next()?;
                walked += 1;
            }
        }
        return Some((line, column + 1 + walked));
    }
    // A plain scalar, or a block: the expression's lines are in the file unchanged, except for the indent.
    let mut from = first;
    for (number, part) in expression.lines().enumerate().take(row + 1) {
        let skip = if from == first { offset } else { 0 };
        let (index, indent) = lines
            .iter()
            .enumerate()
            .skip(from)
            .take(64)
            .find_map(|(index, candidate)| {
                let skip = if index == first { skip } else { 0 };
                let rest: String = candidate.chars().skip(skip).collect();
                rest.find(part.trim_end())
                    .map(|byte| (index, skip + rest[..byte].chars().count()))
            })?;
        if number == row {
            return Some((index as u64 + 1, (indent + in_row) as u64 + 1));
        }
        from = index + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_an_expression_is_a_place_in_the_file() {
        let at = |yaml: &str, needle: &str, expected: (u64, u64)| {
            let parsed: File = serde_saphyr::from_str(yaml).expect("valid YAML");
            let when = &parsed.rules[0].when;
            let byte = when.value.find(needle).expect("the expression contains the needle");
            let at = when.value[..byte].chars().count();
            assert_eq!(place(yaml, when, Some(at)), expected, "{yaml}");
        };
        let rule = |when: &str| format!("rules:\n  - name: r\n    to: [s]\n    when: {when}\n");
        at(&rule("a == NEEDLE"), "NEEDLE", (4, 16));
        at(&rule("'a == ''é'' && NEEDLE'"), "NEEDLE", (4, 26));
        at(&rule(r#""a == \"é\" && NEEDLE""#), "NEEDLE", (4, 26));
        at(&rule("|\n      a == 1 &&\n      a == 1 && NEEDLE"), "NEEDLE", (6, 17));
        // Folded text has no lines of its own: the position is the start of the scalar.
        let folded = rule(">\n      a == 1 &&\n      NEEDLE");
        let parsed: File = serde_saphyr::from_str(&folded).expect("valid YAML");
        let place = place(&folded, &parsed.rules[0].when, Some(11));
        assert_eq!(place, (5, 7));
    }
}
