//! What a platform says is empty now: `ticket.cleared`.
//!
//! Only what is said counts: `null`, or the platform's own word for none. A member that a body leaves out is not known to be empty.

use schemas::data::Clearable;

/// Those of the members that are said to be empty.
pub(super) fn cleared<const N: usize>(members: [(Clearable, bool); N]) -> Vec<Clearable> {
    members
        .into_iter()
        .filter_map(|(member, is_empty)| is_empty.then_some(member))
        .collect()
}

/// Those of `shown`, but this member as its own change says.
pub(super) fn settled(mut shown: Vec<Clearable>, member: Clearable, is_empty: bool) -> Vec<Clearable> {
    shown.retain(|other| *other != member);
    shown.extend(is_empty.then_some(member));
    shown
}
