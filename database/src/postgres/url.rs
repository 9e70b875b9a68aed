//! The connection URL as it is written: what of it would lead somewhere else, or be ignored. No reason quotes the URL, for it
//! may hold a password.

use std::borrow::Cow;
use std::path::PathBuf;
use std::str::FromStr as _;

use schemas::spelling::did_you_mean;
use sqlx::postgres::PgConnectOptions;
use url::Url;

/// The parameters that the driver knows. It ignores any other, and writes its value into the log.
const PARAMETERS: [&str; 18] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];

/// The values of `sslmode`.
const MODES: [&str; 6] = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];

/// What to write in the place of parameters that other programs know.
const ADVICE: [(&str, &str); 9] = [
    ("currentSchema", SCHEMA),
    ("schema", SCHEMA),
    ("search_path", SCHEMA),
    (
        "ssl",
        "write `sslmode=require`, or `sslmode=verify-full` with `sslrootcert`",
    ),
    ("connect_timeout", "set `connect_timeout_ms` beside `url`"),
    ("statement_timeout", "set `statement_timeout_ms` beside `url`"),
    ("lock_timeout", "set `lock_timeout_ms` beside `url`"),
    (
        "target_session_attrs",
        "point `url` to the primary: one host is connected to",
    ),
    ("sslpassword", "use a key file without a password"),
];

const SCHEMA: &str = "write `options=-csearch_path%3DNAME` for the schema NAME";

/// What helps where a password has broken the URL.
const PASSWORD: &str = "if its password holds `@`, `:`, `/`, `?`, `#` or `%`, these characters must be escaped in a URL (`@` as \
                        %40): take it out of the URL, and give it as `password:` beside `url:`, where nothing is escaped";

/// Reads the URL, or says what is wrong with it, as the rest of a sentence.
pub(super) fn options(url: &str) -> Result<PgConnectOptions, String> {
    let wrong = |why: &str| format!("is not a connection URL: {why}");
    let scheme = ["postgres://", "postgresql://"]
        .iter()
        .find_map(|scheme| url.strip_prefix(scheme));
    let Some(rest) = scheme else {
        return Err(wrong("it does not begin with postgres://"));
    };
    check(rest)?;
    PgConnectOptions::from_str(url).map_err(|error| match error {
        // The error of the URL parser names what is wrong without quoting the URL.
        sqlx::Error::Configuration(why) => wrong(&format!("{why}; {PASSWORD}")),
        _ => wrong(&format!("it cannot be read; {PASSWORD}")),
    })
}

/// Returns what may be meant, and seldom is.
pub(super) fn warning(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let (authority, after) = split(rest);
    if authority.matches('@').count() > 1 {
        let reason = "holds `@` more than once before the host: the last one ends the password here, but other programs read it in \
                      another way; write %40 for the others, or give `password:` beside `url:`";
        return Some(reason.to_owned());
    }
    let (path, query) = after.split_once('?').unwrap_or((after, ""));
    let is_named = !path.trim_start_matches('/').is_empty() || query.contains("dbname=");
    (!is_named).then(|| {
        "names no database, so the one with the user's name is taken: write it after the host, as in \
         postgres://user:password@host:5432/database"
            .to_owned()
    })
}

/// Returns the files of certificates that the URL names, each with the parameter's usual name.
pub(super) fn certificate_files(url: &str) -> Vec<(&'static str, PathBuf)> {
    let Ok(url) = Url::parse(url) else { return Vec::new() };
    let file = |(key, value): (Cow<'_, str>, Cow<'_, str>)| {
        let parameter = match &*key {
            "sslrootcert" | "ssl-root-cert" | "ssl-ca" => "sslrootcert",
            "sslcert" | "ssl-cert" => "sslcert",
            _ => return None,
        };
        // The certificates themselves may stand there as well.
        (!value.contains("-----BEGIN")).then(|| (parameter, PathBuf::from(value.into_owned())))
    };
    url.query_pairs().filter_map(file).collect()
}

/// What comes before the path, and the rest.
fn split(rest: &str) -> (&str, &str) {
    rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()))
}

