//! The configuration and the rules: everything that is wrong with both is found in one run.

use super::report::Report;
use crate::assemble::{self, AnyOfAll, Configured};
use crate::cli::CheckArgs;
use crate::config::{self, Config, ConfigError, Examined, Loaded, Missing, SinksConfig};

/// Reads the configuration with all its checks, and notes the warnings about it. Where it is wrong, the error also says what is
/// wrong with the rules; where it is right, the rules are not looked at.
///
/// With `--sink` only what `forebay process` uses for them is judged, with `--ingest` only what `forebay ingest` uses.
pub(super) fn read(args: &CheckArgs, report: &mut Report) -> Result<Loaded, ConfigError> {
    let unused = match args.sinks.as_slice() {
        _ if args.ingest => config::receives(),
        [] => Vec::new(),
        sinks => config::delivers_to(sinks),
    };
    let Examined { loaded, mistakes } = config::examine(&config::file_of(&args.file)?, Missing::LeaveIn(&unused))?;
    let Some(loaded) = loaded else {
        return Err(config::in_lines(&mistakes));
    };
    report.warnings = loaded.warnings(&unused);
    report.warnings.extend(loaded.ending_certificates(&unused));
    let wrong = if mistakes.is_empty() {
        match loaded.config.check_all_but_of(&unused) {
            found if found.is_empty() => Ok(()),
            found => Err(loaded.refuse(&found)),
        }
    } else {
        Err(config::in_lines(&mistakes))
    };
    match wrong {
        Ok(()) if args.ingest => Ok(without_process(loaded)),
        Ok(()) => Ok(loaded),
        Err(error) if args.ingest => Err(error),
        Err(error) => Err(match wrong_rules(&loaded) {
            Some(rules) => ConfigError(format!("{error}\n{rules}")),
            None => error,
        }),
    }
}

/// Without what `forebay ingest` does not even look at.
fn without_process(mut loaded: Loaded) -> Loaded {
    loaded.config.sinks = SinksConfig::default();
    loaded.config.store = None;
    loaded.config.rules_file = None;
    loaded
}

/// What is wrong with the rules of a configuration that is wrong itself, as far as it does not follow from that.
fn wrong_rules(loaded: &Loaded) -> Option<ConfigError> {
    if loaded.follows_from_a_mistake("rules_file") {
        return None;
    }
    let Config { event_log, sinks, .. } = &loaded.config;
    let sections = ["sinks", "endpoints", "event_log"];
    let known = !sections.iter().any(|section| loaded.follows_from_a_mistake(section));
    let rules = match (loaded.config.endpoints_alone(), event_log.topics()) {
        (Ok(endpoints), Ok(topics)) if known => {
            let destinations = Configured {
                sinks,
                topics: &topics,
                endpoints: &endpoints,
            };
            assemble::rules(loaded, &destinations)
        }
        _ => assemble::rules(loaded, &AnyOfAll),
    };
    rules.err()
}
