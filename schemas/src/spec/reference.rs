//! Secrets that are none: references to variables in a spelling that is not replaced, and what examples write in their place.

use crate::secret::Secret;
use crate::setting::Findings;

/// Refuses a secret that is `$NAME`, `$(NAME)`, `%NAME%` or `{{ name }}`: a reference that nothing has replaced. Returns the
/// reason, as the rest of a sentence; it holds the text only where that is such a reference.
///
/// Lower-case names after a bare `$` are only [warned of](likely): a random secret could be such a text.
pub fn check(secret: &Secret) -> Result<(), String> {
    let Some(text) = secret.expose_str() else {
        return Ok(());
    };
    let (sign, name) = if let Some(name) = text.strip_prefix("$(").and_then(|rest| rest.strip_suffix(')')) {
        ("`$(`", name.trim())
    } else if let Some(name) = text.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")) {
        // What a template engine would have replaced: `{{ .Values.secret }}`, `{{ env "SECRET" }}`.
        let reason = "is a template that nothing has replaced (`{{ … }}`): write ${NAME}, and set the environment \
                      variable NAME; if the secret really is this text, choose another one";
        return Err(if is_name(name.trim()) {
            replaced(name.trim(), "`{{`")
        } else {
            reason.to_owned()
        });
    } else if let Some(name) = text.strip_prefix('%').and_then(|rest| rest.strip_suffix('%')) {
        ("`%`", name)
    } else if let Some(name) = text
        .strip_prefix('$')
        .filter(|name| !name.bytes().any(|b| b.is_ascii_lowercase()))
    {
        // The brace at its beginning may have been forgotten.
        ("`$`", name.strip_suffix('}').unwrap_or(name))
    } else {
        return Ok(());
    };
    if is_name(name) {
        Err(replaced(name, sign))
    } else {
        Ok(())
    }
}

fn replaced(name: &str, sign: &str) -> String {
    format!(
        "begins with {sign}, which is not replaced: write ${{{name}}}, and set the environment variable {name}; if \
         the secret really is this text, choose another one"
    )
}

/// Says what makes it likely that a secret is none: it is `$name`, or what examples write in the place of one. Never holds
/// the text.
pub fn likely(secret: &Secret) -> Option<String> {
    let text = secret.expose_str()?;
    if check(secret).is_err() {
        // Refused, which says more.
        return None;
    }
    if text.strip_prefix('$').is_some_and(is_name) {
        return Some("begins with `$` and goes on like a name: if a variable is meant, write ${NAME}".to_owned());
    }
    if let Some(reason) = wrapped(text) {
        return Some(reason.to_owned());
    }
    if names_a_variable(text) {
        return Some("looks like the name of a variable: write ${NAME} if its value is meant".to_owned());
    }
    if text.starts_with("/run/secrets/") || text.starts_with("file:") {
        return Some(
            "looks like the path of a file: if what is in it is meant, write ${NAME}, and set NAME_FILE to the path"
                .to_owned(),
        );
    }
    is_placeholder(text).then(|| {
        "is what examples write in the place of a secret: anyone can guess it; make one with `forebay secret`"
            .to_owned()
    })
}

/// Says what is around a secret and counts as a part of it, as `NAME="…"` in a file for containers and `echo … > file` leave it.
pub(super) fn wrapped(text: &str) -> Option<&'static str> {
    let quoted = |sign: char| text.len() > 2 && text.starts_with(sign) && text.ends_with(sign);
    if quoted('"') || quoted('\'') {
        return Some(
            "begins and ends with a quotation mark, which counts as a part of it: take the two out, unless the sender has them, too",
        );
    }
    (text.trim().len() != text.len()).then_some(
        "begins or ends with a blank or a line break, which counts as a part of it: take it out, unless the sender has it, too",
    )
}

/// What is found in a list of secrets at `place`: references are errors.
pub(super) fn check_all(place: &str, secrets: &[Secret], found: &mut Findings) {
    for (index, secret) in secrets.iter().enumerate() {
        found.keep_at(&format!("{place}[{index}]"), check(secret));
    }
}

