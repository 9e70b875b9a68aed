//! What a batch says of one table, as the rows of a statement: in the order of the locks, and within what a database can hold.

use uuid::Uuid;

use super::kept::{StateTable, StateTables};
use super::register::{Cell, Column, Merge, Type};
use super::sql::{Description, TABLES};
use super::table::Table;
use super::{Key, Part, Rows, State, key};

/// How many bytes the texts of a key may have together. An entry of an index of PostgreSQL holds 2704 bytes, and one has both a key
/// and a [compared text](MAX_COMPARED).
const MAX_KEY_BYTES: usize = 1500;

/// How many characters of a text are kept where the least or greatest is: ids, names, words; some have an index. Counted in
/// characters, since the order of texts that are cut so is that of the whole ones.
const MAX_COMPARED: usize = 255;

/// The rows of one table.
#[derive(Debug)]
pub(crate) struct Sheet<'s> {
    pub(crate) of: &'static Description,
    /// Sorted by the primary key, as its bytes are: two writers take their locks in one order.
    pub(crate) rows: Vec<SheetRow<'s>>,
    /// How many are left out, since their key is too long.
    pub(crate) left_out: u64,
}

/// One row, as a statement takes it.
#[derive(Debug)]
pub(crate) struct SheetRow<'s> {
    /// The key as one number, where the table has that.
    pub(crate) key: Option<Uuid>,
    /// One for each of [`Description::columns`].
    pub(crate) cells: Vec<Option<Cell<'s>>>,
}

impl SheetRow<'_> {
    /// What wide columns it has.
    pub(crate) fn size(&self) -> usize {
        let sizes = self.cells.iter().map(|cell| match cell {
            Some(Cell::Text(text) | Cell::Json(text)) => text.len(),
            Some(_) => size_of::<Uuid>(),
            None => 0,
        });
        sizes.sum()
    }
}

/// What `state` says of the tables that are kept, in the order of the locks. Tables that it says nothing of are left out.
pub(crate) fn sheets<'s>(state: &'s State, kept: &StateTables) -> Vec<Sheet<'s>> {
    let kept = TABLES.iter().filter(|of| kept.keeps(of.table));
    let sheets = kept.map(|of| match of.table {
        StateTable::Message => sheet(of, &state.messages),
        StateTable::Conversation => sheet(of, &state.conversations),
        StateTable::TicketChange => sheet(of, &state.ticket_changes),
        StateTable::Ticket => sheet(of, &state.tickets),
        StateTable::Contact => sheet(of, &state.contacts),
        StateTable::ChatGroup => sheet(of, &state.groups),
        StateTable::GroupMember => sheet(of, &state.group_members),
        StateTable::Connection => sheet(of, &state.connections),
    });
    sheets
        .filter(|sheet| !sheet.rows.is_empty() || sheet.left_out > 0)
        .collect()
}

fn sheet<'s, T: Table>(of: &'static Description, rows: &'s Rows<T>) -> Sheet<'s> {
    let mut sheet = Sheet {
        of,
        rows: Vec::with_capacity(rows.len()),
        left_out: 0,
    };
    for (key, row) in rows {
        if key_bytes(key) > MAX_KEY_BYTES {
            sheet.left_out += 1;
            continue;
        }
        let mut cells = Vec::with_capacity(of.columns.len());
        cells.extend(key.iter().map(|part| Some(cell(part))));
        row.cells(&mut cells);
        for (cell, column) in cells.iter_mut().zip(&of.columns).skip(of.keys) {
            shorten(cell, column);
        }
        let hashed = of.hashed.then(|| match of.table {
            StateTable::Message => key::message_key(key),
            _ => key::state_key(key),
        });
        sheet.rows.push(SheetRow { key: hashed, cells });
    }
    if of.hashed {
        sheet.rows.sort_unstable_by_key(|row| row.key);
    }
    sheet
}

fn key_bytes(key: &Key) -> usize {
    let bytes = key.iter().map(|part| match part {
        Part::Text(text) => text.len(),
        Part::Number(_) | Part::Version(_) => size_of::<Uuid>(),
    });
    bytes.sum()
}

fn cell(part: &Part) -> Cell<'_> {
    match part {
        Part::Text(text) => Cell::Text(text),
        Part::Number(number) => Cell::Number(*number),
        Part::Version(version) => Cell::Version(*version),
    }
}

