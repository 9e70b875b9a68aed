//! Endpoints that can never get what they ask for.

use std::collections::BTreeSet;

use schemas::data::TYPES;
use schemas::endpoint::EventTypePattern;
use schemas::name::{EventType, Tenant};
use schemas::platform::OwnTypes;
use schemas::setting::Findings;
use schemas::spelling::{did_you_mean, distance, nearest};

use super::Config;

/// Without sources everything would be found, and nothing meant.
pub(super) fn check(config: &Config, found: &mut Findings) {
    if config.sources.is_empty() {
        return;
    }
    let tenants: BTreeSet<&str> = config.sources.iter().map(|source| source.tenant.as_str()).collect();
    for (index, endpoint) in config.endpoints.iter().enumerate() {
        let place = format!("endpoints[{index}]");
        if !tenants.contains(endpoint.tenant.as_str()) {
            let known: Vec<String> = tenants.iter().map(|tenant| format!("`{tenant}`")).collect();
            let reason = format!(
                "is `{}`, which no source has, so it never gets anything; the tenants of the sources are {}",
                endpoint.tenant,
                known.join(", ")
            );
            found.add(format!("{place}.tenant"), reason);
            continue;
        }
        let own = own_types_of(config, &endpoint.tenant);
        for (number, pattern) in endpoint.events.iter().enumerate() {
            if let Some(reason) = unmatched(pattern, &own) {
                found.add(format!("{place}.events[{number}]"), reason);
            }
        }
        let connect = config.sinks.http.as_ref().map(|http| http.connect_timeout_ms);
        if let Some(connect) = connect.filter(|connect| endpoint.timeout_ms > 0 && *connect > endpoint.timeout_ms) {
            let reason = format!(
                "is {}, less than `sinks.http.connect_timeout_ms` ({connect}), which never counts for this endpoint",
                endpoint.timeout_ms
            );
            found.add(format!("{place}.timeout_ms"), reason);
        }
    }
}

fn own_types_of(config: &Config, tenant: &Tenant) -> Vec<OwnTypes> {
    let sources = config.sources.iter().filter(|source| source.tenant == *tenant);
    sources.filter_map(|source| source.platform.own_types()).collect()
}

/// Why no event can fit the pattern; `None` if one can.
fn unmatched(pattern: &EventTypePattern, own: &[OwnTypes]) -> Option<String> {
    let ours = |name: &str| EventType::new(name.to_owned()).is_ok_and(|name| pattern.matches(&name));
    let text = match pattern {
        EventTypePattern::Exact(exact) => exact.as_str(),
        EventTypePattern::Prefix(prefix) => prefix.as_str(),
    };
    let theirs = |own: &OwnTypes| match (own, pattern) {
        (OwnTypes::Any, _) => !is_misspelt(pattern),
        (OwnTypes::Prefix(begins), EventTypePattern::Exact(_)) => text.starts_with(begins),
        (OwnTypes::Prefix(begins), EventTypePattern::Prefix(_)) => text.starts_with(begins) || begins.starts_with(text),
    };
    if TYPES.iter().any(|known| ours(known.name)) || own.iter().any(theirs) {
        return None;
    }
    let patterns = families();
    let advice = match pattern {
        EventTypePattern::Exact(exact) if patterns.contains(&format!("{exact}.*")) => {
            format!("; did you mean `{exact}.*`?")
        }
        EventTypePattern::Exact(exact) => did_you_mean(exact.as_str(), TYPES.iter().map(|known| known.name)),
        EventTypePattern::Prefix(_) => did_you_mean(&pattern.to_string(), patterns.iter().map(String::as_str)),
    };
    Some(format!(
        "is `{pattern}`: nothing that these sources send matches it{advice}"
    ))
}

/// Whether a sender who names its types as it likes still did not mean this: it is a type or a family of ours but for one letter,
/// or begins with a family of ours and goes on nearly like one of its types.
fn is_misspelt(pattern: &EventTypePattern) -> bool {
    let written = pattern.to_string();
    // One letter more is often another word: `tickets.*`, `contract.*`.
    let nearly = |known: &str| written.len() <= known.len() && distance(&written, known) == 1;
    let EventTypePattern::Exact(exact) = pattern else {
        return families().iter().any(|family| nearly(family));
    };
    if TYPES.iter().any(|known| nearly(known.name)) {
        return true;
    }
    let family = exact.as_str().split_once('.').map(|(family, _)| format!("{family}."));
    let family = family.filter(|family| TYPES.iter().any(|known| known.name.starts_with(family.as_str())));
    family.is_some_and(|family| {
        let near = nearest(exact.as_str(), TYPES.iter().map(|known| known.name));
        near.is_some_and(|near| near.starts_with(&family) && near.len() == exact.as_str().len())
    })
}

/// `message.*`, `group.*`, `group.participants.*` and so on.
fn families() -> BTreeSet<String> {
    let names = TYPES.iter().map(|known| known.name);
    names
        .flat_map(|name| {
            name.match_indices('.')
                .map(move |(dot, _)| format!("{}.*", &name[..dot]))
        })
        .collect()
}
