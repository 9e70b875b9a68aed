//! The registers against the [model](histories::model): whatever the order, the repeats and the batches, a history ends as the model says.
//!
//! Two mistakes that look right are made on purpose, to see that the histories would show them.

#[path = "../../../tests/histories/mod.rs"]
pub(super) mod histories;

use std::collections::BTreeMap;

use schemas::id::IdTime;
use serde_json::{Value, json};

use self::histories::model::{Cells, Key, Line, Model, Now};
use self::histories::{Dice, Happened, Making, Shapes, batches, history, permutations, with_repeats};
use super::register::{Cell, Merge};
use super::table::Table;
use super::{Part, Rows, State};
use crate::table::{Plan, Receipts};

/// The rows of all tables as the model has them.
type Tables = BTreeMap<&'static str, BTreeMap<Key, Cells>>;

/// What a database holds after the batches have come in this order: state, and receipts.
pub(super) fn arrived(dice: &mut Dice, arriving: &[Happened]) -> State {
    let (mut state, mut receipts) = (State::default(), Vec::new());
    for batch in batches(dice, 0, arriving) {
        let mut plan = Plan::new(&batch);
        plan.leave_out_repeats(Receipts::new(600, receipts.clone()));
        let received = plan.rows.iter().filter(|row| row.id_time == IdTime::Received);
        receipts.extend(received.map(crate::table::Row::receipt));
        join(&mut state, State::of(&plan.rows));
    }
    assert_eq!(state.unread, 0, "every event can be read");
    state
}

/// What a database does with what a batch says.
fn join(state: &mut State, batch: State) {
    fn rows<T: Table>(known: &mut Rows<T>, told: Rows<T>) {
        for (key, row) in told {
            known.entry(key).or_default().merge(row);
        }
    }
    rows(&mut state.messages, batch.messages);
    rows(&mut state.conversations, batch.conversations);
    rows(&mut state.tickets, batch.tickets);
    rows(&mut state.ticket_changes, batch.ticket_changes);
    rows(&mut state.contacts, batch.contacts);
    rows(&mut state.groups, batch.groups);
    rows(&mut state.group_members, batch.group_members);
    rows(&mut state.connections, batch.connections);
    state.unread += batch.unread;
}

fn shown(state: &State) -> Tables {
    fn rows<T: Table>(tables: &mut Tables, rows: &Rows<T>) {
        for (key, row) in rows {
            let (columns, mut cells) = (T::columns(), Vec::new());
            row.cells(&mut cells);
            assert_eq!(columns.len(), cells.len(), "a cell for each column of {}", T::NAME);
            let told = columns.into_iter().zip(&cells);
            let told = told.filter_map(|(column, cell)| Some((column.name, value(cell.as_ref()?))));
            let key = key.iter().map(part).collect();
            tables.entry(T::NAME).or_default().insert(key, told.collect());
        }
    }
    let mut tables = Tables::new();
    rows(&mut tables, &state.messages);
    rows(&mut tables, &state.conversations);
    rows(&mut tables, &state.tickets);
    rows(&mut tables, &state.ticket_changes);
    rows(&mut tables, &state.contacts);
    rows(&mut tables, &state.groups);
    rows(&mut tables, &state.group_members);
    rows(&mut tables, &state.connections);
    tables
}

fn part(part: &Part) -> String {
    match part {
        Part::Text(text) => text.clone(),
        Part::Number(number) => number.to_string(),
        Part::Version(version) => version.0.to_string(),
    }
}

fn value(cell: &Cell<'_>) -> Value {
    match cell {
        Cell::Text(text) => json!(text),
        Cell::Json(text) => serde_json::from_str(text).expect("JSON"),
        Cell::Time(time) => json!(time.to_string()),
        Cell::Flag(flag) => json!(flag),
        Cell::Number(number) => json!(number),
        Cell::Version(version) => json!(version.0.to_string()),
    }
}

fn flag(row: &Cells, column: &str) -> Option<bool> {
    row.get(column).and_then(Value::as_bool)
}

fn word<'r>(row: &'r Cells, column: &str) -> Option<&'r str> {
    row.get(column).and_then(Value::as_str)
}

