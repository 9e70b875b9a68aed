//! Registers: values that can be merged in any order, any number of times.

use schemas::time::Timestamp;
use uuid::Uuid;

/// The id of the event that says something, with the rank of its type in the digit that is the same in every id: of two things said
/// for one millisecond, the higher version is the later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Version(pub(crate) Uuid);

/// What a column holds, as a database takes it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Cell<'a> {
    /// Text. Compared byte by byte.
    Text(&'a str),
    /// JSON as text.
    Json(&'a str),
    /// A moment.
    Time(Timestamp),
    /// Yes or no.
    Flag(bool),
    /// A whole number.
    Number(i64),
    /// A version.
    Version(Version),
}

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    /// `text`, compared byte by byte.
    Text,
    /// `jsonb`; text in SQLite.
    Json,
    /// `timestamptz`; RFC 3339 with milliseconds in SQLite.
    Time,
    /// `boolean`.
    Flag,
    /// `bigint`.
    Number,
    /// `uuid`; its text in SQLite, which sorts alike.
    Version,
}

/// How two values of a column become one. Null is less than everything in all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Merge {
    /// The least that was said: what is reported alike by all who report it, and the first time of something.
    Least,
    /// The greatest: the last time of something, and what stays true once it was.
    Greatest,
    /// The value of the greatest version, which is the column of that name, null included.
    Latest(String),
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) of: Type,
    pub(crate) merge: Merge,
}

/// Something that is one column, or several that are always reported together.
pub(crate) trait Value: Ord + Sized {
    /// The columns: what follows the name of the register (empty, or `_id`), and their types.
    const COLUMNS: &'static [(&'static str, Type)];

    /// One cell for each column, null where there is no value.
    fn cells<'a>(value: Option<&'a Self>, cells: &mut Vec<Option<Cell<'a>>>);
}

macro_rules! plain {
    ($($type:ty = $of:ident($value:ident => $cell:expr);)*) => {$(
        impl Value for $type {
            const COLUMNS: &'static [(&'static str, Type)] = &[("", Type::$of)];

            fn cells<'a>(value: Option<&'a Self>, cells: &mut Vec<Option<Cell<'a>>>) {
                cells.push(value.map(|$value| Cell::$of($cell)));
            }
        }
    )*};
}

plain! {
    String = Text(value => value);
    Json = Json(value => &value.0);
    Timestamp = Time(value => *value);
    bool = Flag(value => *value);
    i64 = Number(value => *value);
    Version = Version(value => *value);
}

/// JSON as text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Json(pub(crate) String);

/// An agent: id and name are reported together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Agent {
    pub(crate) id: Option<String>,
    pub(crate) name: Option<String>,
}

impl Value for Agent {
    const COLUMNS: &'static [(&'static str, Type)] = &[("_id", Type::Text), ("_name", Type::Text)];

    fn cells<'a>(value: Option<&'a Self>, cells: &mut Vec<Option<Cell<'a>>>) {
        cells.push(value.and_then(|agent| agent.id.as_deref()).map(Cell::Text));
        cells.push(value.and_then(|agent| agent.name.as_deref()).map(Cell::Text));
    }
}

/// One register of a row.
pub(crate) trait Register: Default {
    /// The columns that it has in a table, given its name.
    fn columns(name: &str, columns: &mut Vec<Column>);

    /// Takes what another one says.
    #[allow(dead_code, reason = "the tests join in memory what the databases join")]
    fn merge(&mut self, other: Self);

    /// Its columns' values, in the order of [`columns`](Self::columns).
    fn cells<'a>(&'a self, cells: &mut Vec<Option<Cell<'a>>>);
}

/// The least that was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Least<V>(Option<V>);

/// The greatest that was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Greatest<V>(Option<V>);

/// What was said last, "nothing" included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Latest<V>(Option<(Version, Option<V>)>);

impl<V> Default for Least<V> {
    fn default() -> Self {
        Self(None)
    }
}

impl<V> Default for Greatest<V> {
    fn default() -> Self {
        Self(None)
    }
}

impl<V> Default for Latest<V> {
    fn default() -> Self {
        Self(None)
    }
}

impl<V: Ord> Least<V> {
    /// Says something. `None` says nothing.
    pub(crate) fn say(&mut self, value: Option<V>) {
        let Some(value) = value else { return };
        if self.0.as_ref().is_none_or(|known| value < *known) {
            self.0 = Some(value);
        }
    }
}

impl<V: Ord> Greatest<V> {
    /// Says something. `None` says nothing.
    pub(crate) fn say(&mut self, value: Option<V>) {
        self.0 = self.0.take().max(value);
    }
}

impl<V: Ord> Latest<V> {
    /// Says that it is this as of that version.
    pub(crate) fn say(&mut self, version: Version, value: V) {
        self.take(version, Some(value));
    }

    /// Says that there is none as of that version.
    pub(crate) fn clear(&mut self, version: Version) {
        self.take(version, None);
    }

    fn take(&mut self, version: Version, value: Option<V>) {
        self.0 = self.0.take().max(Some((version, value)));
    }
}

fn single<V: Value>(name: &str, merge: &Merge, columns: &mut Vec<Column>) {
    columns.extend(V::COLUMNS.iter().map(|(suffix, of)| Column {
        name: format!("{name}{suffix}"),
        of: *of,
        merge: merge.clone(),
    }));
}

impl<V: Value> Register for Least<V> {
    fn columns(name: &str, columns: &mut Vec<Column>) {
        single::<V>(name, &Merge::Least, columns);
    }

    fn merge(&mut self, other: Self) {
        self.say(other.0);
    }

    fn cells<'a>(&'a self, cells: &mut Vec<Option<Cell<'a>>>) {
        V::cells(self.0.as_ref(), cells);
    }
}

impl<V: Value> Register for Greatest<V> {
    fn columns(name: &str, columns: &mut Vec<Column>) {
        single::<V>(name, &Merge::Greatest, columns);
    }

    fn merge(&mut self, other: Self) {
        self.say(other.0);
    }

    fn cells<'a>(&'a self, cells: &mut Vec<Option<Cell<'a>>>) {
        V::cells(self.0.as_ref(), cells);
    }
}

impl<V: Value> Register for Latest<V> {
    /// The version comes after the values, as `<name>_version`.
    fn columns(name: &str, columns: &mut Vec<Column>) {
        let version = format!("{name}_version");
        single::<V>(name, &Merge::Latest(version.clone()), columns);
        columns.push(Column {
            name: version,
            of: Type::Version,
            merge: Merge::Greatest,
        });
    }

    fn merge(&mut self, other: Self) {
        if let Some((version, value)) = other.0 {
            self.take(version, value);
        }
    }

    fn cells<'a>(&'a self, cells: &mut Vec<Option<Cell<'a>>>) {
        V::cells(self.0.as_ref().and_then(|(_, value)| value.as_ref()), cells);
        cells.push(self.0.as_ref().map(|(version, _)| Cell::Version(*version)));
    }
}
