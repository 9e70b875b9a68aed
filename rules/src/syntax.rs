//! What is wrong with a text that is not CEL, in plain words.
//!
//! The parser names tokens. What people write instead of CEL (`=`, `and`, a bracket too few) is found here first, by
//! reading the text again, token by token.

use super::fault::Fault;

/// Returns the mistakes that can be named, in the order of the text. Only for texts that do not compile.
pub(super) fn faults(text: &str) -> Vec<Fault> {
    let (tokens, unclosed) = tokens(text);
    let mut faults = Vec::new();
    let mut open: Vec<&Token> = Vec::new();
    for (number, token) in tokens.iter().enumerate() {
        let before = number.checked_sub(1).and_then(|number| tokens.get(number));
        let reason = match token.kind {
            Kind::Sign => sign(&token.text).map(str::to_owned),
            Kind::Word => word(&token.text, before, tokens.get(number + 1)),
            Kind::Open => {
                open.push(token);
                None
            }
            Kind::Close => match open.pop() {
                Some(opened) if closing(&opened.text) == token.text => None,
                Some(opened) => Some(format!("`{}` is closed by `{}`", opened.text, token.text)),
                None => Some(format!("a `{}` closes nothing", token.text)),
            },
            Kind::Quote => Some(format!("`{}` is no quotation mark here: write \"", token.text)),
            Kind::Literal => None,
        };
        faults.extend(reason.map(|reason| fault(token.at, &reason)));
    }
    match unclosed {
        // What follows is not known, brackets included.
        Some((at, quote)) => faults.push(fault(at, &format!("a {quote} is not closed"))),
        None => faults.extend(
            open.iter()
                .map(|token| fault(token.at, &format!("a `{}` is not closed", token.text))),
        ),
    }
    faults.sort_by_key(|fault| fault.at);
    faults
}

fn fault(at: usize, reason: &str) -> Fault {
    Fault {
        at: Some(at),
        reason: format!("`when` is not valid CEL: {reason}"),
    }
}

/// Returns the parser's message in plain words, without its list of all possible tokens.
pub(super) fn reason(message: &str) -> String {
    let message = message.strip_prefix("Syntax error: ").unwrap_or(message);
    let message = message.lines().next().unwrap_or_default();
    let quoted = message
        .split('\'')
        .nth(1)
        .map(str::trim)
        .filter(|text| !text.is_empty());
    let reason = match quoted {
        Some("<EOF>") => "it ends too early".to_owned(),
        Some(text)
            if [
                "mismatched input",
                "extraneous input",
                "no viable",
                "token recognition error",
            ]
            .iter()
            .any(|begin| message.starts_with(begin)) =>
        {
            format!("`{text}` cannot stand here")
        }
        _ if message.contains("has() macro") => {
            "`has` asks whether a member is there, and takes its name without quotes: `has(event.data.ticket)`"
                .to_owned()
        }
        _ if message.contains("ExprContext") => "something is missing in it".to_owned(),
        _ => match message.strip_prefix("reserved identifier: ") {
            Some(name) => format!("`{name}` is a word of CEL: write [\"{name}\"] for a member of that name"),
            None => message
                .split_once(" expecting ")
                .map_or(message, |(message, _)| message)
                .to_owned(),
        },
    };
    format!("`when` is not valid CEL: {reason}")
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Word,
    /// A number, or text in quotes.
    Literal,
    Open,
    Close,
    Sign,
    /// A typographic quotation mark.
    Quote,
}

#[derive(Debug)]
struct Token {
    kind: Kind,
    at: usize,
    text: String,
}

/// Everything longer than one character that is read as one sign, longest first.
const SIGNS: [&str; 15] = [
    "===", "!==", "==", "!=", "<=", ">=", "=<", "=>", "=~", "<>", ":=", "&&", "||", ".?", "?.",
];