fn shorten(cell: &mut Option<Cell<'_>>, column: &Column) {
    if column.of != Type::Text || matches!(column.merge, Merge::Latest(_)) {
        return;
    }
    if let Some(Cell::Text(text)) = cell
        && text.len() > MAX_COMPARED
        && let Some((end, _)) = text.char_indices().nth(MAX_COMPARED)
    {
        *text = text.get(..end).unwrap_or(text);
    }
}

/// What became of rows of state, by table.
#[derive(Debug, Default)]
pub(crate) struct StateWritten {
    counts: Vec<(StateTable, Counts)>,
    /// How many events could not be read, wholly or in part.
    pub(crate) unread: u64,
    /// Why the first one was refused.
    pub(crate) refusal: Option<String>,
}

/// What became of the rows of one table.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    /// New, or changed.
    pub(crate) written: u64,
    /// They said nothing new.
    pub(crate) unchanged: u64,
    /// Left out: their key is too long, or the database refuses them.
    pub(crate) refused: u64,
}

impl StateWritten {
    /// Nothing is written yet of what `state` says.
    pub(crate) fn begin(state: &State) -> Self {
        Self {
            unread: state.unread,
            ..Self::default()
        }
    }

    /// So many rows were to be written, and so many of them were.
    pub(crate) fn count(&mut self, table: StateTable, rows: usize, written: u64) {
        let rows = u64::try_from(rows).unwrap_or(u64::MAX);
        let counts = self.of(table);
        counts.written += written;
        counts.unchanged += rows.saturating_sub(written);
    }

    /// So many rows are left out.
    pub(crate) fn refuse(&mut self, table: StateTable, rows: u64) {
        if rows > 0 {
            self.of(table).refused += rows;
        }
    }

    /// One row is refused for this reason.
    pub(crate) fn refuse_for(&mut self, table: StateTable, reason: &str) {
        self.refuse(table, 1);
        self.refusal
            .get_or_insert_with(|| format!("a row of `{}`: {reason}", table.name()));
    }

    fn of(&mut self, table: StateTable) -> &mut Counts {
        let place = self.counts.iter().position(|(of, _)| *of == table);
        let place = place.unwrap_or_else(|| {
            self.counts.push((table, Counts::default()));
            self.counts.len() - 1
        });
        &mut self.counts[place].1
    }

    /// The tables that have anything to tell.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (StateTable, Counts)> {
        self.counts.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::tables::{Contact, Message};

    fn parts(texts: &[&str]) -> Key {
        texts.iter().map(|text| Part::Text((*text).to_owned())).collect()
    }

    #[test]
    fn a_key_that_no_index_holds_is_left_out_and_counted() {
        let mut state = State::default();
        let long = "x".repeat(MAX_KEY_BYTES - 2);
        state.contacts.insert(parts(&["a", "b", &long]), Contact::default());
        state
            .contacts
            .insert(parts(&["a", "b", &format!("{long}y")]), Contact::default());
        let sheets = sheets(&state, &StateTables::default());
        assert!(matches!(&sheets[..], [contacts] if contacts.rows.len() == 1 && contacts.left_out == 1));
    }

    #[test]
    fn the_least_of_what_is_cut_is_what_is_cut_of_the_least() {
        let common = "é".repeat(MAX_COMPARED - 1);
        let (less, more) = (format!("{common}aé"), format!("{common}😀"));
        assert!(less < more);
        let cut = |text: &str| {
            let mut message = Message::default();
            message.from_id.say(Some(text.to_owned()));
            let state = State {
                messages: [(parts(&["a", "b", "c", "d"]), message)].into(),
                ..State::default()
            };
            let sheets = sheets(&state, &StateTables::default());
            let mut texts = sheets[0].rows[0].cells.iter().filter_map(|cell| match cell {
                Some(Cell::Text(text)) => Some((*text).to_owned()),
                _ => None,
            });
            texts.next_back().expect("the id")
        };
        assert_eq!(cut(&less), format!("{common}a"));
        assert!(cut(&less) < cut(&more));
    }

    #[test]
    fn tables_that_are_not_kept_are_not_written() {
        let state = State {
            contacts: [(parts(&["a", "b", "c"]), Contact::default())].into(),
            ..State::default()
        };
        assert_eq!(sheets(&state, &StateTables::new([StateTable::Contact])).len(), 1);
        assert!(sheets(&state, &StateTables::new([StateTable::Message])).is_empty());
    }
}
