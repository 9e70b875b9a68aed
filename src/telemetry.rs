//! Logs on standard error: text for people, JSON for machines.

use std::io::IsTerminal as _;

use schemas::setting::Invalid;
use schemas::spelling::did_you_mean;
use tracing_subscriber::EnvFilter;

use crate::config::{ConfigError, LogFormat, Logging};
use crate::output::{self, Stream};

/// Starts logging. librdkafka and sqlx talk through it too.
pub(crate) fn start(logging: &Logging) -> Result<(), ConfigError> {
    let filter = filter(logging).map_err(|invalid| ConfigError(invalid.to_string()))?;
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // Its report of a line that cannot be written is a panic where the terminal is closed.
        .log_internal_errors(false)
        .with_writer(std::io::stderr);
    let terminal = std::io::stderr().is_terminal();
    let started = match logging.format {
        LogFormat::Json => subscriber.json().flatten_event(true).try_init(),
        LogFormat::Auto if !terminal => subscriber.json().flatten_event(true).try_init(),
        LogFormat::Auto | LogFormat::Text => subscriber.with_ansi(output::colour(Stream::Error)).try_init(),
    };
    // Only a second start in one process can fail, and then the first one serves.
    drop(started);
    Ok(())
}

/// The levels, from silent to loud.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// What logs here: the crates of the program, and the libraries that say something.
const TARGETS: [&str; 29] = [
    "forebay",
    "ingest",
    "processor",
    "sinks",
    "database",
    "store",
    "stream",
    "net",
    "rules",
    "control",
    "schemas",
    "librdkafka",
    "rdkafka",
    "sqlx",
    "sqlx_core",
    "sqlx_postgres",
    "sqlx_sqlite",
    "hyper",
    "hyper_util",
    "h2",
    "tower",
    "tower_http",
    "axum",
    "tokio",
    "tokio_util",
    "rustls",
    "mio",
    "want",
    "log",
];

/// Which logs are written.
pub(crate) fn filter(logging: &Logging) -> Result<EnvFilter, Invalid> {
    let wrong = |reason: String| Invalid::new("logging.filter", reason);
    let text = &logging.filter;
    if text.split(',').all(|directive| directive.trim().is_empty()) {
        return Err(wrong("is empty: write a level, as in `info`".to_owned()));
    }
    for directive in directives(text) {
        directive.check().map_err(wrong)?;
    }
    let filter = EnvFilter::try_new(text).map_err(|e| {
        let reason = format!("is not valid: {e}; write for example `info,processor=debug`");
        wrong(reason)
    })?;
    // PostgreSQL's notices say that what is wanted is there already.
    let speaks_of_it = text.contains("sqlx") || text.trim() == "off";
    Ok(match "sqlx::postgres::notice=warn".parse() {
        Ok(quieter) if !speaks_of_it => filter.add_directive(quieter),
        _ => filter,
    })
}

/// Modules that nothing here logs from: what is asked of them is never written.
pub(crate) fn unknown_targets(logging: &Logging) -> Vec<Invalid> {
    let unknown = directives(&logging.filter).filter(|directive| directive.level.is_some());
    unknown
        .filter_map(|directive| Some(directive.target).filter(|target| !target.is_empty() && !is_target(target)))
        .map(|target| {
            let name = crate_of(target);
            let advice = did_you_mean(name, TARGETS);
            Invalid::new(
                "",
                format!("names the module `{name}`, from which nothing here logs{advice}"),
            )
        })
        .collect()
}

/// `level`, `target` or `target=level`. One with a span or fields is left to the library.
struct Directive<'f> {
    target: &'f str,
    level: Option<&'f str>,
}

fn directives(filter: &str) -> impl Iterator<Item = Directive<'_>> {
    let plain = !filter.contains(['[', '{', '"']);
    let parts = filter
        .split(',')
        .map(str::trim)
        .filter(move |part| plain && !part.is_empty());
    parts.map(|part| match part.split_once('=') {
        Some((target, level)) => Directive {
            target,
            level: Some(level),
        },
        None => Directive {
            target: part,
            level: None,
        },
    })
}

impl Directive<'_> {
    fn check(&self) -> Result<(), String> {
        let word = self.level.unwrap_or(self.target);
        if is_level(word) || (self.level.is_none() && is_target(word)) {
            return Ok(());
        }
        let levels = LEVELS.join(", ");
        let known = TARGETS.iter().copied().filter(|_| self.level.is_none());
        let advice = match word.to_ascii_lowercase().as_str() {
            "warning" => "; did you mean `warn`?".to_owned(),
            "none" => "; did you mean `off`?".to_owned(),
            _ => did_you_mean(word, LEVELS.into_iter().chain(known)),
        };
        let module = if self.level.is_none() {
            ", and no module that logs"
        } else {
            ""
        };
        Err(format!(
            "holds `{word}`, which is no level{module}: the levels are {levels}; write for example `info,processor=debug`{advice}"
        ))
    }
}

/// The library takes numbers, too.
fn is_level(word: &str) -> bool {
    LEVELS.iter().any(|level| level.eq_ignore_ascii_case(word)) || matches!(word.parse(), Ok(0..=5_u8))
}

fn is_target(target: &str) -> bool {
    TARGETS.contains(&crate_of(target))
}

fn crate_of(target: &str) -> &str {
    target.split_once("::").map_or(target, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logging(filter: &str) -> Logging {
        Logging {
            filter: filter.to_owned(),
            ..Logging::default()
        }
    }

    #[test]
    fn a_word_that_is_no_level_and_no_module_is_refused() {
        for (text, expected) in [
            (
                "inof",
                "holds `inof`, which is no level, and no module that logs: the levels are off, error, warn, info, debug, trace",
            ),
            ("inof", "did you mean `info`?"),
            ("warning", "did you mean `warn`?"),
            ("info,procesor", "did you mean `processor`?"),
            ("processor=loud", "holds `loud`, which is no level: "),
            ("a=b=c", "holds `b=c`"),
            (" , ", "is empty"),
        ] {
            let error = filter(&logging(text)).expect_err(text);
            assert!(error.reason.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn levels_modules_and_both_are_accepted() {
        for text in [
            "info",
            "WARN",
            "off",
            "3",
            "processor",
            "info,processor=debug",
            "info,sqlx::query=warn,ingest::decide=trace",
            "info,processor[deliver{sink=http}]=debug",
        ] {
            let read = filter(&logging(text));
            assert!(read.is_ok(), "{text}: {:?}", read.err());
            assert_eq!(unknown_targets(&logging(text)), [], "{text}");
        }
    }

    #[test]
    fn an_unknown_module_is_warned_of() {
        let found = unknown_targets(&logging("info,procesor=debug,nginx=info"));
        let found: Vec<&str> = found.iter().map(|warning| warning.reason.as_str()).collect();
        assert_eq!(
            found,
            [
                "names the module `procesor`, from which nothing here logs; did you mean `processor`?",
                "names the module `nginx`, from which nothing here logs",
            ]
        );
    }
}
