//! `forebay sources`: lists the sources, and registers their URLs with their platforms.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use control::connect::{self, Client, ConnectError, Exchange, KeptSecret, Order, Registration, Report, Sent};
use schemas::source::{Source, SourceDirectory as _};
use url::{Host, Url};

use crate::cli::{ConfigArg, ConnectArgs, SourcesArgs, SourcesCommand};
use crate::config::{self, ConfigError};
use crate::output::Printer;
use crate::{assemble, output};

/// Never an argument: what stands on a command line can be read by everyone on the machine.
const TOKEN: &str = "FOREBAY_PLATFORM_TOKEN";

/// Runs one of the subcommands.
pub(crate) async fn sources(args: SourcesArgs, out: &mut Printer) -> anyhow::Result<()> {
    match args.command {
        SourcesCommand::List(args) => list(&args, out),
        SourcesCommand::Connect(args) => register(*args, out).await,
    }
}

fn list(args: &ConfigArg, out: &mut Printer) -> anyhow::Result<()> {
    let loaded = config::load(&args.config)?;
    let registry = assemble::registry(&loaded)?;
    let mut sources: Vec<&Arc<Source>> = registry.sources().collect();
    sources.sort_by(|a, b| a.id.cmp(&b.id));
    let mut rows = vec![["id", "tenant", "platform", "scheme", "path"].map(str::to_owned)];
    rows.extend(sources.into_iter().map(|source| {
        [
            source.id.to_string(),
            source.tenant.to_string(),
            source.platform.to_string(),
            connect::proofs(source),
            connect::shown_path(source),
        ]
    }));
    for line in output::table(&rows) {
        if !out.line(&line) {
            break;
        }
    }
    Ok(())
}

async fn register(args: ConnectArgs, out: &mut Printer) -> anyhow::Result<()> {
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
    let loaded = config::load(&args.file.config)?;
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

/// A file for a secret: readable by its owner only, and there at its name only when it is whole.
struct Keeper {
    file: File,
    part: PathBuf,
    path: PathBuf,
    kept: bool,
}

impl Keeper {
    fn open(path: &Path) -> anyhow::Result<Self> {
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let file = File::options().write(true).create_new(true).mode(0o600).open(&part);
        let file = file.map_err(|e| ConfigError(format!("--secret-out: cannot write `{}`: {e}", part.display())))?;
        Ok(Self {
            file,
            part,
            path: path.to_owned(),
            kept: false,
        })
    }

    /// Writes it and gives the file its name. The line feed is one that `${NAME_FILE}` in the configuration takes off.
    fn keep(mut self, kept: &KeptSecret) -> anyhow::Result<PathBuf> {
        let (KeptSecret::SigningSecret(secret) | KeptSecret::Url(secret)) = kept;
        let written = self
            .file
            .write_all(secret.expose())
            .and_then(|()| self.file.write_all(b"\n"))
            .and_then(|()| self.file.sync_all())
            .and_then(|()| std::fs::rename(&self.part, &self.path));
        written.with_context(|| format!("cannot write `{}`", self.path.display()))?;
        self.kept = true;
        Ok(self.path.clone())
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if !self.kept
            && let Err(error) = std::fs::remove_file(&self.part)
        {
            output::remark(&format!("cannot remove `{}`: {error}", self.part.display()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

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

    #[test]
    fn a_secret_is_kept_in_a_file_that_only_its_owner_reads() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secret");
        std::fs::write(&path, "an old one, readable by all").expect("written");
        let keeper = Keeper::open(&path).expect("it can be written");
        let kept = keeper
            .keep(&KeptSecret::SigningSecret(Secret::new("s3cret")))
            .expect("kept");
        assert_eq!(std::fs::read_to_string(&kept).expect("readable"), "s3cret\n");
        assert_eq!(
            std::fs::metadata(&kept).expect("there").permissions().mode() & 0o777,
            0o600
        );

        drop(Keeper::open(&path).expect("it can be written again"));
        let left: Vec<_> = std::fs::read_dir(folder.path()).expect("readable").collect();
        assert_eq!(left.len(), 1, "nothing is left of a secret that never came: {left:?}");
        assert!(Keeper::open(&folder.path().join("no/such/folder")).is_err());
    }
}
