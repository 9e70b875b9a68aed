//! The arguments of the commands for the first hour: `dev`, `send`, `secret`.

use std::path::PathBuf;

use clap::Args;
use schemas::endpoint::EventTypePattern;
use schemas::name::SourceId;
use schemas::platform::Platform;
use url::Url;

use super::{OptionalConfigArg, Output};

#[derive(Debug, Args)]
pub(crate) struct DevArgs {
    /// The configuration file; without it the one that `FOREBAY_CONFIG` names, then `forebay.yaml` in this folder, then a source
    /// per platform with well-known secrets on 127.0.0.1
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where journal and database lie when the configuration does not say, and the requests that were refused
    #[arg(long, default_value = "forebay-data", value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Post each event that comes from now on to this URL, too, signed per Standard Webhooks (may be repeated)
    #[arg(long, value_name = "URL", value_parser = http_url)]
    pub(crate) forward_to: Vec<Url>,
    /// Forward only events of this type or family, for example `message.*` (may be repeated)
    #[arg(long, value_name = "PATTERN", requires = "forward_to")]
    pub(crate) events: Vec<EventTypePattern>,
    /// Receive webhooks on this address or port, in place of `ingest.listen`
    #[arg(long, value_name = "ADDRESS", value_parser = listen)]
    pub(crate) listen: Option<String>,
    /// Serve `/livez`, `/readyz` and `/metrics` on this address or port, in place of `admin.listen`
    #[arg(long, value_name = "ADDRESS", value_parser = listen)]
    pub(crate) admin: Option<String>,
    /// Log everything from `info` on, where `logging.filter` does not say more
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// Print no line for each webhook and delivery
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SendArgs {
    /// The platform to send as, for example chatwoot
    #[arg(required_unless_present_any = ["all", "list"])]
    pub(crate) platform: Option<Platform>,
    /// Post this body instead of a sample; `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) body: Option<PathBuf>,
    /// Send this header too, for example `X-GitHub-Event: push` (may be repeated)
    #[arg(long = "header", value_name = "NAME: VALUE")]
    pub(crate) headers: Vec<String>,
    /// Which sample to post; `--list` names them
    #[arg(long, value_name = "NAME", conflicts_with = "body")]
    pub(crate) sample: Option<String>,
    /// Post all samples of the platform, or of all platforms that the configuration has a source of
    #[arg(long, conflicts_with_all = ["body", "headers", "sample", "forge"])]
    pub(crate) all: bool,
    /// List the samples and what each becomes, and send nothing
    #[arg(long)]
    pub(crate) list: bool,
    /// The base URL of ingest; this machine and the port of `ingest.listen` if left out
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// The source to send to: its secret and scheme are taken from the configuration; the first source of the platform if left out
    #[arg(long, value_name = "ID")]
    pub(crate) source: Option<SourceId>,
    #[command(flatten)]
    pub(crate) given: OptionalConfigArg,
    /// Sign with a wrong key, to see the refusal; fails if it is accepted
    #[arg(long)]
    pub(crate) forge: bool,
    /// How to print
    #[arg(short, long, value_enum, default_value = "pretty")]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct SecretArgs {
    /// Print 64 hexadecimal digits, for a secret in a URL, in place of a signing secret of Standard Webhooks
    #[arg(long)]
    pub(crate) hex: bool,
    /// How many to make
    #[arg(short = 'n', long, value_name = "N", default_value_t = 1, value_parser = at_least_one)]
    pub(crate) count: u32,
}

fn at_least_one(text: &str) -> Result<u32, String> {
    super::whole(text).and_then(|count| match count {
        0 => Err("make at least 1".to_owned()),
        count => Ok(count),
    })
}

fn http_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|e| e.to_string());
    url.ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or_else(|| "write the whole URL, as in http://localhost:3000/hook".to_owned())
}

/// An address and a port, or a port on this machine only.
pub(super) fn listen(text: &str) -> Result<String, String> {
    if text.parse::<u16>().is_ok() {
        return Ok(format!("127.0.0.1:{text}"));
    }
    match text.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(text.to_owned()),
        _ => Err("write a port, or address and port, as in 127.0.0.1:8081".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_one_of_this_machine() {
        assert_eq!(listen("8081").as_deref(), Ok("127.0.0.1:8081"));
        assert_eq!(listen("0.0.0.0:8081").as_deref(), Ok("0.0.0.0:8081"));
        for wrong in ["", "host", "host:", ":80", "host:99999"] {
            assert!(listen(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn events_are_forwarded_to_a_whole_url() {
        assert!(http_url("http://localhost:3000/hook").is_ok());
        for wrong in ["localhost:3000", "/hook", "ftp://host/"] {
            assert!(http_url(wrong).is_err(), "{wrong}");
        }
    }
}
