//! Whatever becomes of endpoints, of the backlog and of the process: each delivery arrives or is a dead letter, keys keep their
//! order, and what is repeated is what had no answer. In paused time.

mod at_every_point;
mod at_random;
mod world;
