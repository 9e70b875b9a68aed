//! The statements of the tables of state, made once from their descriptions.
//!
//! A merge in a statement is the merge of the [registers](super::register), so that what two batches say is joined in the database
//! as one batch is joined in memory. A row that says nothing new is left as it is: repeats and replays rewrite nothing.

use std::fmt::Write as _;
use std::sync::LazyLock;

use super::kept::StateTable;
use super::register::{Column, Merge, Type};
use super::table::Table;
use super::tables::{Connection, Contact, Conversation, Group, GroupMember, Message, Ticket, TicketChange};

/// A table, and how its rows are written.
#[derive(Debug)]
pub(crate) struct Description {
    /// Which one it is.
    pub(crate) table: StateTable,
    /// Whether PostgreSQL has its key as one number, in the column `key` before all others.
    pub(crate) hashed: bool,
    /// The columns of its key as words, then the others; cells come in this order.
    pub(crate) columns: Vec<Column>,
    /// How many of the columns are of the key.
    pub(crate) keys: usize,
    /// Writes rows that come as an array for each column (`key` first where it is hashed), sorted by the caller.
    pub(crate) postgres: String,
    /// Writes one row.
    pub(crate) sqlite: String,
}

/// All tables, in the order in which every writer takes its locks.
pub(crate) static TABLES: LazyLock<[Description; 8]> = LazyLock::new(|| StateTable::ALL.map(describe));

fn describe(table: StateTable) -> Description {
    match table {
        StateTable::Message => described::<Message>(table),
        StateTable::Conversation => described::<Conversation>(table),
        StateTable::TicketChange => described::<TicketChange>(table),
        StateTable::Ticket => described::<Ticket>(table),
        StateTable::Contact => described::<Contact>(table),
        StateTable::ChatGroup => described::<Group>(table),
        StateTable::GroupMember => described::<GroupMember>(table),
        StateTable::Connection => described::<Connection>(table),
    }
}

fn described<T: Table>(table: StateTable) -> Description {
    debug_assert_eq!(table.name(), T::NAME);
    let key = ["tenant", "source"].iter().chain(T::KEY);
    let mut columns: Vec<Column> = key
        .map(|name| Column {
            name: (*name).to_owned(),
            of: match *name {
                "version" => Type::Version,
                "epoch" => Type::Number,
                _ => Type::Text,
            },
            merge: Merge::Least,
        })
        .collect();
    let keys = columns.len();
    columns.extend(T::columns());
    let mut description = Description {
        table,
        hashed: T::HASHED,
        columns,
        keys,
        postgres: String::new(),
        sqlite: String::new(),
    };
    description.postgres = postgres(&description);
    description.sqlite = sqlite(&description);
    description
}

impl Description {
    fn key_names(&self) -> Vec<&str> {
        self.columns
            .iter()
            .take(self.keys)
            .map(|column| &*column.name)
            .collect()
    }

    fn names(&self) -> Vec<&str> {
        self.columns.iter().map(|column| &*column.name).collect()
    }

    /// Rows are only ever added: the key has the version, and whoever comes again says the same.
    fn only_grows(&self) -> bool {
        self.table == StateTable::TicketChange
    }

    /// Most rows come from messages, which only say the first times of a ticket, and seldom anything new: to look first, without
    /// a lock, costs less than to lock each row. What it sees may be old; the merge is made once more on the newest.
    fn looks_first(&self) -> bool {
        self.table == StateTable::Ticket
    }

    /// Whether the row `new` says anything that `old` does not have. A value that is the latest changes only with its version, which
    /// is a column of its own. The same words in both databases.
    fn news(&self, old: &str, new: &str) -> String {
        let compared = self
            .columns
            .iter()
            .skip(self.keys)
            .filter_map(|Column { name, merge, .. }| {
                let compare = match merge {
                    Merge::Least => '<',
                    Merge::Greatest => '>',
                    Merge::Latest(_) => return None,
                };
                Some(format!(
                    "{new}.{name} {compare} {old}.{name} OR {old}.{name} IS NULL AND {new}.{name} IS NOT NULL"
                ))
            });
        compared.collect::<Vec<_>>().join("\n   OR ")
    }

