//! Who may connect to whom.

mod evaluate;
