//! `forebay sources`: lists the sources, and registers their URLs with their platforms.

mod keeper;
mod list;

use std::sync::Arc;

use control::connect::{self, Client, ConnectError, Exchange, KeptSecret, Order, Registration, Report, Sent};
use schemas::source::{INGEST_PREFIX, Source, SourceDirectory as _};
use url::{Host, Url};

use crate::cli::{ConnectArgs, SourcesArgs, SourcesCommand};
use crate::config::{self, ConfigError};
use crate::output::Printer;
use crate::{assemble, output};
use keeper::Keeper;
use list::list;

/// Never an argument: what stands on a command line can be read by everyone on the machine.
const TOKEN: &str = "FOREBAY_PLATFORM_TOKEN";

/// Runs one of the subcommands.
pub(crate) async fn sources(args: SourcesArgs, out: &mut Printer) -> anyhow::Result<()> {
    match args.command {
        SourcesCommand::List(args) => list(&args, out),
        SourcesCommand::Connect(args) => register(*args, out).await,
    }
}

async fn register(args: ConnectArgs, out: &mut Printer) -> anyhow::Result<()> {
    if let Some((base, _)) = args.url.as_str().split_once(INGEST_PREFIX) {
        return Err(ConfigError(format!(
            "`--url` is the base, to which the source's own address is added: leave {INGEST_PREFIX}… out, as in {base}"
        ))
        .into());
    }
    let source = find_source(&args)?;
    if let Some(api) = args.api.as_ref().filter(|api| travels_in_the_open(api)) {
        let host = api.host_str().unwrap_or_default();
        output::remark(&format!(
            "note: the token goes to {host} without encryption: --api is not https"
        ));
    }
    let client = Client::new(args.ca_file.as_deref()).map_err(|e| ConfigError(format!("`--ca-file` {}", e.reason)))?;
    let token = config::secret_from_environment(TOKEN)?;
    // Before anything is registered: what a platform shows only once needs a place to be written to.
    let mut keeper = match &args.secret_out {
        Some(path) if !args.dry_run => Some(Keeper::open(path)?),
        _ => None,
    };
    let order = Order {
        source: &source,
        base: args.url,
        api: args.api,
        account: args.account,
        instance: args.instance,
        events: args
            .events
            .iter()
            .map(|event| event.trim().to_owned())
            .filter(|event| !event.is_empty())
            .collect(),
        token,
        dry_run: args.dry_run,
        force: args.force,
        replace: args.replace,
        keeps_secret: keeper.is_some(),
    };
    let mut print = |exchange: &Exchange| {
        for line in lines_of(exchange) {
            out.line(&line);
        }
    };
    let result = connect::connect(&order, &client, &mut print).await;
    let report = result.map_err(|error| match error {
        ConnectError::Order(reason) => anyhow::Error::from(ConfigError(reason)),
        other => other.into(),
    })?;
    for line in words(&source, &report, args.dry_run) {
        out.line(&line);
    }
    match (&report.kept_secret, keeper.take()) {
        (Some(secret), Some(keeper)) => {
            let path = keeper.keep(secret)?;
            out.line(&format!("note: {} is in {}", name_of(secret), path.display()));
        }
        (Some(secret), None) if !args.dry_run => {
            out.line(&format!(
                "note: {} is not shown; --secret-out FILE writes it to a file",
                name_of(secret)
            ));
        }
        _ => {}
    }
    Ok(())
}

/// Whether what is sent there can be read on the way.
fn travels_in_the_open(api: &Url) -> bool {
    let here = match api.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => true,
    };
    api.scheme() == "http" && !here
}

fn name_of(secret: &KeptSecret) -> &'static str {
    match secret {
        KeptSecret::SigningSecret(_) => "the signing secret",
        KeptSecret::Url(_) => "the URL with its secret",
    }
}

