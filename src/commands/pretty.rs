//! Lines about events for people: fitted to the terminal that they go to, with colours where it has them.

use schemas::dead_letter::header as dead_letter;
use schemas::event::Event;
use schemas::record::StoredRecord;
use serde_json::Value;

use crate::output::{self, Stream};

/// From so many columns on a line has room for whole times and names, with the subject in front of what is said.
const WIDE: usize = 120;

/// Where lines go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    /// How many characters a line may have; `None` for as many as it takes.
    pub(super) columns: Option<usize>,
    pub(super) colour: bool,
}

impl Layout {
    /// For standard output.
    pub(super) fn of_output() -> Self {
        Self {
            columns: output::columns(),
            colour: output::colour(Stream::Output),
        }
    }
}

/// What a part of a line is, and so its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    Faint,
    Type,
    Inbound,
    Outbound,
    Notable,
    Bad,
}

impl Tone {
    /// The parameter of the escape sequence "Select Graphic Rendition".
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "0",
            Self::Faint => "2",
            Self::Type => "1",
            Self::Inbound => "32",
            Self::Outbound => "36",
            Self::Notable => "33",
            Self::Bad => "31",
        }
    }
}

/// A line in parts, which are separated by blanks.
#[derive(Debug, Default)]
pub(super) struct Line(Vec<(Tone, String)>);

impl Line {
    pub(super) fn push(&mut self, tone: Tone, text: impl Into<String>) {
        self.0.push((tone, text.into()));
    }

    /// Puts the parts together; what does not fit is cut, with `…` at the end.
    pub(super) fn render(&self, layout: Layout) -> String {
        let columns = layout.columns.unwrap_or(usize::MAX);
        let whole: usize = self
            .0
            .iter()
            .map(|(_, text)| text.chars().map(width).sum::<usize>())
            .sum();
        let room = if whole > columns {
            columns.saturating_sub(1)
        } else {
            columns
        };
        let (mut line, mut used, mut cut) = (String::new(), 0, false);
        for (tone, text) in &self.0 {
            let mut part = String::new();
            for c in text.chars() {
                if used + width(c) > room {
                    cut = true;
                    break;
                }
                used += width(c);
                // A message may hold anything; a terminal obeys escape sequences.
                part.push(if c.is_control() { ' ' } else { c });
            }
            if layout.colour && *tone != Tone::Plain && !part.trim().is_empty() {
                for piece in ["\u{1b}[", tone.code(), "m", &part, "\u{1b}[0m"] {
                    line.push_str(piece);
                }
            } else {
                line.push_str(&part);
            }
            if cut {
                line.push('…');
                break;
            }
        }
        line
    }
}

/// How many columns a character takes, nearly: two for those of East Asia and for emoji, none for what goes onto another.
fn width(c: char) -> usize {
    match u32::from(c) {
        0x300..=0x36f | 0x200b..=0x200f | 0xfe00..=0xfe0f => 0,
        0x1100..=0x115f
        | 0x2e80..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0x1f300..=0x1faff
        | 0x2_0000.. => 2,
        _ => 1,
    }
}

/// One line about a record of the log: time, type, source, about what, and what it says; of a dead letter the reason. `differs` is
/// in what it differs from an earlier one.
pub(super) fn record(record: &StoredRecord, event: Option<&Event>, differs: Option<&str>, layout: Layout) -> String {
    let Some(event) = event else {
        let mut line = Line::default();
        let bytes = record.record.value.len();
        line.push(
            Tone::Bad,
            format!("offset {}: not an event ({bytes} bytes)", record.offset),
        );
        return line.render(layout);
    };
    let reason = record
        .record
        .header(dead_letter::REASON)
        .map(|r| format!("dead letter: {}", String::from_utf8_lossy(r)));
    of_event(event, reason.as_deref(), differs, layout)
}

