//! Conditions in other places than the rules: the `filter` of an endpoint, in the same language, with the same checks.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use cel::Env;
use schemas::endpoint;
use schemas::event::Event;

use super::condition::Condition;
use super::fault::Fault;
use super::file::STACK_BYTES;
use super::verdict::Verdict;
use super::view::Subject;

/// Makes filters. Equal texts are compiled once.
pub struct Filters {
    env: Arc<Env>,
    made: Mutex<HashMap<String, Compiled>>,
}

/// A filter with the warnings about it, or everything that is wrong: each the rest of a sentence that begins with the setting.
type Compiled = Result<(Arc<Filter>, Vec<String>), Vec<String>>;

/// A condition that passed all checks, ready for any event.
pub struct Filter {
    condition: Condition,
    env: Arc<Env>,
}

impl Filters {
    /// Returns the filter that a condition makes, or everything that is wrong with it: each the rest of a sentence that begins with
    /// the setting.
    pub fn compile(&self, text: &str) -> Result<Arc<dyn endpoint::Filter>, Vec<String>> {
        self.made(text).map(|(filter, _)| filter as _)
    }

    /// Returns what is doubtful in a condition, and yet no reason to refuse it; nothing, if it is wrong.
    pub fn warnings(&self, text: &str) -> Vec<String> {
        self.made(text).map(|(_, warnings)| warnings).unwrap_or_default()
    }

    fn made(&self, text: &str) -> Compiled {
        // What is in there is whole, whoever panicked.
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        match made.entry(text.to_owned()) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(new) => new.insert(compile_in_thread(text, &self.env)).clone(),
        }
    }
}

impl Default for Filters {
    fn default() -> Self {
        Self {
            env: Arc::new(Env::stdlib()),
            made: Mutex::default(),
        }
    }
}

impl fmt::Debug for Filters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filters").finish_non_exhaustive()
    }
}

impl endpoint::Filter for Filter {
    /// What lacks something that the condition uses does not match, as with rules.
    fn matches(&self, event: &Event) -> Result<bool, String> {
        match self.condition.evaluate(&Subject::new(&self.env, event)) {
            Verdict::Yes => Ok(true),
            Verdict::No | Verdict::Absent => Ok(false),
            Verdict::Failed(reason) => Err(reason),
        }
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filter")
            .field("condition", &self.condition)
            .finish_non_exhaustive()
    }
}

/// Compiles on a thread of its own, whose stack is large enough for any condition.
fn compile_in_thread(text: &str, env: &Arc<Env>) -> Compiled {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, || compile(text, env));
        match thread.map(std::thread::ScopedJoinHandle::join) {
            Ok(Ok(compiled)) => compiled,
            Ok(Err(_panic)) => Err(vec![
                "made its check panic; this is a bug of Forebay or of its CEL library".to_owned(),
            ]),
            Err(error) => Err(vec![format!(
                "cannot be checked, for no thread can be started: {error}"
            )]),
        }
    })
}

fn compile(text: &str, env: &Arc<Env>) -> Compiled {
    let all = |faults: Vec<Fault>| faults.into_iter().map(in_words).collect();
    let (condition, doubts) = Condition::compile(text, env).map_err(all)?;
    let filter = Filter {
        condition,
        env: Arc::clone(env),
    };
    Ok((Arc::new(filter), all(doubts)))
}

/// What is said of a rule and its `when`, said of a filter.
fn in_words(Fault { at, reason }: Fault) -> String {
    let reason = reason
        .replace("split the rule into several", "write it shorter")
        .replace("split the rule, or use", "use")
        .replace("the rule sends nothing anywhere", "the endpoint gets nothing");
    let at = at.map(|at| format!("at character {}", at + 1));
    match (reason.strip_prefix("`when` "), at) {
        (Some(reason), None) => reason.to_owned(),
        (None, None) => format!("does not do: {reason}"),
        (Some(reason), Some(at)) => format!("{at} {reason}"),
        (None, Some(at)) => format!("{at}: {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn faults(text: &str) -> Vec<String> {
        Filters::default().compile(text).map(drop).expect_err(text)
    }

    #[test]
    fn a_filter_is_a_condition_of_rules() {
        let filters = Filters::default();
        let filter = filters.compile("event.type == \"ticket.closed\"").expect("a filter");
        let matching: Vec<&str> = sample::events()
            .iter()
            .filter(|event| filter.matches(event) == Ok(true))
            .map(|event| event.event_type().as_str())
            .collect();
        assert_eq!(matching, ["ticket.closed"]);
        let lacking = filters.compile("event.data.raw.vip == true").expect("a filter");
        assert_eq!(
            lacking.matches(&sample::events()[0]),
            Ok(false),
            "what lacks it does not match"
        );
    }

    #[test]
    fn what_cannot_be_evaluated_is_neither_yes_nor_no() {
        let filter = Filters::default().compile("int(event.id) > 5").expect("a filter");
        let reason = filter.matches(&sample::events()[0]).expect_err("an id is no number");
        assert!(reason.contains("`int` failed"), "{reason}");
    }

    #[test]
    fn what_is_wrong_is_said_of_the_filter_with_its_place() {
        for (text, expected) in [
            ("", "is empty: write `\"true\"` for everything"),
            ("event.type", "gives text for an event of type"),
            ("event.typo == \"x\"", "at character "),
            ("event.type ==", "at character "),
        ] {
            let found = faults(text);
            assert!(found[0].starts_with(expected), "{text}: {found:?}");
            assert!(
                !found.join(" ").contains("`when`") && !found.join(" ").contains("rule"),
                "{found:?}"
            );
        }
        let long = format!("event.type == \"{}\"", "x".repeat(3000));
        assert!(faults(&long)[0].ends_with("write it shorter"), "{:?}", faults(&long));
    }

    #[test]
    fn what_is_doubtful_is_a_warning() {
        let filters = Filters::default();
        let found = filters.warnings("event.type == \"ticket.closd\"");
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(
            filters.warnings("event.type == \"ticket.closed\""),
            Vec::<String>::new()
        );
        assert_eq!(
            filters.warnings("event.type =="),
            Vec::<String>::new(),
            "an error says more"
        );
    }
}
