//! How we prove ourselves to an endpoint, as it is written.

use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use crate::endpoint::{Credentials, OAuth2};
use crate::secret::Secret;
use crate::setting::{Findings, Invalid, within};
use crate::spec::reference;

/// How we prove ourselves, beside the signature: exactly one of the three.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EndpointAuthSpec {
    /// User and password, as `Authorization: Basic`.
    pub basic: Option<BasicSpec>,
    /// A token, as `Authorization: Bearer`.
    pub bearer: Option<Secret>,
    /// A token that is fetched with client credentials, as `Authorization: Bearer`.
    pub oauth2: Option<OAuth2Spec>,
}

/// A user and a password.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BasicSpec {
    /// The user, without a colon.
    pub user: String,
    /// The password.
    pub password: Secret,
}

/// The grant of client credentials of OAuth 2.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OAuth2Spec {
    /// Where tokens are asked for.
    pub token_url: String,
    /// Who we are there.
    pub client_id: String,
    /// And how that is proved.
    pub client_secret: Secret,
    /// What the token is to be for, if the server wants to know.
    pub scope: Option<String>,
    /// Whom the token is to be for, if the server wants to know.
    pub audience: Option<String>,
}

impl EndpointAuthSpec {
    /// What it means, or everything that is wrong.
    pub(super) fn build(self) -> Result<Credentials, Vec<Invalid>> {
        match (self.basic, self.bearer, self.oauth2) {
            (Some(basic), None, None) => basic.build().map_err(|found| within("basic", found)),
            (None, Some(token), None) => {
                let mut found = Findings::default();
                check("bearer", &token, &mut found);
                // RFC 6750 §2.1: one word of printable characters.
                if token.expose().iter().any(|byte| !byte.is_ascii_graphic()) {
                    found.add("bearer", "is no token: it has blanks, or what is not ASCII");
                }
                found.into_value(Some(Credentials::Bearer(token)))
            }
            (None, None, Some(oauth2)) => oauth2.build().map_err(|found| within("oauth2", found)),
            _ => Err(vec![Invalid::new(
                "",
                "must name exactly one way: `basic`, `bearer` or `oauth2`",
            )]),
        }
    }

    /// What may be meant, and seldom is.
    pub(super) fn warnings(&self, found: &mut Findings) {
        let mut likely = |place: &str, secret: &Secret| {
            if let Some(reason) = reference::likely(secret) {
                found.add(place, reason);
            }
        };
        if let Some(basic) = &self.basic {
            likely("auth.basic.password", &basic.password);
        }
        if let Some(token) = &self.bearer {
            likely("auth.bearer", token);
            let prefix = token.expose().get(..7).unwrap_or_default();
            if prefix.eq_ignore_ascii_case(b"bearer ") {
                found.add(
                    "auth.bearer",
                    "begins with `Bearer `, which is set by itself: take it out",
                );
            }
        }
        if let Some(oauth2) = &self.oauth2 {
            if let Some(reason) = reference::likely(&oauth2.client_secret) {
                found.add("auth.oauth2.client_secret", reason);
            }
            if oauth2.token_url.starts_with("http://") {
                found.add(
                    "auth.oauth2.token_url",
                    "is not encrypted: whoever is on the way reads the client's secret",
                );
            }
        }
    }
}

impl BasicSpec {
    fn build(self) -> Result<Credentials, Vec<Invalid>> {
        let mut found = Findings::default();
        if self.user.contains(':') {
            found.add("user", "holds a `:`, which ends the user: no server could read it");
        }
        if self.user.chars().any(char::is_control) {
            found.add("user", "holds a control character");
        }
        check("password", &self.password, &mut found);
        if self
            .password
            .expose_str()
            .is_none_or(|text| text.chars().any(char::is_control))
        {
            found.add("password", "holds a line break or another control character");
        }
        found.into_value(Some(Credentials::Basic {
            user: self.user,
            password: self.password,
        }))
    }
}

impl OAuth2Spec {
    fn build(self) -> Result<Credentials, Vec<Invalid>> {
        let mut found = Findings::default();
        let token_url = found.keep_at("token_url", super::parse_url(&self.token_url));
        if self.client_id.is_empty() {
            found.add("client_id", "is empty: give the id that the server knows us by");
        }
        check("client_secret", &self.client_secret, &mut found);
        let build = |token_url: Url| {
            Credentials::OAuth2(OAuth2 {
                token_url,
                client_id: self.client_id,
                client_secret: self.client_secret,
                scope: self.scope,
                audience: self.audience,
            })
        };
        found.into_value(token_url.map(build))
    }
}

/// Something is there, and no reference that nothing has replaced.
fn check(place: &str, secret: &Secret, found: &mut Findings) {
    if secret.is_empty() {
        found.add(place, "is empty");
    } else {
        found.keep_at(place, reference::check(secret));
    }
}