/// What is asked of the tables, asked of these rows. Without rosters, those who were not listed have not gone.
fn now(tables: &Tables, rosters: bool) -> Now {
    let none = BTreeMap::new();
    let rows = |table: &str| tables.get(table).unwrap_or(&none);
    let mut now = Now::default();
    for (key, row) in rows("group_member") {
        let group = rows("chat_group").get(&key[..3]);
        let roster = group
            .and_then(|group| word(group, "roster_version"))
            .filter(|_| rosters);
        if flag(row, "present") == Some(true) && word(row, "present_version") >= roster {
            now.members.insert(key.clone(), flag(row, "admin"));
        }
    }
    for (key, row) in rows("message") {
        let heights = ["played", "read", "delivered", "failed", "sent", "pending"];
        let reached = heights.iter().find(|status| row.contains_key(&format!("{status}_at")));
        now.reached
            .extend(reached.map(|status| (key.clone(), (*status).to_owned())));
        let conversation = rows("conversation").get(&key[..3]);
        let emptied = conversation.and_then(|conversation| word(conversation, "emptied_version"));
        if word(row, "created_version") > emptied {
            now.written.insert(key.clone());
        }
    }
    // The greatest epoch comes last, as long as it has one digit.
    for (key, row) in rows("connection") {
        let opened = word(row, "opened_version");
        let lasts = |column: &str| word(row, &format!("{column}_version")) >= opened;
        let line = Line {
            epoch: key[3].parse().expect("a number"),
            state: word(row, "state").map(str::to_owned),
            online: flag(row, "online"),
            pairing: flag(row, "pairing").filter(|_| lasts("pairing")),
            reason: word(row, "reason").filter(|_| lasts("reason")).map(str::to_owned),
        };
        now.lines.insert(key[..3].to_vec(), line);
    }
    now
}

/// Every order of short histories, and some of long ones, each with the arrival that leads there. Gives how many there were.
fn every_arrival(mut each: impl FnMut(&str, &Model, &mut Dice, Vec<Happened>)) -> usize {
    let shapes = Shapes::read();
    assert!(shapes.count() > 400, "{} shapes", shapes.count());
    let mut arrivals = 0;
    for seed in 0..60 {
        let mut dice = Dice::new(seed);
        let length = 4 + dice.below(3);
        let events = history(&shapes, &mut dice, length);
        let model = Model::after(&events);
        permutations(length, &mut |order| {
            let order = order.iter().map(|place| events[*place].clone()).collect();
            let arriving = with_repeats(&mut dice, order);
            each(&format!("short history {seed}"), &model, &mut dice, arriving);
            arrivals += 1;
        });
    }
    for seed in 1000..1400 {
        let mut dice = Dice::new(seed);
        let length = 7 + dice.below(34);
        let mut events = history(&shapes, &mut dice, length);
        let model = Model::after(&events);
        for _ in 0..10 {
            dice.shuffle(&mut events);
            let arriving = with_repeats(&mut dice, events.clone());
            each(&format!("long history {seed}"), &model, &mut dice, arriving);
            arrivals += 1;
        }
    }
    arrivals
}

#[test]
fn whatever_the_order_a_history_ends_the_same() {
    let mut tables = BTreeMap::new();
    let arrivals = every_arrival(|name, model, dice, arriving| {
        let state = shown(&arrived(dice, &arriving));
        assert_eq!(state, model.tables, "{name}: {arriving:#?}");
        assert_eq!(now(&state, true), model.now, "{name}: {arriving:#?}");
        for (table, rows) in state {
            *tables.entry(table).or_insert(0) += rows.len();
        }
    });
    assert_eq!(tables.len(), 8, "every table has rows: {tables:?}");
    // To be read with `--nocapture`.
    eprintln!("{arrivals} arrivals, and these rows: {tables:?}");
}

/// Merges of rows as a statement would make them, with a version for each column that can change, or one for the row.
fn merged(known: &mut Tables, told: Tables, one_version: bool) {
    fn newest(row: &Cells) -> Option<&str> {
        let versions = row.iter().filter(|(column, _)| column.ends_with("_version"));
        versions.filter_map(|(_, version)| version.as_str()).max()
    }
    let merges = merges();
    for (table, rows) in told {
        for (key, told) in rows {
            let row = known.entry(table).or_default().entry(key).or_default();
            let news_of_row = newest(&told) > newest(row);
            let mut next = row.clone();
            for (column, merge) in &merges[table] {
                let (old, new) = (row.get(column), told.get(column));
                // One of the two is there.
                let text =
                    |value: Option<&Value>| value.map(|value| (value.as_bool(), value.as_str().map(str::to_owned)));
                let takes = match merge {
                    Merge::Least => new.is_some() && (old.is_none() || text(new) < text(old)),
                    Merge::Greatest => new.is_some() && text(new) > text(old),
                    Merge::Latest(_) if one_version => new.is_some() && (news_of_row || old.is_none()),
                    Merge::Latest(version) => told.get(version).and_then(Value::as_str) > word(row, version),
                };
                if takes {
                    next.remove(column);
                    next.extend(new.map(|new| (column.clone(), new.clone())));
                }
            }
            *row = next;
        }
    }
}

fn merges() -> BTreeMap<&'static str, Vec<(String, Merge)>> {
    fn of<T: Table>() -> (&'static str, Vec<(String, Merge)>) {
        let columns = T::columns().into_iter();
        (T::NAME, columns.map(|column| (column.name, column.merge)).collect())
    }
    use super::tables::{Connection, Contact, Conversation, Group, GroupMember, Message, Ticket, TicketChange};
    let all = [
        of::<Message>(),
        of::<Conversation>(),
        of::<Ticket>(),
        of::<TicketChange>(),
        of::<Contact>(),
        of::<Group>(),
        of::<GroupMember>(),
        of::<Connection>(),
    ];
    all.into()
}

