//! Changes sorted by their kind, so that each kind is one statement, without changing what they come to.

use std::collections::HashMap;

use schemas::backlog::{Change, Waiting};
use schemas::record::Offset;
use schemas::time::Timestamp;

/// Changes that come to the same when they are made by kind: first what is added, then what was tried, then what is removed.
/// Each place has at most one of each kind.
#[derive(Debug, Default)]
pub(super) struct Run<'a> {
    pub(super) added: Vec<&'a Waiting>,
    pub(super) tried: Vec<Tried<'a>>,
    pub(super) removed: Vec<(&'a str, Offset)>,
}

/// An attempt that failed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tried<'a> {
    pub(super) target: &'a str,
    pub(super) offset: Offset,
    pub(super) attempts: u32,
    pub(super) due: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Added,
    Tried { at: usize },
    Removed,
}

/// Cuts the changes into as few runs as their order allows: nearly always one.
pub(super) fn runs(changes: &[Change]) -> Vec<Run<'_>> {
    let mut runs = vec![];
    let mut run = Run::default();
    // What the run has for each place, the last one made.
    let mut last: HashMap<(&str, Offset), Kind> = HashMap::new();
    for change in changes {
        let place = place(change);
        let earlier = last.get(&place).copied();
        let goes_back = match change {
            Change::Add(_) => matches!(earlier, Some(Kind::Tried { .. } | Kind::Removed)),
            Change::Tried { .. } => matches!(earlier, Some(Kind::Removed)),
            Change::Remove { .. } => false,
        };
        if goes_back {
            runs.push(std::mem::take(&mut run));
            last.clear();
        }
        let earlier = earlier.filter(|_| !goes_back);
        let kind = match change {
            Change::Add(waiting) => {
                // The first one stays as it is.
                if earlier.is_none() {
                    run.added.push(waiting);
                }
                Kind::Added
            }
            Change::Tried {
                target,
                offset,
                attempts,
                due,
            } => {
                let tried = Tried {
                    target,
                    offset: *offset,
                    attempts: *attempts,
                    due: *due,
                };
                if let Some(Kind::Tried { at }) = earlier {
                    run.tried[at] = tried;
                    Kind::Tried { at }
                } else {
                    run.tried.push(tried);
                    Kind::Tried {
                        at: run.tried.len() - 1,
                    }
                }
            }
            Change::Remove { target, offset } => {
                if earlier != Some(Kind::Removed) {
                    run.removed.push((target, *offset));
                }
                Kind::Removed
            }
        };
        last.insert(place, kind);
    }
    runs.push(run);
    runs
}

fn place(change: &Change) -> (&str, Offset) {
    match change {
        Change::Add(waiting) => (&waiting.target, waiting.record.offset),
        Change::Tried { target, offset, .. } | Change::Remove { target, offset } => (target, *offset),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(offset: i64, attempts: u32) -> Change {
        Change::Tried {
            target: "a".to_owned(),
            offset: Offset(offset),
            attempts,
            due: Timestamp::MIN,
        }
    }

    fn remove(offset: i64) -> Change {
        Change::Remove {
            target: "a".to_owned(),
            offset: Offset(offset),
        }
    }

    #[test]
    fn changes_in_their_usual_order_are_one_run_and_the_last_attempt_counts() {
        let changes = [tried(1, 1), remove(2), tried(3, 1), tried(1, 2), remove(1), remove(1)];
        let runs = runs(&changes);
        let [run] = &runs[..] else {
            panic!("one run, not {runs:?}");
        };
        assert_eq!(
            run.tried.iter().map(|t| (t.offset.0, t.attempts)).collect::<Vec<_>>(),
            [(1, 2), (3, 1)]
        );
        assert_eq!(run.removed, [("a", Offset(2)), ("a", Offset(1))]);
    }

    #[test]
    fn what_follows_its_own_removal_is_a_run_of_its_own() {
        let changes = [remove(1), tried(1, 1), remove(1)];
        let runs = runs(&changes);
        assert_eq!(runs.len(), 2);
        assert_eq!((runs[0].removed.len(), runs[0].tried.len()), (1, 0));
        assert_eq!((runs[1].removed.len(), runs[1].tried.len()), (1, 1));
    }
}
