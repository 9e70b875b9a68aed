//! The page of the tables and views: what the comments in the database say. PostgreSQL's migrations hold them.

use std::fmt::Write as _;

use super::{GENERATED, block, views};

/// The tables and views in the order of the page.
const SHOWN: [&str; 9] = [
    "event",
    "event_variant",
    "ticket_history",
    "message_delivery",
    "connection_current",
    "event_volume",
    "event_hour",
    "event_receipt",
    "sink_position",
];

const SPAN: &str = "\
SELECT platform, type, count(*)
FROM event
WHERE id >= event_id_from('2026-03-10 00:00:00+00') AND id < event_id_from('2026-03-11 00:00:00+00')
GROUP BY 1, 2
ORDER BY 3 DESC";

/// A comment of the migrations: on what, and its text. A later one takes the place of an earlier one.
fn comments(migrations: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for (_, rest) in migrations
        .match_indices("\nCOMMENT ON ")
        .map(|(at, begin)| migrations.split_at(at + begin.len()))
    {
        let Some((subject, text)) = rest.split_once(" IS '") else {
            continue;
        };
        let Some((text, _)) = text.split_once("';") else {
            continue;
        };
        let text = text.replace("''", "'");
        match found.iter_mut().find(|(known, _)| known == subject) {
            Some((_, known)) => *known = text,
            None => found.push((subject.to_owned(), text)),
        }
    }
    found
}

pub(super) fn page() -> String {
    let mut out = format!(
        "{GENERATED}# Tables and views\n\nWhat `forebay migrate` makes in PostgreSQL, and `forebay dev` in SQLite. The same texts are comments in PostgreSQL: `\\d+ event` shows them.\n\n\
         Each event type has a view of its own, with its members as columns: `message_created` for `message.created`, and so on; the page of the type names the columns.\n\n\
         How tickets, messages, contacts, groups and lines stand now is in the tables of [state.md](state.md); [questions.md](questions.md) asks them.\n\n\
         An id begins with milliseconds, so that a span of time is a range of the primary key. In PostgreSQL, `event_id_from` gives the bounds:\n\n{}\n\
         Other rights than to read are not needed for any of it: `GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader`.\n",
        block("sql-of-tables", SPAN).replace("sql-of-tables", "sql")
    );
    out.push_str(&explained(&SHOWN));
    out
}

/// A section for each of these tables and views.
pub(super) fn explained(shown: &[&str]) -> String {
    let comments = comments(&views::migrations("postgres"));
    let mut out = String::new();
    for name in shown {
        let of = |kind: &str| {
            comments
                .iter()
                .find(|(subject, _)| *subject == format!("{kind} {name}"))
        };
        let (_, meaning) = of("TABLE")
            .or_else(|| of("VIEW"))
            .unwrap_or_else(|| panic!("`{name}` has no comment"));
        write!(out, "\n## {name}\n\n{meaning}\n\n| column | meaning |\n|---|---|\n").expect("text");
        let prefix = format!("COLUMN {name}.");
        for (subject, text) in &comments {
            if let Some(column) = subject.strip_prefix(&prefix) {
                writeln!(out, "| `{column}` | {} |", text.replace('|', "\\|")).expect("text");
            }
        }
    }
    out
}