/// Returns the tokens, and the quotation mark that is not closed, with its character.
fn tokens(text: &str) -> (Vec<Token>, Option<(usize, &'static str)>) {
    let characters: Vec<char> = text.chars().collect();
    let rest = |at: usize| characters.get(at..).unwrap_or_default();
    let mut tokens: Vec<Token> = Vec::new();
    let mut at = 0;
    while let Some(&c) = characters.get(at) {
        let (kind, length) = match c {
            c if c.is_whitespace() => {
                at += 1;
                continue;
            }
            '/' if rest(at).starts_with(&['/', '/']) => {
                at += rest(at).iter().take_while(|c| **c != '\n').count();
                continue;
            }
            '"' | '\'' => {
                let is_raw = tokens.last().is_some_and(|token| is_raw_prefix(token, at));
                match quoted(rest(at), is_raw) {
                    Some(length) => (Kind::Literal, length),
                    None => return (tokens, Some((at, if c == '"' { "`\"`" } else { "`'`" }))),
                }
            }
            '\u{201c}' | '\u{201d}' | '\u{2018}' | '\u{2019}' | '\u{ab}' | '\u{bb}' => (Kind::Quote, 1),
            '(' | '[' | '{' => (Kind::Open, 1),
            ')' | ']' | '}' => (Kind::Close, 1),
            c if c.is_alphabetic() || c == '_' => (Kind::Word, run(rest(at), |c| c.is_alphanumeric() || c == '_')),
            c if c.is_ascii_digit() => (Kind::Literal, run(rest(at), |c| c.is_ascii_alphanumeric() || c == '.')),
            _ => {
                let here: String = rest(at).iter().take(3).collect();
                let sign = SIGNS.iter().find(|sign| here.starts_with(**sign));
                (Kind::Sign, sign.map_or(1, |sign| sign.len()))
            }
        };
        tokens.push(Token {
            kind,
            at,
            text: rest(at).iter().take(length).collect(),
        });
        at += length;
    }
    (tokens, None)
}

fn run(characters: &[char], belongs: impl Fn(char) -> bool) -> usize {
    characters.iter().take_while(|c| belongs(**c)).count()
}

/// Whether `token` is the `r` of `r"…"`, whose quotation mark is at `at`.
fn is_raw_prefix(token: &Token, at: usize) -> bool {
    let name = token.text.to_lowercase();
    token.at + name.chars().count() == at && ["r", "br", "rb"].contains(&name.as_str())
}

/// Returns the length of the text in quotes with which `characters` begins; `None` if it is not closed.
fn quoted(characters: &[char], is_raw: bool) -> Option<usize> {
    let quote = *characters.first()?;
    let is_long = characters.starts_with(&[quote; 3]);
    let end: &[char] = if is_long { &[quote; 3] } else { &[quote] };
    let mut at = end.len();
    loop {
        let rest = characters.get(at..)?;
        let c = *rest.first()?;
        if rest.starts_with(end) {
            return Some(at + end.len());
        }
        if c == '\n' && !is_long {
            return None;
        }
        at += if c == '\\' && !is_raw { 2 } else { 1 };
    }
}

fn closing(open: &str) -> &'static str {
    match open {
        "(" => ")",
        "[" => "]",
        _ => "}",
    }
}

/// Returns what to write instead of a sign that CEL does not have.
fn sign(sign: &str) -> Option<&'static str> {
    Some(match sign {
        "=" | "===" | ":=" => "`==` compares",
        "!==" | "<>" => "`!=` is the opposite of `==`",
        "=<" => "`<=` is \"at most\"",
        "=>" => "`>=` is \"at least\"",
        "?." => "`.?` is for a member that may be missing",
        "=~" | "~" => "`.matches(\"\u{2026}\")` compares with a regular expression",
        "&" => "`&&` is \"and\"",
        "|" => "`||` is \"or\"",
        ";" => "a condition is one expression, and has no `;`",
        _ => return None,
    })
}