fn find_source(args: &ConnectArgs) -> anyhow::Result<Arc<Source>> {
    let loaded = config::load_file(&args.file, &[])?;
    let registry = assemble::registry(&loaded)?;
    let platform = args.platform;
    let missing = |what: String| ConfigError(format!("{}: {what}", loaded.file));
    let found = match &args.source {
        Some(id) => {
            let source = registry
                .find(id.as_str())
                .ok_or_else(|| missing(format!("there is no source `{id}`; `forebay sources list` names them")))?;
            if source.platform == platform {
                Ok(source)
            } else {
                Err(missing(format!(
                    "source `{id}` is of the platform {}, not {platform}",
                    source.platform
                )))
            }
        }
        None => registry
            .sources()
            .filter(|source| source.platform == platform)
            .min_by(|a, b| a.id.cmp(&b.id))
            .cloned()
            .ok_or_else(|| {
                missing(format!(
                    "there is no source of the platform {platform}: add one under `sources`"
                ))
            }),
    };
    Ok(found?)
}

fn lines_of(exchange: &Exchange) -> Vec<String> {
    let sent = match exchange.sent {
        Sent::Answered(status) => status.as_u16().to_string(),
        Sent::Unanswered => "no answer".to_owned(),
        Sent::LeftOut => "not sent".to_owned(),
    };
    let mut lines = vec![format!("{} {}  {sent}", exchange.method, exchange.url)];
    lines.extend(exchange.body.as_ref().map(|body| format!("    {body}")));
    lines
}

/// What came of it, in words.
fn words(source: &Source, report: &Report, dry_run: bool) -> Vec<String> {
    let named = |hook: &str| {
        if hook.is_empty() {
            "a webhook".to_owned()
        } else {
            hook.to_owned()
        }
    };
    let would = if dry_run { "would be " } else { "" };
    let (platform, url) = (source.platform, &report.url);
    let mut lines = match &report.registration {
        Registration::Unchanged(hook) => vec![format!(
            "nothing to do: {} at {platform} sends to {url} already",
            named(hook)
        )],
        Registration::Updated { hook, differences } => {
            let mut lines = vec![format!("{would}updated: {} at {platform} sends to {url}", named(hook))];
            lines.extend(
                differences
                    .iter()
                    .map(|difference| format!("    it differed: {difference}")),
            );
            lines
        }
        Registration::Created(hook) => vec![format!("{would}created: {} at {platform} sends to {url}", named(hook))],
        Registration::ByHand(steps) => {
            let mut lines = vec![format!("by hand: {platform} has no API to register a webhook with")];
            lines.extend(
                steps
                    .iter()
                    .enumerate()
                    .map(|(index, step)| format!("{:>3}. {step}", index + 1)),
            );
            lines
        }
    };
    lines.extend(report.remarks.iter().map(|remark| format!("note: {remark}")));
    lines
}

#[cfg(test)]
mod tests {
    use schemas::name::{SourceId, Tenant};
    use schemas::platform::Platform;
    use schemas::secret::Secret;
    use schemas::source::Scheme;
    use schemas::time::Timestamp;

    use super::*;

    #[test]
    fn the_path_that_is_registered_is_the_one_that_ingest_expects() {
        for platform in Platform::ALL {
            let source = Source {
                // The preset of Twilio signs for the host that a request names, which is not known here.
                scheme: (platform == Platform::Twilio).then(|| Scheme::Twilio {
                    url: Some("https://hooks.example.com".to_owned()),
                }),
                ..Source::new(
                    SourceId::new("line-1").expect("a name"),
                    Tenant::new("default").expect("a name"),
                    platform,
                    vec![Secret::new("whsec_Zm9yZWJheS1kZXYtc3RhbmRhcmQta2V5LTAx")],
                )
            };
            let secret = &source.secrets[0];
            let signed = ingest::sign(&source, secret, "{}", Timestamp::now(), "msg_1").expect("it can be signed");
            let suffix = if signed.path_suffix.is_empty() {
                ""
            } else {
                "/[redacted]"
            };
            assert_eq!(
                connect::shown_path(&source),
                format!("/in/line-1{suffix}"),
                "{platform}"
            );
        }
    }
}
