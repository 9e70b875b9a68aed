//! What is asked for, and what came of it.

use schemas::platform::Platform;
use schemas::secret::Secret;
use schemas::source::{Scheme, Source};
use subtle::ConstantTimeEq as _;
use url::Url;

use super::error::ConnectError;
use super::ingest_url::{IngestUrl, Proof};

/// What is asked for.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "four independent flags of a command, each named by its option"
)]
pub struct Order<'a> {
    /// The source as it is configured.
    pub source: &'a Source,
    /// The public URL of ingest, without `/in/…`.
    pub base: Url,
    /// The platform's API; needed where the platform is self-hosted or every customer has a host of their own.
    pub api: Option<Url>,
    /// What the platform calls account, organization, repository.
    pub account: Option<String>,
    /// What the platform calls instance, session, connection, number.
    pub instance: Option<String>,
    /// Exactly these events, in the platform's own words. Empty: those that Forebay has types for, beside whatever is
    /// registered already.
    pub events: Vec<String>,
    /// The credentials for the platform's API.
    pub token: Option<Secret>,
    /// Send only what reads.
    pub dry_run: bool,
    /// Send the update even if nothing seems to differ: platforms do not show whether they have the newest secret.
    pub force: bool,
    /// Take the place of another URL, on platforms that have room for one only.
    pub replace: bool,
    /// Whoever orders can keep a secret that the platform shows once.
    pub keeps_secret: bool,
}

/// What came of it.
#[derive(Debug)]
pub struct Report {
    /// What was done; in a dry run, what would be.
    pub registration: Registration,
    /// Our URL, without the secret in it.
    pub url: String,
    /// What the operator should know or do.
    pub remarks: Vec<String>,
    /// What has to be kept: see [`KeptSecret`].
    pub kept_secret: Option<KeptSecret>,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Registration {
    /// It existed and was right: what it is called at the platform.
    Unchanged(String),
    /// It existed and was changed.
    Updated {
        /// What it is called at the platform.
        hook: String,
        /// What differed.
        differences: Vec<String>,
    },
    /// It did not exist: what it is called at the platform now.
    Created(String),
    /// The platform has no API for it: what to do by hand.
    ByHand(Vec<String>),
}

/// A text that must not be printed.
#[derive(Debug)]
pub enum KeptSecret {
    /// The platform's own signing secret, which is not among the source's `secrets` yet.
    SigningSecret(Secret),
    /// Our URL with the secret in it, to be pasted into the platform's panel.
    Url(Secret),
}

/// An order that was checked, with what follows from it.
pub(super) struct Task<'a> {
    pub(super) order: &'a Order<'a>,
    pub(super) source: &'a Source,
    pub(super) proof: Proof,
    pub(super) ingest_url: IngestUrl,
}

impl<'a> Task<'a> {
    pub(super) fn new(order: &'a Order<'a>) -> Result<Self, ConnectError> {
        let proof = Proof::of(order.source);
        if order.source.secrets.is_empty() && proof != Proof::Open {
            return Err(ConnectError::Order(format!(
                "source `{}` has no secrets: give at least one in the configuration",
                order.source.id
            )));
        }
        Ok(Self {
            order,
            source: order.source,
            ingest_url: IngestUrl::new(&order.base, order.source, &proof)?,
            proof,
        })
    }

