//! What every table of state has: a name, a key, and registers. From this its rows are merged in memory, and the statements
//! of both databases are made.

use super::register::{Cell, Column};

/// A table of state.
pub(crate) trait Table: Default {
    /// Its name.
    const NAME: &'static str;

    /// The columns of its key after `tenant` and `source`; all of them are text, except `version` and `epoch`.
    const KEY: &'static [&'static str];

    /// On PostgreSQL, whether the primary key is one `uuid` made of the key, in the column `key`: smaller and quicker than text where
    /// a table has tens of millions of rows. SQLite takes the texts.
    const HASHED: bool;

    /// The columns after those of the key, in their order.
    fn columns() -> Vec<Column>;

    /// Takes what another row of the same key says.
    #[allow(dead_code, reason = "the tests join in memory what the databases join")]
    fn merge(&mut self, other: Self);

    /// The values of the columns, in their order.
    fn cells<'a>(&'a self, cells: &mut Vec<Option<Cell<'a>>>);
}

/// Defines a table: `Name = "name", key(…), hashed { register: Type, … }`.
macro_rules! table {
    ($(#[doc = $doc:literal])* $name:ident = $table:literal, key($($key:literal),*), $hashed:literal {
        $($(#[doc = $of:literal])* $register:ident: $type:ty,)*
    }) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub(crate) struct $name {
            $($(#[doc = $of])* pub(crate) $register: $type,)*
        }

        impl $crate::state::table::Table for $name {
            const NAME: &'static str = $table;
            const KEY: &'static [&'static str] = &[$($key),*];
            const HASHED: bool = $hashed;

            fn columns() -> Vec<$crate::state::register::Column> {
                let mut columns = Vec::new();
                $(<$type as $crate::state::register::Register>::columns(
                    stringify!($register).trim_start_matches("r#"),
                    &mut columns,
                );)*
                columns
            }

            fn merge(&mut self, other: Self) {
                $($crate::state::register::Register::merge(&mut self.$register, other.$register);)*
            }

            fn cells<'a>(&'a self, cells: &mut Vec<Option<$crate::state::register::Cell<'a>>>) {
                $($crate::state::register::Register::cells(&self.$register, cells);)*
            }
        }

        #[cfg(test)]
        impl $crate::state::databases::random::Random for $name {
            fn random(dice: &mut $crate::state::databases::random::Dice) -> Self {
                Self { $($register: $crate::state::databases::random::Random::random(dice),)* }
            }
        }
    };
}

pub(crate) use table;
