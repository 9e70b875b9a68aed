//! What one source asks of its senders, made ready: keys decoded and hashed in, names parsed. A source asks for one proof, or for
//! two: a secret in the path besides its signature, token or password.
//!
//! The two are checked apart, the path first, and nothing of one is learned from the other: a wrong path is answered like a
//! source that does not exist, whether or not the signature would have fitted.

use http::HeaderName;
use http::header::AUTHORIZATION;
use schemas::secret::Secret;
use schemas::setting::{Findings, Invalid};
use schemas::source::{Scheme, Source, TokenPlace};
use schemas::time::Timestamp;

use super::presented::{Presented, Refusal, the_only};
use super::settings::{MAX_SECRETS, header_name, of_each};
use super::{hmac, jwt, percent, standard_webhooks, token, twilio};

/// The least length of a secret in a path, of a token elsewhere, and of user and password, bytes.
const LEAST_IN_PATH: usize = 8;
const LEAST_TOKEN: usize = 6;
const LEAST_PAIR: usize = 8;

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
        place: ReadyTokenPlace,
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

/// A [`TokenPlace`] whose header has a name that HTTP allows.
#[derive(Debug)]
enum ReadyTokenPlace {
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
    /// `Err` is everything that is wrong with the source, by its place in it.
    pub(crate) fn new(source: &Source) -> Result<Self, Vec<Invalid>> {
        let scheme = source.scheme();
        let mut found = Findings::default();
        check_second(source, &scheme, &mut found);
        check_secrets(source, &scheme, &mut found);
        let path = match &scheme {
            Scheme::UrlSecret => Some(&source.secrets),
            // How long these are was looked at above.
            _ => Some(&source.url_secrets).filter(|secrets| !secrets.is_empty()),
        };
        let least = if scheme == Scheme::UrlSecret { LEAST_IN_PATH } else { 0 };
        let path = path.map(|secrets| token::Tokens::new(secrets, least)).transpose();
        let path = found.keep(path);
        let proof = found.keep(Proof::build(scheme, &source.secrets));
        let made = path.zip(proof).map(|(path, proof)| Self { path, proof });
        found.into_value(made)
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
                    ReadyTokenPlace::Header(name) => {
                        tokens.find(token::without_bearer(the_only(request.headers, name)?))
                    }
                    ReadyTokenPlace::Query(name) => tokens.find(&token::in_query(request.query, name)?),
                    ReadyTokenPlace::Body(name) => tokens.find(token::in_body(request.body, name)?.as_bytes()),
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
    fn build(scheme: Scheme, secrets: &[Secret]) -> Result<Self, Vec<Invalid>> {
        Ok(match scheme {
            Scheme::Hmac(scheme) => Self::Hmac(hmac::HmacVerifier::new(&scheme, secrets)?),
            Scheme::StandardWebhooks { tolerance } => {
                Self::StandardWebhooks(standard_webhooks::StandardVerifier::new(tolerance, secrets)?)
            }
            Scheme::Token(place) => {
                let mut found = Findings::default();
                let place = match place {
                    TokenPlace::Header(name) => found
                        .keep_at("auth.header", header_name(&name))
                        .map(ReadyTokenPlace::Header),
                    TokenPlace::Query(name) => Some(ReadyTokenPlace::Query(name)),
                    TokenPlace::Body(name) => Some(ReadyTokenPlace::Body(name)),
                };
                let tokens = found.keep(token::Tokens::new(secrets, LEAST_TOKEN));
                let made = place.zip(tokens);
                let (place, tokens) = found.into_value(made)?;
                Self::Token { place, tokens }
            }
            Scheme::Basic => {
                let mut found = Findings::default();
                found.keep(of_each(secrets, |secret| {
                    let parts = secret.expose().contains(&b':');
                    let reason = "has no colon: with the scheme `basic`, write it as `user:password`";
                    parts.then_some(()).ok_or_else(|| reason.to_owned())
                }));
                let tokens = found.keep(token::Tokens::new(secrets, LEAST_PAIR));
                Self::Basic(found.into_value(tokens)?)
            }
            Scheme::Jwt(scheme) => Self::Jwt(jwt::JwtVerifier::new(&scheme, secrets)?),
            Scheme::Twilio { url } => Self::Twilio(twilio::TwilioVerifier::new(url.as_deref(), secrets)?),
            Scheme::UrlSecret => Self::Path,
            Scheme::None => Self::Open,
        })
    }
}

fn check_secrets(source: &Source, scheme: &Scheme, found: &mut Findings) {
    if *scheme == Scheme::None {
        return;
    }
    if source.secrets.is_empty() {
        found.add(
            "secrets",
            "is empty: give at least one, or let anyone send with `auth: { scheme: none }`",
        );
    }
    check_count("secrets", &source.secrets, found);
    for (index, _) in source
        .secrets
        .iter()
        .enumerate()
        .filter(|(_, secret)| secret.is_empty())
    {
        found.add(
            format!("secrets[{index}]"),
            "is empty, and an empty secret authenticates no one: give one, or take it out",
        );
    }
}

/// Whether `url_secrets` are a second proof: beside a first one, and another than that.
fn check_second(source: &Source, scheme: &Scheme, found: &mut Findings) {
    let second = &source.url_secrets;
    if second.is_empty() {
        return;
    }
    match scheme {
        Scheme::UrlSecret => found.add(
            "url_secrets",
            "are a second proof, but the secret in the URL is its only one already (`scheme: url_secret`): put all of them under \
             `secrets`, or name in `auth` what it proves itself with besides",
        ),
        Scheme::None => found.add(
            "url_secrets",
            "are a second proof, and `scheme: none` asks for no first: say `auth: { scheme: url_secret }` and put them under \
             `secrets`",
        ),
        _ => {}
    }
    check_count("url_secrets", second, found);
    for (index, secret) in second.iter().enumerate() {
        let place = format!("url_secrets[{index}]");
        let length = secret.expose().len();
        if length == 0 {
            found.add(
                place,
                "is empty, and an empty secret proves nothing: give one, or take it out",
            );
        } else if length < LEAST_IN_PATH {
            found.add(
                place,
                format!("is too short to be safe from guessing ({length} bytes): use at least {LEAST_IN_PATH}"),
            );
        } else if let Some(first) = source
            .secrets
            .iter()
            .position(|other| other.expose() == secret.expose())
        {
            found.add(
                place,
                format!("is the same as `secrets[{first}]`, and two proofs by one secret are one: use another"),
            );
        }
    }
}

fn check_count(place: &str, secrets: &[Secret], found: &mut Findings) {
    let count = secrets.len();
    if count > MAX_SECRETS {
        found.add(
            place,
            format!("has {count} secrets, of which at most {MAX_SECRETS} can be active: remove old ones"),
        );
    }
}
