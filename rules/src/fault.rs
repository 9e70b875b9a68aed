//! What is wrong with a condition when rules are loaded, and where in its text.

/// What is wrong with a condition, and at which character.
#[derive(Debug)]
pub(super) struct Fault {
    /// `None` for the whole condition.
    pub(super) at: Option<usize>,
    pub(super) reason: String,
}
