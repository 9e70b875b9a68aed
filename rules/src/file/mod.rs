//! The rules file as text: YAML with positions, and every check that needs them.

use std::collections::HashSet;
use std::sync::Arc;

use cel::Env;
use schemas::name::{RuleName, SinkName};
use schemas::sink::Destinations;
use serde::Deserialize;
use settings::{Document, Fault as Mistake, Kind, NoReferences, Place};

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
    name: String,
    when: String,
    to: Vec<String>,
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
    let settings::Read {
        value,
        faults,
        document,
    } = settings::read_with_stand_ins::<File>(text.as_bytes(), &NoReferences);
    let mistakes: Vec<Problem> = faults
        .into_iter()
        .map(|mistake| Problem {
            line: mistake.place.map(|place| place.line),
            column: mistake.place.map(|place| place.column),
            ..whole_file(in_words(&mistake))
        })
        .collect();
    let Some(parsed) = value else {
        return Err(mistakes);
    };
    let checked = check_in_thread(&parsed, &document, text, file, destinations, env, &whole_file);
    if mistakes.is_empty() {
        return checked;
    }
    let mut problems = mistakes;
    // What follows from a mistake of form is not said again.
    problems.extend(checked.err().into_iter().flatten());
    problems.sort_by_key(|problem| (problem.line, problem.column));
    Err(problems)
}

/// What is wrong with the form, and how a file of rules begins.
fn in_words(mistake: &Mistake) -> String {
    let begins = mistake.kind != Kind::Syntax && mistake.path.is_empty();
    if begins && mistake.kind != Kind::Key {
        return "begin with `rules:`, and below it a list: `- name: …`, `when: …` and `to: […]` for each rule"
            .to_owned();
    }
    mistake.to_string()
}

/// Checks on a thread of its own, whose stack is large enough for any expression.
fn check_in_thread(
    parsed: &File,
    document: &Document,
    text: &str,
    file: &str,
    destinations: &(dyn Destinations + Sync),
    env: &Arc<Env>,
    whole_file: &dyn Fn(String) -> Problem,
) -> Result<Checked, Vec<Problem>> {
    std::thread::scope(|scope| {
        let check = || check(parsed, document, text, file, destinations, env);
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

fn check(
    parsed: &File,
    document: &Document,
    text: &str,
    file: &str,
    destinations: &(dyn Destinations + Sync),
    env: &Arc<Env>,
) -> Result<Checked, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut warnings = doubtful::of_file(&parsed.rules, document, file);
    let mut rules = Vec::new();
    let mut names = HashSet::new();
    for (index, rule) in parsed.rules.iter().enumerate() {
        let before = problems.len();
        let start = |key: &str| start(document, index, key);
        // Something else stands in for what is missing or wrong, which is reported.
        let is_read = |key: &str| {
            let path = format!("rules[{index}].{key}");
            !document.taken_out().iter().any(|taken| taken.starts_with(&path))
        };
        let named = is_read("name");
        let of_rule = |place: (u64, u64), reason: String| Problem {
            rule: named.then(|| rule.name.clone()),
            ..Problem::of_rule(file, &rule.name, place, reason)
        };
        let mut problem = |place: (u64, u64), reason: String| problems.push(of_rule(place, reason));
        let name = RuleName::new(rule.name.clone());
        if let Err(error) = &name {
            problem(start("name"), error.to_string());
        }
        if !names.insert(&rule.name) {
            problem(
                start("name"),
                "there is another rule of this name above: rename one".to_owned(),
            );
        }
        let compiled = is_read("when").then(|| Condition::compile(&rule.when, env));
        let condition = match compiled {
            None => None,
            Some(Ok((condition, doubts))) => {
                let at = |at| place(text, &rule.when, start("when"), at);
                let doubts = doubts.into_iter();
                warnings.extend(doubts.map(|doubt| of_rule(at(doubt.at), doubt.reason)));
                Some(condition)
            }
            Some(Err(faults)) => {
                for Fault { at, reason } in faults {
                    problem(place(text, &rule.when, start("when"), at), reason);
                }
                None
            }
        };
        if rule.to.is_empty() && is_read("to") {
            problem(
                start("name"),
                "`to` is empty: name at least one sink, or remove the rule".to_owned(),
            );
        }
        let mut to = Vec::with_capacity(rule.to.len());
        for (number, written) in rule.to.iter().enumerate() {
            match destination(written, destinations) {
                Ok(destination) => to.push(destination),
                Err(reason) => problem(start(&format!("to[{number}]")), reason),
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
            let way_out = if written.contains([',', ' ']) && argument.is_none() {
                "; several are a list, with commas between them and inside `[ ]`"
            } else if ["http", "postgres", "sqlite", "topic"].contains(&name) {
                "; another one must be named under `sinks` in the configuration"
            } else {
                ""
            };
            format!("there is no sink `{name}`; the sinks are {}{way_out}", known.join(", "))
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

/// Returns where a key of a rule is written.
fn start(document: &Document, rule: usize, key: &str) -> (u64, u64) {
    let place = document.place(&format!("rules[{rule}].{key}"));
    place.map_or((1, 1), |Place { line, column }| (line, column))
}

/// Returns the position in the file of the character `at` of an expression that begins at `start`; its start where YAML's folding and
/// escapes make that unclear.
fn place(text: &str, expression: &str, start: (u64, u64), at: Option<usize>) -> (u64, u64) {
    let (line, column) = start;
    at.and_then(|at| find(text, expression, at, line, column))
        .unwrap_or(start)
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
        let read = |yaml: &str| {
            let read = settings::read::<File>(yaml.as_bytes(), &NoReferences);
            let start = read.document.place("rules[0].when").expect("a place");
            let mut rules = read.value.expect("valid").rules;
            (rules.remove(0).when, (start.line, start.column))
        };
        let at = |yaml: &str, needle: &str, expected: (u64, u64)| {
            let (when, start) = read(yaml);
            let byte = when.find(needle).expect("the expression contains the needle");
            let at = when[..byte].chars().count();
            assert_eq!(place(yaml, &when, start, Some(at)), expected, "{yaml}");
        };
        let rule = |when: &str| format!("rules:\n  - name: é\n    to: [s]\n    when: {when}\n");
        at(&rule("a == NEEDLE"), "NEEDLE", (4, 16));
        at(&rule("'a == ''é'' && NEEDLE'"), "NEEDLE", (4, 26));
        at(&rule(r#""a == \"é\" && NEEDLE""#), "NEEDLE", (4, 26));
        at(&rule("|\n      a == 1 &&\n      a == 1 && NEEDLE"), "NEEDLE", (6, 17));
        // Folded text has no lines of its own: the position is the start of the scalar.
        let folded = rule(">\n      a == 1 &&\n      NEEDLE");
        let (when, start) = read(&folded);
        assert_eq!(place(&folded, &when, start, Some(11)), (5, 7));
    }
}
