//! What the program says on standard output and standard error.

use std::borrow::Cow;
use std::io::{IsTerminal as _, Write as _};

/// Prints a line. A reader that has gone away (`| head`) is not an error; the caller ends when it sees `false`.
pub(crate) fn line(text: &str) -> bool {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).is_ok()
}

/// Prints why the program ends: one line per cause, without a backtrace.
pub(crate) fn error(error: &anyhow::Error) {
    let mut text = format!("error: {error}");
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        // Some libraries repeat their cause in their own message.
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    drop(writeln!(std::io::stderr(), "{text}"));
}

/// Tells people something beside the output proper.
pub(crate) fn remark(text: &str) {
    drop(writeln!(std::io::stderr(), "{text}"));
}

/// Whether people read standard output.
pub(crate) fn terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// JSON on one line: white space between tokens goes, everything else stays to the byte (numbers and escapes too).
pub(crate) fn json_line(json: &[u8]) -> Cow<'_, str> {
    let mut out = Vec::with_capacity(json.len());
    let (mut in_string, mut escaped) = (false, false);
    for &byte in json {
        if in_string {
            out.push(byte);
            (escaped, in_string) = (byte == b'\\' && !escaped, escaped || byte != b'"');
        } else if !byte.is_ascii_whitespace() {
            out.push(byte);
            in_string = byte == b'"';
        }
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_put_on_one_line_and_nothing_else_happens_to_it() {
        let json = b"{ \"a b\" : [ 1.0e0 ,\n 9007199254740993 ], \"c\": \"x \\\" \\\\\" , \"d\":\"\\u00e9 \" }";
        assert_eq!(
            json_line(json),
            r#"{"a b":[1.0e0,9007199254740993],"c":"x \" \\","d":"\u00e9 "}"#
        );
    }
}
