//! The connection URL as it is written: what of it would lead somewhere else, or be ignored. No reason quotes the URL, for it
//! may hold a password.

use std::borrow::Cow;
use std::path::PathBuf;
use std::str::FromStr as _;

use schemas::spelling::did_you_mean;
use sqlx::postgres::PgConnectOptions;

use super::hosts::Hosts;

/// The parameters that are known. The driver ignores any other, and writes its value into the log.
const PARAMETERS: [&str; 19] = [
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
    "target_session_attrs",
];

/// The values of `sslmode`.
const MODES: [&str; 6] = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];

/// What to write in the place of parameters that other programs know.
const ADVICE: [(&str, &str); 10] = [
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
        "load_balance_hosts",
        "remove it: the host that fitted last is tried first, then the others in their order",
    ),
    (
        "pgbouncer",
        "write `pooler: transaction` beside `url`, or nothing: it is found out",
    ),
    ("sslpassword", "use a key file without a password"),
];

/// The parameter of libpq that says which of several hosts is wanted. Here it is one that takes writes in any case.
const TARGET: &str = "target_session_attrs";
/// Its values that fit.
const TARGETS: [&str; 3] = ["read-write", "primary", "any"];

const SCHEMA: &str = "write `schema: NAME` beside `url`";

/// What helps where a password has broken the URL.
const PASSWORD: &str = "if its password holds `@`, `:`, `/`, `?`, `#` or `%`, these characters must be escaped in a URL (`@` as \
                        %40): take it out of the URL, and give it as `password:` beside `url:`, where nothing is escaped";

/// Reads the URL, or says what is wrong with it, as the rest of a sentence.
pub(super) fn hosts(url: &str) -> Result<Hosts, String> {
    let scheme = ["postgres://", "postgresql://"]
        .iter()
        .find_map(|scheme| url.strip_prefix(scheme));
    let Some(rest) = scheme else {
        return Err(wrong("it does not begin with postgres://"));
    };
    check(rest)?;
    let all = each_alone(rest)?
        .iter()
        .map(|url| options(url))
        .collect::<Result<_, _>>()?;
    Ok(Hosts { all })
}

fn wrong(why: &str) -> String {
    format!("is not a connection URL: {why}")
}

fn options(url: &str) -> Result<PgConnectOptions, String> {
    PgConnectOptions::from_str(url).map_err(|error| match error {
        // The error of the URL parser names what is wrong without quoting the URL.
        sqlx::Error::Configuration(why) => wrong(&format!("{why}; {PASSWORD}")),
        _ => wrong(&format!("it cannot be read; {PASSWORD}")),
    })
}

/// The URL of each host alone, as the driver reads it: hosts and ports may be lists, in the authority or as parameters.
fn each_alone(rest: &str) -> Result<Vec<String>, String> {
    let (authority, after) = split(rest);
    let (user, hosts) = authority
        .rsplit_once('@')
        .map_or(("", authority), |(user, hosts)| (user, hosts));
    let (path, query) = after.split_once('?').unwrap_or((after, ""));
    let hosts: Vec<&str> = hosts.split(',').collect();
    let pairs: Vec<(&str, Vec<&str>)> = pairs(query)
        .filter(|(key, _)| *key != TARGET)
        .map(|(key, value)| {
            let is_list = matches!(key, "host" | "hostaddr" | "port");
            (
                key,
                if is_list {
                    value.split(',').collect()
                } else {
                    vec![value]
                },
            )
        })
        .collect();
    let counts = || pairs.iter().map(|(_, values)| values.len()).chain([hosts.len()]);
    let count = counts().max().unwrap_or(1);
    if counts().any(|one| one != 1 && one != count) {
        return Err(wrong("its lists of hosts and ports are not of one length"));
    }
    let at = |values: &[&str], place: usize| {
        values
            .get(place)
            .or(values.first())
            .copied()
            .unwrap_or_default()
            .to_owned()
    };
    // The parser wants a host after a user; the parameter replaces it.
    let stand_in = if pairs.iter().any(|(key, _)| *key == "host") && !user.is_empty() {
        "localhost"
    } else {
        ""
    };
    let host = |place: usize| {
        Some(at(&hosts, place))
            .filter(|host| !host.is_empty())
            .unwrap_or_else(|| stand_in.to_owned())
    };
    let one = |place: usize| {
        let at_sign = if user.is_empty() { "" } else { "@" };
        let pairs: Vec<String> = pairs
            .iter()
            .map(|(key, values)| format!("{key}={}", at(values, place)))
            .collect();
        let mark = if pairs.is_empty() { "" } else { "?" };
        format!(
            "postgres://{user}{at_sign}{}{path}{mark}{}",
            host(place),
            pairs.join("&")
        )
    };
    Ok((0..count).map(one).collect())
}

fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
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

/// Returns the files of certificates and keys that the URL names, each with the parameter's usual name.
pub(super) fn files(url: &str) -> Vec<(&'static str, PathBuf)> {
    // Not as a URL, which may have one host only.
    let Some((_, query)) = url.split_once('?') else {
        return Vec::new();
    };
    let file = |(key, value): (Cow<'_, str>, Cow<'_, str>)| {
        let parameter = match &*key {
            "sslrootcert" | "ssl-root-cert" | "ssl-ca" => "sslrootcert",
            "sslcert" | "ssl-cert" => "sslcert",
            "sslkey" | "ssl-key" => "sslkey",
            _ => return None,
        };
        // What is in them may stand there as well.
        (!value.contains("-----BEGIN")).then(|| (parameter, PathBuf::from(value.into_owned())))
    };
    url::form_urlencoded::parse(query.as_bytes()).filter_map(file).collect()
}

/// What comes before the path, and the rest.
fn split(rest: &str) -> (&str, &str) {
    rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()))
}

/// Checks what follows the scheme.
fn check(rest: &str) -> Result<(), String> {
    let (authority, rest) = split(rest);
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let stray = path.contains('@') || pairs(query).any(|(key, _)| key.contains(['@', '/', ':']));
    if stray || rest.contains('#') {
        return Err(format!("leads somewhere else than it seems: {PASSWORD}"));
    }
    let (with_user, hosts) = authority
        .rsplit_once('@')
        .map_or((false, authority), |(_, hosts)| (true, hosts));
    let several = hosts.contains(',');
    let is_no_host = |host: &str| host.is_empty() || host.starts_with(':');
    if (with_user || several) && hosts.split(',').any(is_no_host) && pairs(query).all(|(key, _)| key != "host") {
        let place = if several { "before or after a `,`" } else { "after `@`" };
        return Err(format!("names no host {place}: {PASSWORD}"));
    }
    for (key, value) in pairs(query) {
        // No value is shown: it may be a piece of a password.
        if (key == "sslmode" || key == "ssl-mode") && !MODES.contains(&value.to_ascii_lowercase().as_str()) {
            return Err(format!(
                "has an `{key}` that is not known: give one of {}",
                MODES.join(", ")
            ));
        }
        if key == TARGET && !TARGETS.contains(&value) {
            return Err(format!(
                "has a `{TARGET}` that does not fit who writes: give one of {}",
                TARGETS.join(", ")
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
                "write `schema: NAME` beside `url`",
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
            ("postgres://u:hunter2@h1,,h2/d", "names no host before or after a `,`"),
            ("postgres://u:hunter2@h1,h2/d?port=1,2,3", "are not of one length"),
            (
                "postgres://u@h/d?target_session_attrs=hunter2",
                "that does not fit who writes: give one of read-write, primary, any",
            ),
            (
                "postgres://u@h/d?target_session_attrs=standby",
                "that does not fit who writes",
            ),
            (
                "postgres://u@h/d?load_balance_hosts=hunter2",
                "the host that fitted last is tried first",
            ),
        ] {
            let error = hosts(url).expect_err(url);
            assert!(error.contains(expected) && !error.contains("hunter2"), "{url}: {error}");
        }
    }

    #[test]
    fn hosts_are_read_as_libpq_reads_them() {
        for (url, expected) in [
            (
                "postgres://u:p@h1:1,h2,[::1]:3/d",
                &[("h1", 1), ("h2", 5432), ("[::1]", 3)][..],
            ),
            (
                "postgres://h1,h2/d?target_session_attrs=primary",
                &[("h1", 5432), ("h2", 5432)],
            ),
            (
                "postgres:///d?host=h1,h2&port=1,2&target_session_attrs=any",
                &[("h1", 1), ("h2", 2)],
            ),
            (
                "postgres://u@/d?host=h1,h2&port=7&target_session_attrs=read-write",
                &[("h1", 7), ("h2", 7)],
            ),
            ("postgres://h:9/d", &[("h", 9)]),
        ] {
            let read = hosts(url).expect(url);
            let all: Vec<(&str, u16)> = read.all.iter().map(|one| (one.get_host(), one.get_port())).collect();
            assert_eq!(&all[..], expected, "{url}");
            assert!(read.all.iter().all(|one| one.get_database() == Some("d")), "{url}");
        }
        let files = files("postgres://h1,h2/d?sslrootcert=%2Fca.pem");
        assert_eq!(files, [("sslrootcert", PathBuf::from("/ca.pem"))]);
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
            let read = hosts(url);
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
