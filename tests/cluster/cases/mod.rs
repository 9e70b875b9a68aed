//! The cases, a file for each.

mod drain;
mod failed_upgrade;
mod install;
mod kill;
mod memory;
mod side_by_side;
mod uninstall;
mod upgrade;
