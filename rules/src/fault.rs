//! What is wrong with a condition when rules are loaded, and where in its text.

/// What is wrong with a condition, and at which character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// `None` for the whole condition.
    pub(super) at: Option<usize>,
    pub(super) reason: String,
}

/// What the walk over a condition has found.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// They refuse the rule.
    pub(super) errors: Vec<Fault>,
    /// They do not.
    pub(super) warnings: Vec<Fault>,
}

impl Findings {
    /// Sorts by position, and leaves out what was found twice.
    pub(super) fn in_order(mut self) -> Self {
        for faults in [&mut self.errors, &mut self.warnings] {
            faults.sort_by_key(|fault| fault.at);
            faults.dedup();
        }
        self
    }
}
