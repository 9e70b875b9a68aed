//! What one source asks of its senders, made ready: keys decoded and hashed in, names parsed. A source asks for one proof, or for
//! two: a secret in the path besides its signature, token or password.
//!
//! The two are checked apart, the path first, and nothing of one is learned from the other: a wrong path is answered like a
//! source that does not exist, whether or not the signature would have fitted.

use http::HeaderName;
use http::header::AUTHORIZATION;
use schemas::secret::Secret;
use schemas::source::{Scheme, Source, TokenPlace};
use schemas::time::Timestamp;

use super::{InvalidSource, MAX_SECRETS, Presented, Refusal, header_name, the_only};
use super::{hmac, jwt, percent, standard_webhooks, token, twilio};
use crate::normalize::preset;

/// The least length of a secret in a path, bytes.
const LEAST_IN_PATH: usize = 8;

/// What a source asks of a request.
#[derive(Debug)]
pub(crate) struct Verifier {
    /// What must stand in the path: the only proof of the scheme `url_secret`, or the second one.
    path: Option<token::Tokens>,
    proof: Proof,
}

#[derive(Debug)]
enum Proof {
    Hmac(hmac::HmacVerifier),
    StandardWebhooks(standard_webhooks::StandardVerifier),
    Token {
        place: Place,
        tokens: token::Tokens,
    },
    Basic(token::Tokens),
    Jwt(jwt::JwtVerifier),
    Twilio(twilio::TwilioVerifier),
    /// The secret in the path is all.
    Path,
    /// No proof is asked for, by explicit choice.
    Open,
    /// The source would not have passed [`check_source`](super::check_source): no one is let in.
    Unusable {
        problem: String,
    },
}

#[derive(Debug)]
enum Place {
    Header(HeaderName),
    Query(String),
    Body(String),
}

/// The numbers of the secrets that matched, from 0, the newest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Matched {
    /// Of the source's `secrets`; none where anyone may send.
    pub(crate) secret: Option<usize>,
    /// Of its `url_secrets`, where it asks for one besides.
    pub(crate) url_secret: Option<usize>,
}

impl Verifier {
    pub(crate) fn new(source: &Source) -> Result<Self, InvalidSource> {
        Self::build(source).map_err(|problem| InvalidSource {
            source_id: source.id.to_string(),
            problem,
        })
    }

    /// Refuses every path, in the time that a source with a secret in its path takes.
    pub(crate) fn decoy() -> Self {
        Self {
            path: Some(token::Tokens::decoy()),
            proof: Proof::Path,
        }
    }

    /// Lets no one in, because of the source's settings and not of the sender.
    pub(crate) fn unusable(problem: String) -> Self {
        Self {
            path: None,
            proof: Proof::Unusable { problem },
        }
    }

    fn build(source: &Source) -> Result<Self, String> {
        let scheme = source.scheme.clone().unwrap_or_else(|| preset(source.platform));
        let path = match &scheme {
            Scheme::UrlSecret => Some(&source.secrets),
            _ => Some(&source.url_secrets).filter(|secrets| !secrets.is_empty()),
        };
        check_secrets(source, &scheme)?;
        Ok(Self {
            path: path
                .map(|secrets| token::Tokens::new(secrets, LEAST_IN_PATH))
                .transpose()?,
            proof: Proof::build(scheme, &source.secrets)?,
        })
    }

    /// Checks everything that the source asks for, and returns what matched.
    pub(crate) fn verify(&self, request: &Presented<'_>, now: Timestamp) -> Result<Matched, Refusal> {
        let in_path = self.find_in_path(request.path_secret)?;
        Ok(match self.proof {
            Proof::Path => Matched {
                secret: in_path,
                url_secret: None,
            },
            _ => Matched {
                secret: self.verify_proof(request, now)?,
                url_secret: in_path,
            },
        })
    }

    /// Whether the secret in the path is right, for sources that have one; asked before the body is read, so that a wrong
    /// one and a source that does not exist are answered at the same moment.
    pub(crate) fn verify_path(&self, path_secret: &str) -> bool {
        self.find_in_path(path_secret).is_ok()
    }

    /// `Ok` with the number of the secret in the path, if one is asked for.
    pub(crate) fn find_in_path(&self, path_secret: &str) -> Result<Option<usize>, Refusal> {
        let Some(tokens) = &self.path else { return Ok(None) };
        let matched = tokens.find(&percent::decode(path_secret));
        matched.map(Some).ok_or_else(|| tokens.no_match())
    }