/// What is found in a list of secrets at `place` that may be meant: a likely placeholder, and one that is listed twice.
pub(super) fn warn_all(place: &str, secrets: &[Secret], found: &mut Findings) {
    for (index, secret) in secrets.iter().enumerate() {
        let place = format!("{place}[{index}]");
        if let Some(reason) = likely(secret) {
            found.add(&place, reason);
        }
        // Not from outside: who compares here has the file.
        if secrets
            .iter()
            .take(index)
            .any(|earlier| earlier.expose() == secret.expose())
        {
            found.add(&place, "is listed twice: take one of them out");
        }
    }
}

fn is_name(text: &str) -> bool {
    let begins = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    begins && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Whether it is what names of variables usually are, in whatever signs: capital letters with `_` between them.
fn names_a_variable(text: &str) -> bool {
    let name = text.strip_prefix('$').unwrap_or(text);
    let name = name.strip_prefix("env:").unwrap_or(name);
    let name = name.trim_matches(['{', '}', '(', ')', '@']);
    is_name(name) && name.contains('_') && !name.bytes().any(|byte| byte.is_ascii_lowercase())
}

fn is_placeholder(text: &str) -> bool {
    const WORDS: [&str; 12] = [
        "changeme",
        "changeit",
        "replaceme",
        "secret",
        "mysecret",
        "yoursecret",
        "yoursecrethere",
        "password",
        "supersecret",
        "topsecret",
        "todo",
        "placeholder",
    ];
    let text = text.strip_prefix("whsec_").unwrap_or(text);
    let letters: String = text
        .chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect();
    let same = |letters: &str| letters.chars().all(|c| letters.starts_with(c));
    let angled = text.starts_with('<') && text.ends_with('>');
    angled || WORDS.contains(&letters.as_str()) || (letters.len() > 2 && same(&letters))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_that_is_not_replaced_is_refused_with_the_right_spelling() {
        for (text, expected) in [
            (
                "$CHATWOOT_SECRET",
                "begins with `$`, which is not replaced: write ${CHATWOOT_SECRET}",
            ),
            (
                "$CHATWOOT_SECRET}",
                "begins with `$`, which is not replaced: write ${CHATWOOT_SECRET}",
            ),
            (
                "$(CHATWOOT_SECRET)",
                "begins with `$(`, which is not replaced: write ${CHATWOOT_SECRET}",
            ),
            (
                "%CHATWOOT_SECRET%",
                "begins with `%`, which is not replaced: write ${CHATWOOT_SECRET}",
            ),
            (
                "{{ chatwoot_secret }}",
                "begins with `{{`, which is not replaced: write ${chatwoot_secret}",
            ),
            ("{{ .Values.secret }}", "is a template that nothing has replaced"),
        ] {
            let reason = check(&Secret::new(text)).expect_err(text);
            assert!(reason.starts_with(expected), "{reason}");
        }
        for text in [
            "a-long-enough-secret",
            "$aB3-x9",
            "$3CRET",
            "100%",
            "%",
            "%%",
            "$",
            "",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        ] {
            assert_eq!(check(&Secret::new(text)), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_examples_write_is_likely_no_secret() {
        for text in [
            "changeme",
            "change-me",
            "Your-Secret-Here",
            "xxxxxxxxxxxx",
            "<secret>",
            "whsec_xxxxxxxx",
            "$chatwoot_secret",
            "CHATWOOT_SECRET",
            "{CHATWOOT_SECRET}",
            "$env:CHATWOOT_SECRET",
            "/run/secrets/chatwoot",
            "\"a-long-enough-secret\"",
            "'a-long-enough-secret'",
            "a-long-enough-secret\n",
            " a-long-enough-secret",
        ] {
            let reason = likely(&Secret::new(text)).expect(text);
            assert!(!reason.contains(text), "the text is not repeated: {reason}");
        }
        for text in [
            "chatwoot-dev-secret",
            "a-long-enough-secret",
            "hunter2-hunter2",
            "K7QX2M9RTPLW4ZV8",
            "s3cret-s3cret",
            "",
        ] {
            assert_eq!(likely(&Secret::new(text)), None, "{text}");
        }
    }
}
