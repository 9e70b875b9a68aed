//! A source of every platform with its preset, one of every scheme that is no preset, and one that asks for two proofs.

use std::time::Duration;

use schemas::name::{SourceId, Tenant};
use schemas::platform::Platform;
use schemas::secret::Secret;
use schemas::source::{JwtScheme, Scheme, Source, TokenPlace};

pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
pub const USER: &str = "user:MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

pub fn all() -> Vec<Source> {
    let source = |platform, scheme: Option<Scheme>| {
        let secret = if scheme == Some(Scheme::Basic) { USER } else { SECRET };
        Source {
            scheme,
            verify_token: Some(Secret::new("verify-token")),
            max_body_bytes: usize::MAX,
            ..Source::new(
                SourceId::new("line-1").expect("a name"),
                Tenant::new("acme").expect("a name"),
                platform,
                vec![Secret::new(secret), Secret::new(secret)],
            )
        }
    };
    let others = [
        Scheme::Token(TokenPlace::Header("x-token".to_owned())),
        Scheme::Token(TokenPlace::Query("token".to_owned())),
        Scheme::Token(TokenPlace::Body("token".to_owned())),
        Scheme::Basic,
        Scheme::Jwt(JwtScheme {
            header: "authorization".to_owned(),
            leeway: Duration::from_secs(60),
        }),
        Scheme::Twilio {
            url: Some("https://hooks.example.com".to_owned()),
        },
        Scheme::UrlSecret,
    ];
    let presets = Platform::ALL.into_iter().map(|platform| source(platform, None));
    let two_proofs = Source {
        url_secrets: vec![Secret::new("a secret/in the URL"), Secret::new("an older one")],
        ..source(Platform::Chatwoot, None)
    };
    presets
        .chain([two_proofs])
        .chain(
            others
                .into_iter()
                .map(|scheme| source(Platform::Standard, Some(scheme))),
        )
        .collect()
}
