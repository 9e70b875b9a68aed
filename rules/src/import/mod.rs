//! Rules of other systems, turned into ours: Web1on1's workflows and Chatwoot's automation rules.
//!
//! **What comes out never matches an event that the original would not have matched.** A condition that cannot be
//! expressed in CEL over our event is read as "never true": in an OR the other branches remain; an AND with it could
//! never match, so the rule is written as a comment, with what remains of it, for a person to decide. What was left out
//! is reported, with the reason.
//!
//! The path of one rule: JSON → a `Draft` by its dialect (`web1on1`, `chatwoot`) with a `Tree` of tests, each compiled
//! by the rule loader's own compiler → the lower bound of the tree (`tree`) → CEL, in several rules where one would be
//! too long → YAML (`text`).
//!
//! Members that are missing or null behave as in the original: an error in CEL, as NULL in SQL and as an undefined
//! fact, is not a match, and neither is its negation. Two differences are known and too small to refuse anything for:
//! letters are folded by Unicode where PostgreSQL uses its locale (`ſ` is an `s` here), and a character outside of the
//! Basic Multilingual Plane is one character to `.`, where JavaScript counts two.

mod chatwoot;
mod dialect;
mod draft;
mod pattern;
mod text;
mod tree;
mod web1on1;

use std::collections::HashSet;
use std::sync::Arc;

use cel::Env;
use serde_json::Value;

use super::condition::Condition;
pub use dialect::Dialect;
use draft::Draft;
use tree::Tree;

/// What was made of another system's rules, and what of them is lost.
#[derive(Debug, Clone)]
pub struct Imported {
    /// A rules file that [`Rules::parse`](super::Rules::parse) accepts, where the sinks that it names are configured.
    pub yaml: String,
    /// A report for people, line by line: each rule, what of it is not carried over, and how the rest was read.
    pub remarks: Vec<String>,
    /// How many rules there were.
    pub rules: usize,
    /// How many of them were carried over without loss.
    pub whole: usize,
}

impl Imported {
    /// Whether nothing was lost.
    pub fn complete(&self) -> bool {
        self.rules == self.whole
    }
}

/// Reads `files`, each a name for messages and its text: a single rule, a list of rules, or the answer of the
/// platform's API. Rules whose actions name no destination go `to` these sinks (at least one).
///
/// Fails with the name of a file that is not JSON, or is in the other dialect.
pub fn import(dialect: Dialect, files: &[(String, String)], to: &[String]) -> Result<Imported, String> {
    let values: Vec<(&str, Value)> = files
        .iter()
        .map(|(file, text)| {
            let value = serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| {
                if text.trim().is_empty() {
                    format!("{file} is empty: it must hold the JSON of a rule, of a list of rules, or the API's answer")
                } else {
                    format!("{file} is not JSON that can be read: {error}")
                }
            })?;
            match dialect.mistaken(&value) {
                Some(other) => Err(format!("{file} looks like {other}: use --from {}", other.as_str())),
                None => Ok((file.as_str(), value)),
            }
        })
        .collect::<Result<_, String>>()?;
    // On a large stack, as in the loader, for the same reason.
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .stack_size(super::file::STACK_BYTES)
            .spawn_scoped(scope, || all(dialect, &values, to))
            .map_err(|error| format!("cannot start a thread to check the rules: {error}"))?;
        thread
            .join()
            .map_err(|_panic| "the import panicked; this is a bug of Forebay or of its CEL library".to_owned())
    })
}

fn all(dialect: Dialect, values: &[(&str, Value)], to: &[String]) -> Imported {
    let env = Arc::new(Env::stdlib());
    let mut out = Writer {
        to,
        env: &env,
        names: HashSet::new(),
        rules: String::new(),
        active: false,
        remarks: Vec::new(),
    };
    let (mut rules, mut whole) = (0, 0);
    for (file, value) in values {
        let drafts = match dialect {
            Dialect::Web1on1 => web1on1::drafts(value, &env),
            Dialect::Chatwoot => chatwoot::drafts(value, &env),
        };
        if drafts.is_empty() {
            out.remarks.push(format!("{file}: there is no rule in it"));
        }
        for draft in drafts {
            rules += 1;
            whole += usize::from(out.rule(draft));
        }
    }
    let empty = if out.active { "" } else { " []" };
    Imported {
        yaml: format!(
            "# Made by `forebay rules import`. Review it before you use it: what could not be carried over is in \
             comments.\nrules:{empty}\n{}",
            out.rules
        ),
        remarks: out.remarks,
        rules,
        whole,
    }
}

