//! Warnings about the rules of a file as a whole.

use settings::Document;

use super::{Problem, RuleText, start};

/// Returns a warning if there is no rule, and one for each rule that only repeats another.
pub(super) fn of_file(rules: &[RuleText], document: &Document, file: &str) -> Vec<Problem> {
    if rules.is_empty() {
        return vec![Problem {
            file: file.to_owned(),
            line: None,
            column: None,
            rule: None,
            reason: "there is no rule: nothing is delivered anywhere".to_owned(),
        }];
    }
    let content = |rule: &RuleText| {
        let mut to: Vec<String> = rule.to.iter().map(|to| to.trim().to_owned()).collect();
        to.sort_unstable();
        to.dedup();
        (rule.when.trim().to_owned(), to)
    };
    let repeats = rules.iter().enumerate().filter_map(|(number, rule)| {
        let first = rules
            .iter()
            .take(number)
            .find(|other| content(other) == content(rule))?;
        let reason = format!("it has the `when` and the `to` of rule `{}`: remove one", first.name);
        Some(Problem::of_rule(
            file,
            &rule.name,
            start(document, number, "name"),
            reason,
        ))
    });
    repeats.collect()
}
