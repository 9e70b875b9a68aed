//! The metrics in the format that was asked for: `OpenMetrics` 1.0 where `Accept` names it, the older text format of Prometheus
//! (0.0.4) for everyone else, such as `curl` and scrapers that know no other.
//!
//! The two differ in little: the older one has the metric's own name, `_total` and `_info` included, in `# HELP` and `# TYPE`,
//! has no `# UNIT` and no `# EOF`, and knows no type `info` or `unknown`.

use std::fmt::Write as _;

use axum::http::{HeaderMap, HeaderValue, header};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const CLASSIC: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The content type, and the text.
pub(super) fn answer(registry: &Registry, headers: &HeaderMap) -> Result<(&'static str, String), std::fmt::Error> {
    let mut text = String::new();
    encode(&mut text, registry)?;
    let accepted = headers.get_all(header::ACCEPT);
    if accepted.iter().any(names_open_metrics) {
        Ok((OPEN_METRICS, text))
    } else {
        Ok((CLASSIC, classic(&text)?))
    }
}

/// Prometheus asks for `OpenMetrics` with a higher `q` than for the rest; who refuses it by `q=0` does not get it.
fn names_open_metrics(value: &HeaderValue) -> bool {
    let Ok(value) = value.to_str() else { return false };
    value.split(',').any(|range| {
        let mut parts = range.split(';').map(str::trim);
        parts.next() == Some("application/openmetrics-text") && !parts.any(|part| matches!(part, "q=0" | "q=0.0"))
    })
}

/// The same metrics in format 0.0.4.
fn classic(text: &str) -> Result<String, std::fmt::Error> {
    let mut out = String::with_capacity(text.len());
    let mut help = None;
    for line in text.lines() {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some("HELP"), Some(name), text) => help = Some((name, text.unwrap_or_default())),
            (Some("#"), Some("TYPE"), Some(name), Some(kind)) => {
                let (suffix, kind) = match kind {
                    "counter" => ("_total", "counter"),
                    "info" => ("_info", "gauge"),
                    "unknown" => ("", "untyped"),
                    other => ("", other),
                };
                if let Some((_, text)) = help.take_if(|(described, _)| *described == name) {
                    writeln!(out, "# HELP {name}{suffix} {text}")?;
                }
                writeln!(out, "# TYPE {name}{suffix} {kind}")?;
            }
            (Some("#"), Some("UNIT" | "EOF"), ..) => {}
            _ => writeln!(out, "{line}")?,
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus_client::metrics::counter::Counter;
    use prometheus_client::metrics::gauge::Gauge;
    use prometheus_client::metrics::info::Info;

    fn registry() -> Registry {
        let mut registry = Registry::default();
        let received: Counter = Counter::default();
        received.inc_by(3);
        registry.register("received", "Webhooks with a # in the text", received);
        registry.register("waiting", "Those that wait", Gauge::<i64>::default());
        registry.register("build", "The build", Info::new([("version", "1 2")]));
        registry
    }

    #[test]
    fn who_asks_for_nothing_gets_the_older_format() {
        let (content_type, text) = answer(&registry(), &HeaderMap::new()).expect("text");
        assert_eq!(content_type, CLASSIC);
        assert_eq!(
            text,
            "# HELP received_total Webhooks with a # in the text.\n# TYPE received_total counter\nreceived_total 3\n\
             # HELP waiting Those that wait.\n# TYPE waiting gauge\nwaiting 0\n\
             # HELP build_info The build.\n# TYPE build_info gauge\nbuild_info{version=\"1 2\"} 1\n"
        );
    }

    #[test]
    fn open_metrics_is_for_those_who_name_it() {
        for (accept, expected) in [
            (
                "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
                OPEN_METRICS,
            ),
            ("application/openmetrics-text", OPEN_METRICS),
            ("text/plain, application/openmetrics-text; q=0.1", OPEN_METRICS),
            ("application/openmetrics-text; q=0, */*", CLASSIC),
            ("text/plain", CLASSIC),
            ("*/*", CLASSIC),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);
            let (content_type, text) = answer(&registry(), &headers).expect("text");
            assert_eq!(content_type, expected, "{accept}");
            assert_eq!(text.ends_with("# EOF\n"), expected == OPEN_METRICS, "{accept}");
        }
    }
}
