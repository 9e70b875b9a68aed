//! What is wrong with a text before anything can be read from it, in plain words.

use granit_parser::{ErrorKind, ScanError};

use crate::{Fault, Kind, Place};

pub(crate) const SECOND_DOCUMENT: &str =
    "a second document begins here: keep one, and take out the line `---` or `...` between them";
pub(crate) const TOO_DEEP: &str = "lists and sections are nested more than 64 deep here: write them flatter";
pub(crate) const KEY_IS_NO_TEXT: &str =
    "a key must be a text: put it in quotes, and a value that begins with `{` or `[` too";
pub(crate) const NO_MERGE: &str = "`<<` takes keys and values, as in `<<: *name`";
pub(crate) const TAG: &str = "`!` begins a type in YAML: put the value in quotes";

/// Returns the content of a file as text, without a byte order mark.
pub(crate) fn text(content: &[u8]) -> Result<&str, Fault> {
    if content.starts_with(&[0xFF, 0xFE]) || content.starts_with(&[0xFE, 0xFF]) {
        return Err(whole("the file is UTF-16: save it as UTF-8"));
    }
    let text = std::str::from_utf8(content).map_err(|error| {
        let before = content.get(..error.valid_up_to()).unwrap_or_default();
        let before = std::str::from_utf8(before).unwrap_or_default();
        let (line, column) = end(before);
        Fault {
            place: Some(Place { line, column }),
            ..whole("the file is not UTF-8 from here on: save it as UTF-8")
        }
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// The line and column after `text`.
fn end(text: &str) -> (u64, u64) {
    let line = text.matches('\n').count() as u64 + 1;
    let column = text.rsplit('\n').next().unwrap_or_default().chars().count() as u64 + 1;
    (line, column)
}

fn whole(reason: &str) -> Fault {
    Fault {
        place: None,
        path: String::new(),
        kind: Kind::Syntax,
        reason: reason.to_owned(),
    }
}

/// What the parser refuses, in our words where we have some.
pub(crate) fn fault(error: &ScanError, text: &str) -> Fault {
    let marker = error.marker();
    let place = Place {
        line: (marker.line() as u64).max(1),
        column: marker.col() as u64 + 1,
    };
    let written = text.lines().nth(marker.line().saturating_sub(1)).unwrap_or_default();
    let opened = matches!(error.kind(), ErrorKind::InvalidQuotedScalarIndent).then(|| open_quote(text, marker.line()));
    let above = marker.line().checked_sub(2).and_then(|line| text.lines().nth(line));
    let in_value = matches!(
        error.kind(),
        ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement | ErrorKind::MappingKeyNotAllowed
    );
    let reason = if in_value && above.is_some_and(is_glued) {
        "a blank is missing after the `-` of the line above: write `- key: value`".to_owned()
    } else {
        reason(error, written)
    };
    Fault {
        place: Some(opened.flatten().unwrap_or(place)),
        ..whole(&reason)
    }
}

/// Whether an element of a list begins without a blank after its `-`: it is read as a key then.
fn is_glued(line: &str) -> bool {
    let rest = line.trim_start().strip_prefix('-');
    rest.is_some_and(|rest| rest.starts_with(char::is_alphabetic) && rest.contains(": "))
}

/// Returns where the quotation mark is that no line before `line` closes.
fn open_quote(text: &str, line: usize) -> Option<Place> {
    let before: Vec<&str> = text.lines().take(line.saturating_sub(1)).collect();
    let in_line = |line: &str| {
        let (mut open, mut escaped) = (None, false);
        for (c, column) in line.chars().zip(1..) {
            match open {
                Some(('"', _)) if c == '\\' && !escaped => {
                    escaped = true;
                    continue;
                }
                Some((quote, _)) if c == quote && !escaped => open = None,
                None if matches!(c, '"' | '\'') => open = Some((c, column)),
                _ => {}
            }
            escaped = false;
        }
        open.map(|(_, column)| column)
    };
    let mut lines = before.iter().enumerate().rev();
    lines.find_map(|(index, text)| {
        Some(Place {
            line: index as u64 + 1,
            column: in_line(text)?,
        })
    })
}

fn reason(error: &ScanError, line: &str) -> String {
    use ErrorKind as E;
    let indented_by_tab = line.trim_start_matches(' ').starts_with('\t');
    let words = match error.kind() {
        E::MissingAnchorOrAliasName | E::UnknownAnchor => {
            "a `*` begins a reference and a `&` a name in YAML: put the value in quotes, as in \"*\""
        }
        E::TabInBlockIndentation
        | E::TabInIndentation
        | E::TabAtBlockScalarStart
        | E::TabNotAllowed
        | E::TabInPlainScalar => TAB,
        _ if indented_by_tab => TAB,
        _ if line.contains('\u{a0}') => {
            "a no-break space is in this line, which is no blank in YAML: write a blank in its place"
        }
        _ if line.contains(": [") && line.contains("]:") => {
            "a value that begins with `[` is a list, which its `]` ends: put the value in quotes, as in \"[::1]:8080\""
        }
        E::MappingValueNotAllowed | E::InvalidColonPlacement | E::MappingKeyNotAllowed => {
            "a `: ` inside a value: put the value in quotes; or the line is indented further than the one above"
        }
        E::UnclosedQuotedScalar | E::DocumentIndicatorInQuotedScalar | E::InvalidQuotedScalarIndent => {
            "a quotation mark is not closed: add it at the end of the value"
        }
        E::InvalidTrailingSingleQuotedScalar | E::InvalidTrailingDoubleQuotedScalar => {
            "something follows the closing quotation mark: put the whole value in quotes, and write `''` for `'` inside '…'"
        }
        E::UnknownQuotedScalarEscape
        | E::InvalidQuotedScalarHexEscape
        | E::InvalidLowSurrogateHexEscape
        | E::InvalidLowSurrogate
        | E::MissingLowSurrogate
        | E::UnpairedLowSurrogate
        | E::InvalidUnicodeEscape => {
            "a `\\` inside \"…\" begins an escape, and this is none: write `\\\\`, or put the value in '…'"
        }
        E::UnclosedFlowCollection { open: '[' } | E::UnexpectedEofFlowSequence => "a `[` is not closed: add its `]`",
        E::UnclosedFlowCollection { .. } | E::UnexpectedEofFlowMapping | E::UnexpectedEofImplicitFlowMapping => {
            "a `{` is not closed: add its `}`"
        }
        E::ExpectedFlowSequenceSeparator => "inside `[ ]` a `,` or `]` is missing before this: add it",
        E::ExpectedFlowMappingSeparator => "inside `{ }` a `,` or `}` is missing before this: add it",
        E::MisplacedFlowCollectionEnd | E::MismatchedFlowCollectionEnd { .. } => {
            "this bracket closes none that is open here: take it out, or put the value in quotes"
        }
        E::InvalidIndentation
        | E::ExpectedBlockMappingKey
        | E::ExpectedBlockSequenceEntry
        | E::InvalidBlockScalarIndent
        | E::InvalidFlowScalarIndent
        | E::BlockSequenceEntryNotAllowed => {
            "the line is indented differently from those that it belongs to: give it as many spaces as they have"
        }
        E::SimpleKeyExpected | E::InvalidSimpleKey | E::ExpectedWhitespace | E::InvalidMappingValueWhitespace => {
            "a key without a value: write `key: value`, with a space after the `:`"
        }
        E::UnexpectedCharacter { .. } | E::PlainScalarStartsWithDashFlowIndicator => {
            return match between_percents(line) {
                Some(name) => format!("{NO_BEGINNING}; if a variable is meant, write ${{{name}}}"),
                None => NO_BEGINNING.to_owned(),
            };
        }
        E::RecursionLimitExceeded => TOO_DEEP,
        E::MissingTagUri | E::UndeclaredTagHandle | E::InvalidTagTerminator | E::UnclosedVerbatimTag => TAG,
        E::ExpectedDocumentStart | E::InvalidDocumentEnd => {
            "what comes here belongs to nothing above it: indent it as the lines that it belongs to"
        }
        _ => return format!("this is not valid YAML: {}", error.kind()),
    };
    words.to_owned()
}

/// Returns the name of a variable that is written as in `%NAME%`.
fn between_percents(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once('%')?;
    let (name, _) = rest.split_once('%')?;
    // Other text could be a secret.
    let is_name = name.starts_with(|c: char| c.is_ascii_uppercase() || c == '_')
        && name
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    is_name.then_some(name)
}

const NO_BEGINNING: &str = "a value cannot begin with this character: put it in quotes";
const TAB: &str = "a tab is no indentation in YAML: use spaces";