    /// What follows `DO`.
    fn conflict(&self, function: fn(&Merge, &str) -> String) -> String {
        if self.only_grows() {
            return "NOTHING".to_owned();
        }
        let set = self.columns.iter().skip(self.keys).map(|Column { name, merge, .. }| {
            let value = match merge {
                Merge::Latest(version) => format!(
                    "CASE WHEN excluded.{version} > t.{version} OR t.{version} IS NULL THEN excluded.{name} ELSE t.{name} END"
                ),
                both => function(both, name),
            };
            format!("{name} = {value}")
        });
        let set = set.collect::<Vec<_>>().join(",\n    ");
        format!("UPDATE SET\n    {set}\nWHERE {}", self.news("t", "excluded"))
    }
}

fn postgres(description: &Description) -> String {
    let table = description.table.name();
    let array = |of: Type| match of {
        // As text, as `data` of `event` is: quicker than sending `jsonb[]`.
        Type::Text | Type::Json => "text",
        Type::Time => "timestamptz",
        Type::Flag => "boolean",
        Type::Number => "bigint",
        Type::Version => "uuid",
    };
    let key = description.hashed.then_some(("key", Type::Version));
    let columns = description.columns.iter().map(|column| (&*column.name, column.of));
    let columns: Vec<(&str, Type)> = key.into_iter().chain(columns).collect();
    let list = |each: &dyn Fn(usize, &str, Type) -> String| {
        let each = (1..).zip(&columns).map(|(number, (name, of))| each(number, name, *of));
        each.collect::<Vec<_>>().join(", ")
    };
    let names = list(&|_, name, _| name.to_owned());
    let selected = list(&|_, name, of| match of {
        Type::Json => format!("CAST(u.{name} AS jsonb)"),
        _ => format!("u.{name}"),
    });
    let arrays = list(&|number, _, of| format!("${number}::{}[]", array(of)));
    let keys = if description.hashed {
        vec!["key"]
    } else {
        description.key_names()
    };
    let mut sql =
        format!("INSERT INTO {table} AS t ({names})\nSELECT {selected}\nFROM unnest({arrays})\n     AS u ({names})\n");
    if description.looks_first() {
        let of = |alias: &str| {
            keys.iter()
                .map(|key| format!("{alias}.{key}"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let (old, new) = (of("o"), of("u"));
        let first = keys.first().copied().unwrap_or_default();
        // A join may change the order of the arrays.
        write!(
            sql,
            "LEFT JOIN {table} AS o ON ({old}) = ({new})\nWHERE o.{first} IS NULL\n   OR {}\nORDER BY {new}\n",
            description.news("o", "u"),
        )
        .unwrap_or_else(|_| unreachable!("a string takes everything"));
    }
    let conflict = description.conflict(|merge, name| {
        let function = if *merge == Merge::Least { "LEAST" } else { "GREATEST" };
        format!("{function}(t.{name}, excluded.{name})")
    });
    sql + &format!("ON CONFLICT ({}) DO {conflict}", keys.join(", "))
}

fn sqlite(description: &Description) -> String {
    let names = description.names().join(", ");
    let places = (1..=description.columns.len()).map(|number| format!("?{number}"));
    let places = places.collect::<Vec<_>>().join(", ");
    let conflict = description.conflict(|merge, name| {
        let function = if *merge == Merge::Least { "min" } else { "max" };
        // Of a value and null they give null.
        format!("{function}(coalesce(t.{name}, excluded.{name}), coalesce(excluded.{name}, t.{name}))")
    });
    format!(
        "INSERT INTO {} AS t ({names})\nVALUES ({places})\nON CONFLICT ({}) DO {conflict}",
        description.table.name(),
        description.key_names().join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_the_name_of_the_setting() {
        fn named<T: Table>() -> &'static str {
            T::NAME
        }
        let names = [
            named::<Message>(),
            named::<Conversation>(),
            named::<TicketChange>(),
            named::<Ticket>(),
            named::<Contact>(),
            named::<Group>(),
            named::<GroupMember>(),
            named::<Connection>(),
        ];
        assert_eq!(StateTable::ALL.map(StateTable::name), names);
    }

    #[test]
    fn json_is_never_compared_by_a_database() {
        // `jsonb` has an order of its own, which neither SQLite nor a text has.
        for table in TABLES.iter().filter(|table| !table.only_grows()) {
            for column in &table.columns {
                let compared = !matches!(column.merge, Merge::Latest(_));
                assert!(!(column.of == Type::Json && compared), "{}", column.name);
            }
        }
    }
}