    pub(super) fn platform(&self) -> &'static str {
        self.source.platform.as_str()
    }

    /// What ours is called at the platform.
    pub(super) fn name(&self) -> String {
        format!("Forebay {}", self.source.id)
    }

    /// The newest secret: what the platform should use from now on.
    pub(super) fn secret(&self) -> Option<&Secret> {
        self.source.secrets.first()
    }

    /// The newest secret as text, for platforms that are given it.
    pub(super) fn secret_text(&self) -> Result<&str, ConnectError> {
        let text = self.secret().and_then(Secret::expose_str);
        text.ok_or_else(|| ConnectError::Order(format!("the newest secret of source `{}` is not text", self.source.id)))
    }

    /// Whether `secret` is one that this source accepts.
    pub(super) fn accepts(&self, secret: &str) -> bool {
        let same = |known: &Secret| known.expose().ct_eq(secret.as_bytes());
        self.source.secrets.iter().any(|known| same(known).into())
    }

    /// Whether `secret` is the newest one.
    pub(super) fn is_newest(&self, secret: &str) -> bool {
        self.secret()
            .is_some_and(|newest| newest.expose().ct_eq(secret.as_bytes()).into())
    }

    /// The events to subscribe to when nothing is registered yet.
    pub(super) fn events(&self, defaults: &[&str]) -> Vec<String> {
        if self.order.events.is_empty() {
            defaults.iter().map(|&event| event.to_owned()).collect()
        } else {
            self.order.events.clone()
        }
    }

    /// The account, or an error that says `what` it is.
    pub(super) fn account(&self, what: &str) -> Result<&'a str, ConnectError> {
        given(self.order.account.as_deref(), "--account", what)
    }

    /// The instance, or an error that says `what` it is.
    pub(super) fn instance(&self, what: &str) -> Result<&'a str, ConnectError> {
        given(self.order.instance.as_deref(), "--instance", what)
    }

    /// The scheme of this source cannot be set up at its platform; `can` says which can.
    pub(super) fn unfit(&self, can: &str) -> ConnectError {
        ConnectError::Order(format!(
            "source `{}` has `scheme: {}`, which {} cannot do: {can}",
            self.source.id,
            self.source.scheme().name(),
            self.platform()
        ))
    }

    /// A signature is the platform's own; those that have a specification of their own are made by their own senders only.
    pub(super) fn own_signature(&self) -> Result<(), ConnectError> {
        match &self.source.scheme {
            Some(Scheme::StandardWebhooks { .. }) => Err(self.unfit("leave `auth` out for what it can do")),
            Some(Scheme::Twilio { .. }) if self.source.platform != Platform::Twilio => {
                Err(self.unfit("leave `auth` out for what it can do"))
            }
            _ => Ok(()),
        }
    }

    /// Platforms that post over TLS only would refuse the URL, some of them with an error that does not say so.
    pub(super) fn needs_https(&self) -> Result<(), ConnectError> {
        if self.ingest_url.is_encrypted() {
            return Ok(());
        }
        Err(ConnectError::Order(format!(
            "{} sends to https URLs only: give one with --url",
            self.platform()
        )))
    }

    /// A report without remarks, but for a URL that is not encrypted.
    pub(super) fn report(&self, registration: Registration) -> Report {
        let mut remarks = Vec::new();
        if !self.ingest_url.is_encrypted() && !matches!(registration, Registration::ByHand(_)) {
            remarks.push("the URL is not https: everyone on the way can read the webhooks".to_owned());
        }
        Report {
            registration,
            url: self.ingest_url.shown().to_owned(),
            remarks,
            kept_secret: None,
        }
    }
}

fn given<'a>(text: Option<&'a str>, option: &str, what: &str) -> Result<&'a str, ConnectError> {
    match text {
        None | Some("") => Err(ConnectError::Order(format!("{option} is missing: {what}"))),
        // They become a part of paths, where these two mean another part, even percent-encoded.
        Some("." | "..") => Err(ConnectError::Order(format!("{option} cannot be dots only: {what}"))),
        Some(text) => Ok(text),
    }
}

impl Report {
    pub(super) fn remark(mut self, remark: impl Into<String>) -> Self {
        self.remarks.push(remark.into());
        self
    }

    pub(super) fn remarks(mut self, remarks: Vec<String>) -> Self {
        self.remarks.extend(remarks);
        self
    }

    /// For platforms that sign with a secret of their own making: says what to do if `secret` is not one that we accept.
    pub(super) fn signed_with(mut self, task: &Task<'_>, secret: Option<&str>) -> Self {
        if let Some(secret) = secret.filter(|secret| !task.accepts(secret)) {
            self.remarks.push(format!(
                "{} signs with a secret of its own, which source `{}` does not have yet: until it stands in `secrets`, its \
                 webhooks are refused (401)",
                task.platform(),
                task.source.id
            ));
            self.kept_secret = Some(KeptSecret::SigningSecret(Secret::new(secret)));
        }
        self
    }
}
