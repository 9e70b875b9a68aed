//! What happens to a delivery that fails: [`schemas::schedule`] says when it is tried again, and when it is given up;
//! `dead_letters` writes what is given up; [`valve`] stops the worker rather than give up everything.

pub(crate) mod dead_letters;
pub mod valve;
