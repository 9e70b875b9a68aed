//! What happens to a delivery that fails: [`schedule`] says when it is tried again, and when it is given up; `dead_letters`
//! writes what is given up; [`valve`] stops the worker rather than give up everything.
//!
//! What is durable elsewhere, today as a dead letter, is settled in one place: `partition/hand_off`.

pub(crate) mod dead_letters;
pub mod schedule;
pub mod valve;