/// Returns what to write instead of a word that stands where an operator belongs.
fn word(word: &str, before: Option<&Token>, after: Option<&Token>) -> Option<String> {
    let is_operand = |token: &Token| matches!(token.kind, Kind::Word | Kind::Literal);
    let follows =
        before.is_some_and(|token| is_operand(token) && !is_operator(&token.text) || token.kind == Kind::Close);
    let precedes = after.is_some_and(is_operand);
    let lower = word.to_lowercase();
    Some(match lower.as_str() {
        "and" if follows => "`&&` is \"and\"".to_owned(),
        "or" if follows => "`||` is \"or\"".to_owned(),
        "is" | "eq" | "equals" if follows => "`==` compares".to_owned(),
        "like" if follows => "`.contains(\"\u{2026}\")` looks for a part of a text".to_owned(),
        "not" if follows && after.is_some_and(|token| token.text == "in") => {
            "write `!(a in b)` for \"a not in b\"".to_owned()
        }
        "not" if precedes && before.is_none_or(|token| token.text != ".") => "`!` is \"not\"".to_owned(),
        "contains" | "startswith" | "endswith" | "matches" if follows => {
            let name = match lower.as_str() {
                "startswith" => "startsWith",
                "endswith" => "endsWith",
                other => other,
            };
            format!("`{name}` is called with a dot and brackets: `.{name}(\"\u{2026}\")`")
        }
        _ => return None,
    })
}

/// Whether a word stands between two operands.
fn is_operator(word: &str) -> bool {
    ["and", "or", "not", "in", "is"].contains(&word.to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each text has these mistakes, at these characters.
    #[test]
    fn mistakes_are_named_in_plain_words_where_they_are() {
        let cases: [(&str, &[(usize, &str)]); 27] = [
            ("a = 1", &[(2, "`==` compares")]),
            ("a === 1", &[(2, "`==` compares")]),
            ("a <> 1", &[(2, "`!=` is the opposite of `==`")]),
            ("a => 1", &[(2, "`>=` is \"at least\"")]),
            ("a and b", &[(2, "`&&` is \"and\"")]),
            ("(a) OR \"b\"", &[(4, "`||` is \"or\"")]),
            ("not a", &[(0, "`!` is \"not\"")]),
            ("a and not b", &[(2, "`&&` is \"and\""), (6, "`!` is \"not\"")]),
            ("a not in [b]", &[(2, "write `!(a in b)` for \"a not in b\"")]),
            ("a & b", &[(2, "`&&` is \"and\"")]),
            ("a?.b == 1", &[(1, "`.?` is for a member that may be missing")]),
            (
                "a like \"b\"",
                &[(2, "`.contains(\"\u{2026}\")` looks for a part of a text")],
            ),
            ("a | b", &[(2, "`||` is \"or\"")]),
            ("é = 1 and b", &[(2, "`==` compares"), (6, "`&&` is \"and\"")]),
            ("(a && b", &[(0, "a `(` is not closed")]),
            ("a[0", &[(1, "a `[` is not closed")]),
            ("a)", &[(1, "a `)` closes nothing")]),
            ("(a]", &[(2, "`(` is closed by `]`")]),
            ("a == \"b", &[(5, "a `\"` is not closed")]),
            ("f(a == 'b", &[(7, "a `'` is not closed")]),
            (
                "a == \u{201c}b\u{201d}",
                &[
                    (5, "`\u{201c}` is no quotation mark here: write \""),
                    (7, "`\u{201d}` is no quotation mark here: write \""),
                ],
            ),
            (
                "a startsWith \"b\"",
                &[(
                    2,
                    "`startsWith` is called with a dot and brackets: `.startsWith(\"\u{2026}\")`",
                )],
            ),
            // Nothing in quotes or in a comment is a mistake, and no name.
            ("\"a = b and c (\" ==", &[]),
            (r#"r"\" == 'it\'s (' =="#, &[]),
            ("\"\"\"a \" ( b\"\"\" == // = (", &[]),
            ("a.and == b.or == not", &[]),
            ("a ==", &[]),
        ];
        for (text, expected) in cases {
            let found: Vec<(usize, String)> = faults(text)
                .into_iter()
                .map(|fault| (fault.at.expect("a place"), fault.reason))
                .collect();
            let expected: Vec<(usize, String)> = expected
                .iter()
                .map(|(at, reason)| (*at, format!("`when` is not valid CEL: {reason}")))
                .collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
