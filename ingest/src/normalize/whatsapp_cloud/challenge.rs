//! How Meta verifies the endpoint before it sends.

use http::Method;

use crate::normalize::handshake::Handshake;
use crate::normalize::{Forbidden, Reply};

/// `GET ?hub.mode=subscribe&hub.challenge=…&hub.verify_token=…`: whoever knows the token gets the challenge back.
pub(super) fn challenge(ask: &Handshake<'_>) -> Option<Result<Reply, Forbidden>> {
    if ask.method != Method::GET {
        return None;
    }
    let asked = ask.parameter("hub.mode").as_deref() == Some("subscribe");
    let shown = ask.parameter("hub.verify_token").unwrap_or_default();
    match ask.parameter("hub.challenge") {
        Some(challenge) if asked && ask.is_verify_token(&shown) => Some(Ok(Reply::Text(challenge.into_owned()))),
        _ => Some(Err(Forbidden)),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use schemas::name::{SourceId, Tenant};
    use schemas::platform::Platform;
    use schemas::secret::Secret;
    use schemas::source::Source;

    use super::*;

    #[test]
    fn the_challenge_is_answered_to_whoever_knows_the_token() {
        let source = |token: Option<&str>| Source {
            verify_token: token.map(Secret::new),
            ..Source::new(
                SourceId::new("line-1").expect("valid"),
                Tenant::new("acme").expect("valid"),
                Platform::WhatsappCloud,
                vec![],
            )
        };
        let (token, none, empty) = (source(Some("s3cret+token")), source(None), source(Some("")));
        let headers = HeaderMap::new();
        let challenge = Some(Ok(Reply::Text("1158201444".to_owned())));
        let good = "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=s3cret%2Btoken";
        for (source, method, query, expected) in [
            (&token, Method::GET, Some(good), challenge),
            (&token, Method::GET, Some(&good[..good.len() - 1]), Some(Err(Forbidden))),
            (&token, Method::GET, Some(&good[19..]), Some(Err(Forbidden))),
            (
                &token,
                Method::GET,
                Some("hub.mode=subscribe&hub.challenge=1"),
                Some(Err(Forbidden)),
            ),
            (
                &token,
                Method::GET,
                Some("hub.mode=subscribe&hub.challenge=&hub.verify_token=s3cret%2Btoken"),
                Some(Err(Forbidden)),
            ),
            (&token, Method::GET, None, Some(Err(Forbidden))),
            (&none, Method::GET, Some(good), Some(Err(Forbidden))),
            (
                &empty,
                Method::GET,
                Some("hub.mode=subscribe&hub.challenge=1&hub.verify_token="),
                Some(Err(Forbidden)),
            ),
            (&token, Method::HEAD, Some(good), None),
            (&token, Method::OPTIONS, Some(good), None),
        ] {
            let ask = Handshake {
                source,
                method: &method,
                headers: &headers,
                query,
            };
            assert_eq!(super::challenge(&ask), expected, "{method} {query:?}");
        }
    }
}