/// Checks what follows the scheme.
fn check(rest: &str) -> Result<(), String> {
    let (authority, rest) = split(rest);
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let pairs: Vec<(&str, &str)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .collect();
    let stray = path.contains('@') || pairs.iter().any(|(key, _)| key.contains(['@', '/', ':']));
    if stray || rest.contains('#') {
        return Err(format!("leads somewhere else than it seems: {PASSWORD}"));
    }
    let host = authority.rsplit_once('@').map(|(_, host)| host);
    if host.is_some_and(|host| host.is_empty() || host.starts_with(':')) && pairs.iter().all(|(key, _)| *key != "host")
    {
        return Err(format!("names no host after `@`: {PASSWORD}"));
    }
    for (key, value) in pairs {
        let is_mode = key == "sslmode" || key == "ssl-mode";
        if is_mode && !MODES.contains(&value.to_ascii_lowercase().as_str()) {
            // The value is not shown: it may be a piece of a password.
            return Err(format!(
                "has an `{key}` that is not known: give one of {}",
                MODES.join(", ")
            ));
        }
        let known = PARAMETERS.contains(&key) || key.starts_with("options[") || key.starts_with("options%5B");
        if !known {
            return Err(unknown(key));
        }
    }
    Ok(())
}

fn unknown(key: &str) -> String {
    // A piece of a password looks otherwise.
    let name = key
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
        && key.len() <= 40;
    let advice = ADVICE.iter().find(|(other, _)| *other == key);
    let nearest = || did_you_mean(key, PARAMETERS.into_iter().filter(|_| name));
    let advice = advice.map_or_else(
        || format!("remove it, or correct its name{}", nearest()),
        |(_, advice)| (*advice).to_owned(),
    );
    if name {
        format!("has the parameter `{key}`, which is not known: {advice}")
    } else {
        format!("has a parameter that is not known: {advice}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_leads_elsewhere_is_refused_without_being_quoted() {
        for (url, expected) in [
            ("mysql://u:hunter2@h/d", "it does not begin with postgres://"),
            ("postgres://u:hunter2/x@h/d", "give it as `password:` beside `url:`"),
            ("postgres://u:12/hunter2@h/d", "leads somewhere else than it seems"),
            ("postgres://u:12?hunter2@h/d", "leads somewhere else than it seems"),
            ("postgres://u:12#hunter2@h/d", "leads somewhere else than it seems"),
            ("postgres://u:hunter2#x@h/d", "leads somewhere else than it seems"),
            ("postgres://u:hunter2@/d", "names no host"),
            ("postgres://u:hunter2@:5432/d", "names no host"),
            ("postgres://u:hunter2@h:x/d", "give it as `password:` beside `url:`"),
            (
                "postgres://u@h/d?sslpassword=hunter2",
                "the parameter `sslpassword`, which is not known",
            ),
            (
                "postgres://u@h/d?currentSchema=hunter2",
                "write `options=-csearch_path%3DNAME`",
            ),
            (
                "postgres://u@h/d?sslmod=hunter2",
                "the parameter `sslmod`, which is not known: remove it, or correct its name; did you mean `sslmode`?",
            ),
            (
                "postgres://u@h/d?sslmode=hunter2",
                "has an `sslmode` that is not known: give one of disable",
            ),
            ("postgres://u@h/d?hunter2%21=1", "has a parameter that is not known"),
        ] {
            let error = options(url).expect_err(url);
            assert!(error.contains(expected) && !error.contains("hunter2"), "{url}: {error}");
        }
    }

    #[test]
    fn a_url_that_is_right_is_accepted() {
        for url in [
            "postgres://u:p@h/d",
            "postgresql://u:p%40ss@h:5433/d?sslmode=require&application_name=a@b",
            "postgres://h/d?options=-csearch_path%3Dapp&options[lock_timeout]=5",
            "postgres:///d?host=/var/run/postgresql",
            "postgres://h?dbname=d&sslmode=verify-full",
            "postgres://u@[::1]:5432/d",
        ] {
            let read = options(url);
            assert!(read.is_ok(), "{url}: {:?}", read.err());
            assert_eq!(warning(url), None, "{url}");
        }
        assert!(warning("postgres://u:p@ss@h/d").is_some());
        for url in [
            "postgres://u:p@h:5432",
            "postgres://u:p@h/",
            "postgres://u:p@h?sslmode=require",
        ] {
            let warning = warning(url).expect(url);
            assert!(warning.starts_with("names no database"), "{url}: {warning}");
        }
    }
}
