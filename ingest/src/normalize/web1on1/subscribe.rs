//! How Web1on1 makes sure of an address.

use http::Method;

use crate::normalize::handshake::Handshake;
use crate::normalize::{Forbidden, Reply};

/// GET with `type=subscribe` wants its challenge back, and nothing else.
pub(super) fn challenge(handshake: &Handshake<'_>) -> Option<Result<Reply, Forbidden>> {
    if *handshake.method != Method::GET {
        return None;
    }
    let subscribes = handshake.parameter("type").is_some_and(|kind| kind == "subscribe");
    let challenge = handshake.parameter("challenge").filter(|_| subscribes);
    Some(
        challenge
            .map(|challenge| Reply::Text(challenge.into_owned()))
            .ok_or(Forbidden),
    )
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use schemas::name::{SourceId, Tenant};
    use schemas::platform::Platform;
    use schemas::source::Source;

    use super::*;

    #[test]
    fn a_subscription_gets_its_challenge_back_and_nothing_else_gets_anything() {
        let source = Source::new(
            SourceId::new("line-1").expect("valid"),
            Tenant::new("acme").expect("valid"),
            Platform::Web1on1,
            vec![],
        );
        let text = |text: &str| Some(Ok(Reply::Text(text.to_owned())));
        for (method, query, expected) in [
            (Method::GET, Some("type=subscribe&challenge=X-1"), text("X-1")),
            (Method::GET, Some("challenge=a%20b%2Bc&type=subscribe"), text("a b+c")),
            (Method::GET, Some("type=subscribe&challenge="), Some(Err(Forbidden))),
            (Method::GET, Some("type=subscribe"), Some(Err(Forbidden))),
            (Method::GET, Some("type=other&challenge=X"), Some(Err(Forbidden))),
            (Method::GET, Some("challenge=X"), Some(Err(Forbidden))),
            (Method::GET, None, Some(Err(Forbidden))),
            (Method::HEAD, Some("type=subscribe&challenge=X"), None),
            (Method::PUT, Some("type=subscribe&challenge=X"), None),
        ] {
            let asked = Handshake {
                source: &source,
                method: &method,
                headers: &HeaderMap::new(),
                query,
            };
            assert_eq!(challenge(&asked), expected, "{method} {query:?}");
        }
    }
}
