//! `forebay health`: asks the operators' port of a process on this machine, for containers, which have no other client.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use http::{HeaderMap, Method};
use url::Url;

use crate::cli::HealthArgs;
use crate::config::{self, ConfigError};
use crate::output::Printer;

/// How long the answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The same of `/readyz`, which gives each check 15 seconds: what does not answer is what one wants to be told.
const READY_PATIENCE: Duration = Duration::from_secs(20);

/// Prints what the process answers, and fails unless that is 200.
pub(crate) async fn health(args: HealthArgs, out: &mut Printer) -> anyhow::Result<()> {
    let base = if let Some(url) = args.url {
        url
    } else {
        let loaded = config::load_or_built_in(
            args.config.as_deref(),
            config::Missing::LeaveIn(&config::needs_no_secret()),
        )?;
        config::url_of(&loaded.config.admin.listen)
    };
    for path in ["/livez", "/readyz", "/metrics"] {
        if let Some(base) = base.trim_end_matches('/').strip_suffix(path) {
            return Err(ConfigError(format!("--url is the base: leave `{path}` out, as in {base}")).into());
        }
    }
    let (path, patience) = if args.ready {
        ("/readyz", READY_PATIENCE)
    } else {
        ("/livez", PATIENCE)
    };
    let url = format!("{}{path}", base.trim_end_matches('/'));
    let parsed = Url::parse(&url)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"));
    let parsed =
        parsed.ok_or_else(|| ConfigError(format!("`{base}` is no URL: write for example http://127.0.0.1:9464")))?;
    let asked = super::client()?
        .request(Method::GET, &parsed, HeaderMap::new(), Bytes::new(), patience)
        .await;
    let answer = asked
        .with_context(|| format!("no answer from {url} (is the process running, and is that its `admin.listen`?)"))?;
    for line in String::from_utf8_lossy(&answer.body).lines() {
        out.line(line);
    }
    ensure!(
        answer.status.as_u16() == 200,
        "{url} answered {}",
        answer.status.as_u16()
    );
    Ok(())
}