    /// Checks the proof that is not in the path. `Ok` with the number of the secret that matched.
    pub(crate) fn verify_proof(&self, request: &Presented<'_>, now: Timestamp) -> Result<Option<usize>, Refusal> {
        match &self.proof {
            Proof::Hmac(verifier) => verifier.verify(request, now).map(Some),
            Proof::StandardWebhooks(verifier) => verifier.verify(request, now).map(Some),
            Proof::Token { place, tokens } => {
                let matched = match place {
                    Place::Header(name) => tokens.find(token::without_bearer(the_only(request.headers, name)?)),
                    Place::Query(name) => tokens.find(&token::in_query(request.query, name)?),
                    Place::Body(name) => tokens.find(token::in_body(request.body, name)?.as_bytes()),
                };
                matched.map(Some).ok_or_else(|| tokens.no_match())
            }
            Proof::Basic(tokens) => {
                let shown = token::basic(the_only(request.headers, &AUTHORIZATION)?)?;
                tokens.find(&shown).map(Some).ok_or_else(|| tokens.no_match())
            }
            Proof::Jwt(verifier) => verifier.verify(request, now).map(Some),
            Proof::Twilio(verifier) => verifier.verify(request).map(Some),
            Proof::Path | Proof::Open => Ok(None),
            Proof::Unusable { problem } => Err(Refusal::Unusable(problem.clone())),
        }
    }
}

impl Proof {
    fn build(scheme: Scheme, secrets: &[Secret]) -> Result<Self, String> {
        Ok(match scheme {
            Scheme::Hmac(scheme) => Self::Hmac(hmac::HmacVerifier::new(&scheme, secrets)?),
            Scheme::StandardWebhooks { tolerance } => {
                Self::StandardWebhooks(standard_webhooks::StandardVerifier::new(tolerance, secrets)?)
            }
            Scheme::Token(place) => Self::Token {
                place: match place {
                    TokenPlace::Header(name) => Place::Header(header_name(&name)?),
                    TokenPlace::Query(name) => Place::Query(name),
                    TokenPlace::Body(name) => Place::Body(name),
                },
                tokens: token::Tokens::new(secrets, 6)?,
            },
            Scheme::Basic => {
                if secrets.iter().any(|secret| !secret.expose().contains(&b':')) {
                    return Err(
                        "a secret of the scheme `basic` is `user:password`: one of them has no colon".to_owned(),
                    );
                }
                Self::Basic(token::Tokens::new(secrets, 8)?)
            }
            Scheme::Jwt(scheme) => Self::Jwt(jwt::JwtVerifier::new(&scheme, secrets)?),
            Scheme::Twilio { url } => Self::Twilio(twilio::TwilioVerifier::new(url.as_deref(), secrets)?),
            Scheme::UrlSecret => Self::Path,
            Scheme::None => Self::Open,
        })
    }
}

fn check_secrets(source: &Source, scheme: &Scheme) -> Result<(), String> {
    check_second(source, scheme)?;
    if *scheme == Scheme::None {
        return Ok(());
    }
    if source.secrets.is_empty() {
        return Err("it has no secret: set one, or choose `scheme: none` to let anyone send".to_owned());
    }
    if source.secrets.len() > MAX_SECRETS {
        let count = source.secrets.len();
        return Err(format!(
            "it has {count} secrets, at most {MAX_SECRETS} can be active: remove old ones"
        ));
    }
    match source.secrets.iter().position(Secret::is_empty) {
        Some(index) => Err(format!("its secret number {} is empty", index + 1)),
        None => Ok(()),
    }
}

/// Whether `url_secrets` are a second proof: beside a first one, and another than that.
fn check_second(source: &Source, scheme: &Scheme) -> Result<(), String> {
    let second = &source.url_secrets;
    if second.is_empty() {
        return Ok(());
    }
    match scheme {
        Scheme::UrlSecret => {
            return Err(
                "`url_secrets` are a second proof, but the secret in the URL is its only one already (`scheme: url_secret`): put \
                 all of them under `secrets`, or name in `auth` what it proves itself with besides"
                    .to_owned(),
            );
        }
        Scheme::None => {
            return Err(
                "`url_secrets` are a second proof, and `scheme: none` asks for no first: say `auth: { scheme: url_secret }` and \
                 put them under `secrets`"
                    .to_owned(),
            );
        }
        _ => {}
    }
    if second.len() > MAX_SECRETS {
        let count = second.len();
        return Err(format!(
            "it has {count} `url_secrets`, at most {MAX_SECRETS} can be active: remove old ones"
        ));
    }
    for (index, secret) in second.iter().enumerate() {
        let number = index + 1;
        let length = secret.expose().len();
        if length == 0 {
            return Err(format!(
                "number {number} of its `url_secrets` is empty; an empty secret proves nothing"
            ));
        }
        if length < LEAST_IN_PATH {
            return Err(format!(
                "number {number} of its `url_secrets` is too short to be safe from guessing ({length} bytes): use at least \
                 {LEAST_IN_PATH}"
            ));
        }
        if source.secrets.iter().any(|other| other.expose() == secret.expose()) {
            return Err(format!(
                "number {number} of its `url_secrets` is one of its `secrets` too: two proofs by one secret are one; use another"
            ));
        }
    }
    Ok(())
}