struct Writer<'w> {
    to: &'w [String],
    env: &'w Arc<Env>,
    names: HashSet<String>,
    rules: String,
    /// Whether a rule was written that is not a comment.
    active: bool,
    remarks: Vec<String>,
}

impl Writer<'_> {
    /// Writes the rule, or what remains of it as a comment. Returns whether all of it was carried over.
    fn rule(&mut self, mut draft: Draft) -> bool {
        let lower = draft.body.lower();
        let conditions = if lower == Tree::never() {
            if draft.losses.is_empty() {
                draft.losses.push("the rule can never match".to_owned());
            }
            None
        } else {
            match self.conditions(&draft.guards, &lower) {
                Ok(conditions) => Some(conditions),
                Err(reason) => {
                    draft.losses.push(reason);
                    None
                }
            }
        };
        let to = if draft.webhook {
            "http".to_owned()
        } else {
            self.to.join(", ")
        };
        let name = text::name(&draft.name);
        let comment = conditions.is_none() || draft.off;
        let mut remark = draft.title.clone();
        let mut write = |line: &str| self.rules.extend(["  ", line, "\n"]);
        write(&format!("# {}", draft.title));
        if let Some(description) = &draft.description {
            write(&format!("# {description}"));
        }
        for loss in &draft.losses {
            write(&format!("# Not carried over: {loss}"));
        }
        if draft.off {
            write("# The original is switched off, so this is a comment.");
            remark.push_str(": switched off, written as a comment");
        }
        if conditions.is_none() {
            write("# Without that it would match more than the original, so it is a comment. The rest of it:");
            remark.push_str(": written as a comment, because of what is not carried over");
        } else if !draft.off {
            let how = if draft.losses.is_empty() { "" } else { " in part" };
            remark.extend([": carried over", how]);
        }
        let rest = || match draft.guards.as_slice() {
            // Not even its subject is known.
            [] => Vec::new(),
            guards => vec![text::condition(guards, &draft.body.upper())],
        };
        let mark = if comment { "# " } else { "" };
        for when in conditions.unwrap_or_else(rest) {
            let name = text::unique(&name, &mut self.names);
            let mut write = |line: &str| self.rules.extend(["  ", mark, line, "\n"]);
            write(&format!("- name: {name}"));
            write("  when: |-");
            when.lines().for_each(|line| write(&format!("    {line}")));
            write(&format!("  to: [{to}]"));
            if !comment {
                remark.extend([" as `", &name, "`"]);
                self.active = true;
            }
        }
        self.remarks.push(remark);
        let losses = draft.losses.iter().map(|loss| format!("  not carried over: {loss}"));
        self.remarks.extend(losses);
        self.remarks.extend(draft.notes.iter().map(|note| format!("  {note}")));
        draft.losses.is_empty()
    }

    /// Returns the conditions of the rules that together match what `guards` and `body` match.
    fn conditions(&self, guards: &[String], body: &Tree) -> Result<Vec<String>, String> {
        let when = text::condition(guards, body);
        match (Condition::compile(&when, self.env), body) {
            (Ok(_), _) => Ok(vec![when]),
            (Err(_), Tree::Any(branches)) if branches.len() > 1 => {
                let (front, back) = branches.split_at(branches.len() / 2);
                let mut conditions = self.conditions(guards, &Tree::any(front.to_vec()))?;
                conditions.extend(self.conditions(guards, &Tree::any(back.to_vec()))?);
                Ok(conditions)
            }
            (Err(faults), _) => Err(faults.into_iter().next().map(|fault| fault.reason).unwrap_or_default()),
        }
    }
}