/// One line about an event.
pub(super) fn of_event(event: &Event, reason: Option<&str>, differs: Option<&str>, layout: Layout) -> String {
    let attributes = &event.attributes;
    let time = attributes.time.to_string().replace('T', " ");
    let (event_type, source) = (attributes.event_type.as_str(), attributes.source.as_str());
    let subject = attributes.subject.as_deref().unwrap_or("-");
    let said = serde_json::from_str::<Value>(event.data())
        .ok()
        .and_then(|data| summary(&data));
    let mut notes = Vec::new();
    notes.extend(reason.map(|reason| (Tone::Bad, reason.to_owned())));
    notes.extend(differs.map(|differs| (Tone::Notable, differs.to_owned())));
    let mut line = Line::default();
    if layout.columns.is_none_or(|columns| columns >= WIDE) {
        line.push(Tone::Faint, time);
        line.push(Tone::Type, format!(" {event_type:<26}"));
        line.push(Tone::Plain, format!(" {source:<24} {subject}"));
        for (tone, part) in said.into_iter().chain(notes) {
            line.push(tone, format!("  {part}"));
        }
    } else {
        // Without the year and what is below a second; what is wrong comes first, for the end is cut.
        line.push(Tone::Faint, time.get(5..19).unwrap_or(&time));
        line.push(Tone::Type, format!(" {event_type:<20}"));
        line.push(Tone::Plain, format!(" {source:<18}"));
        for (tone, part) in notes.into_iter().chain(said) {
            line.push(tone, format!("  {part}"));
        }
        line.push(Tone::Faint, format!("  {subject}"));
    }
    line.render(layout)
}

/// The members of the normalized part, a line each, under the line of an event.
pub(super) fn members(event: &Event, layout: Layout) -> Vec<String> {
    let Ok(Value::Object(data)) = serde_json::from_str::<Value>(event.data()) else {
        return Vec::new();
    };
    let mut lines = Vec::new();
    for (name, value) in &data {
        let Value::Object(members) = value else {
            lines.push((name.clone(), value));
            continue;
        };
        let present = members.iter().filter(|(_, value)| !value.is_null());
        lines.extend(present.map(|(member, value)| (format!("{name}.{member}"), value)));
    }
    let line = |(name, value): &(String, &Value)| {
        let mut line = Line::default();
        line.push(Tone::Faint, format!("    {name:<26}"));
        line.push(Tone::Plain, format!(" {value}"));
        line.render(layout)
    };
    lines.iter().map(line).collect()
}

/// The most informative member of the normalized part.
fn summary(data: &Value) -> Option<(Tone, String)> {
    let member = data.as_object()?.values().next()?;
    let text = |name: &str| member.get(name).and_then(Value::as_str);
    if let Some(said) = text("text") {
        let cut: String = said.chars().take(60).collect();
        let direction = text("direction").unwrap_or_default();
        let tone = match direction {
            "inbound" => Tone::Inbound,
            "outbound" => Tone::Outbound,
            _ => Tone::Plain,
        };
        return Some((tone, format!("{direction} \"{cut}\"")));
    }
    let words: Vec<&str> = ["action", "status", "state", "subject", "name", "emoji", "reason"]
        .iter()
        .filter_map(|name| text(name))
        .collect();
    (!words.is_empty()).then(|| (Tone::Plain, words.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Line {
        let mut line = Line::default();
        line.push(Tone::Faint, "12:00");
        line.push(Tone::Plain, " a\u{1b}[31m");
        line.push(Tone::Bad, " 日本語 text");
        line
    }

    #[test]
    fn a_line_is_cut_to_the_columns_and_never_obeys_what_a_message_holds() {
        let render = |columns| line().render(Layout { columns, colour: false });
        assert_eq!(render(None), "12:00 a [31m 日本語 text");
        assert_eq!(render(Some(24)), "12:00 a [31m 日本語 text");
        assert_eq!(render(Some(23)), "12:00 a [31m 日本語 te…");
        // Half of a wide character does not fit.
        assert_eq!(render(Some(15)), "12:00 a [31m …");
        assert_eq!(render(Some(16)), "12:00 a [31m 日…");
    }

    #[test]
    fn colours_take_no_room_and_end_where_their_part_ends() {
        let coloured = line().render(Layout {
            columns: Some(16),
            colour: true,
        });
        assert_eq!(coloured, "\u{1b}[2m12:00\u{1b}[0m a [31m\u{1b}[31m 日\u{1b}[0m…");
    }
}