/// Each event of an arrival merged by itself, as statements would.
fn merged_one_by_one(arriving: &[Happened], one_version: bool) -> Tables {
    let (mut tables, mut receipts) = (Tables::new(), Vec::new());
    for event in arriving {
        let batch = batches(&mut Dice::new(0), 0, std::slice::from_ref(event)).remove(0);
        let mut plan = Plan::new(&batch);
        plan.leave_out_repeats(Receipts::new(600, receipts.clone()));
        let received = plan.rows.iter().filter(|row| row.id_time == IdTime::Received);
        receipts.extend(received.map(crate::table::Row::receipt));
        merged(&mut tables, shown(&State::of(&plan.rows)), one_version);
    }
    tables
}

#[test]
fn mistakes_that_look_right_would_be_seen() {
    let (mut of_statements, mut one_version, mut only_adding, mut every_receipt, mut arrivals) = (0, 0, 0, 0, 0);
    let shapes = Shapes::read();
    for seed in 2000..2150 {
        let mut dice = Dice::new(seed);
        let length = 7 + dice.below(20);
        let mut events = history(&shapes, &mut dice, length);
        dice.shuffle(&mut events);
        let model = Model::after(&events);
        let arriving = with_repeats(&mut dice, events);
        let right = merged_one_by_one(&arriving, false);
        of_statements += usize::from(right != model.tables);
        one_version += usize::from(
            now_without_versions(&merged_one_by_one(&arriving, true)) != now_without_versions(&model.tables),
        );
        only_adding += usize::from(now(&right, false).members != model.now.members);
        let mut all = State::default();
        for batch in batches(&mut dice, 0, &arriving) {
            join(&mut all, State::of(&Plan::new(&batch).rows));
        }
        every_receipt += usize::from(shown(&all) != model.tables);
        arrivals += 1;
    }
    assert_eq!(of_statements, 0, "merged as statements do, of {arrivals}");
    eprintln!(
        "of {arrivals} wrong: {one_version} with one version for a row, {only_adding} with rosters that only add, {every_receipt} where every receipt is told"
    );
    assert!(one_version > 0 && only_adding > 0 && every_receipt > 0);
}

/// The rows without the columns that say how old they are.
fn now_without_versions(tables: &Tables) -> Tables {
    let mut tables = tables.clone();
    let rows = tables.values_mut().flat_map(BTreeMap::values_mut);
    rows.for_each(|row| row.retain(|column, _| !column.ends_with("_version")));
    tables
}

pub(super) fn told(events: &[(i64, &str, Value)]) -> State {
    let events: Vec<_> = events
        .iter()
        .map(|(seconds, event_type, data)| Making::new(*seconds, event_type, data.clone()).happened())
        .collect();
    let mut state = State::default();
    for batch in batches(&mut Dice::new(1), 0, &events) {
        join(&mut state, State::of(&Plan::new(&batch).rows));
    }
    state
}

#[test]
fn what_cannot_be_read_is_left_out_and_counted() {
    let message = |id: &str| json!({"message": {"id": id, "conversation": {"id": "c"}, "direction": "inbound"}});
    let state = told(&[
        (0, "message.created", json!({})),
        (1, "message.created", json!({"message": null})),
        (
            2,
            "message.status",
            json!({"message": {"id": "m", "conversation": {"id": "c"}, "status": "lost"}}),
        ),
        (3, "message.created", message("")),
        (4, "connection.updated", json!({"connection": {"epoch": "many"}})),
        (5, "message.created", message("m")),
        (
            6,
            "group.created",
            json!({"group": {"id": "g", "participants": [{"id": ""}, {"id": "p"}]}}),
        ),
    ]);
    assert_eq!(state.unread, 6);
    assert_eq!((state.messages.len(), state.group_members.len()), (1, 1), "{state:?}");
}

#[test]
fn other_types_say_nothing() {
    let state = told(&[
        (0, "unmapped", json!({"unmapped": {"reason": "x"}})),
        (1, "invoice.paid", json!({})),
        (2, "message.archived", json!({"message": {"id": "m"}})),
        (
            3,
            "presence.updated",
            json!({"presence": {"conversation": {"id": "c"}, "parties": []}}),
        ),
        (
            4,
            "endpoint.failing",
            json!({"endpoint": {"id": "e", "sink": "http", "version": 1}}),
        ),
        (
            5,
            "group.join_request",
            json!({"group": {"id": "g", "action": "created", "participant": {"id": "p"}}}),
        ),
    ]);
    assert!(state.is_empty() && state.unread == 0, "{state:?}");
}

#[test]
fn what_a_ticket_is_told_and_told_to_be_empty_at_once_it_has() {
    let ticket = json!({"id": "t", "team": "x", "cleared": ["team", "assignee"]});
    let state = shown(&told(&[(0, "ticket.updated", json!({"ticket": ticket}))]));
    let row = state["ticket"].values().next().expect("one");
    assert_eq!(row.get("team"), Some(&json!("x")));
    assert!(
        row.contains_key("assignee_version") && !row.contains_key("assignee_id"),
        "{row:?}"
    );
}
