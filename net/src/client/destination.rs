//! Where a request goes, made ready once for many requests.

use bytes::Bytes;
use http::header::HOST;
use http::uri::{InvalidUri, PathAndQuery};
use http::{HeaderValue, Request, Uri};
use http_body_util::Full;
use url::{Position, Url};

use super::error::SendError;
use super::options::Options;
use super::place::{Origin, Places};
use super::sender::Sender;

/// A URL that passed the guard's first check.
#[derive(Debug, Clone)]
pub struct Destination {
    pub(super) uri: Uri,
    /// What stands in the request: path and query.
    target: Uri,
    host: HeaderValue,
    pub(super) origin: Origin,
}

impl Destination {
    /// Of a URL that the guard has judged.
    pub(super) fn new(url: &Url, places: &Places, options: &Options) -> Result<Self, SendError> {
        let unusable = |e: http::Error| SendError::Connect(format!("the URL is not usable: {e}"));
        let uri: Uri = url.as_str().parse().map_err(|e: InvalidUri| unusable(e.into()))?;
        let target = uri.path_and_query().map_or("/", PathAndQuery::as_str).parse();
        // The port is missing in both where it is the scheme's own.
        let host = HeaderValue::from_str(&url[Position::BeforeHost..Position::AfterPort]);
        Ok(Self {
            uri,
            target: target.map_err(|e: InvalidUri| unusable(e.into()))?,
            host: host.map_err(|e| unusable(e.into()))?,
            origin: places.find(&url[..Position::BeforePath], options)?,
        })
    }

    /// Writes where a request goes as the connection wants it.
    pub(super) fn address(&self, request: &mut Request<Full<Bytes>>, sender: &Sender) {
        if sender.is_shared() {
            // Scheme and host stand beside the path, and there is no other place for them.
            *request.uri_mut() = self.uri.clone();
            request.headers_mut().remove(HOST);
        } else {
            *request.uri_mut() = self.target.clone();
            request.headers_mut().insert(HOST, self.host.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use std::sync::Arc;

    use super::*;
    use crate::client::{Client, Guard, Settings, SystemResolver};

    thread_local! {
        static CLIENT: Client =
            Client::new(&Settings::default(), Guard::allow_all(), Arc::new(SystemResolver)).expect("a client");
    }

    /// Texts that parsers of URLs have disagreed about.
    fn piece() -> impl Strategy<Value = String> {
        let known = [
            "a",
            "@",
            ":",
            "/",
            "\\\\",
            "?",
            "#",
            "#@",
            "[::1]",
            "[",
            "]",
            "127.0.0.1",
            "0x7f.1",
            "①②⑦",
            "。",
            ".",
            "..",
            "%2f",
            "%00",
            "%40",
            "\t",
            "\n",
            " ",
            "é",
            "xn--",
            "ß",
            "::",
            ":80",
            ":0",
            ":99999",
            "example.com",
            "\u{200b}",
            "|",
            "<",
            "{",
            "^",
        ];
        prop_oneof![
            proptest::sample::select(known.to_vec()).prop_map(str::to_owned),
            "[a-z]{250,300}",
            any::<char>().prop_map(|c| c.to_string()),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]
        #[test]
        fn the_url_that_was_checked_and_the_one_that_is_dialled_have_the_same_host(
            scheme in "https?",
            slashes in "[/\\\\]{0,3}",
            rest in proptest::collection::vec(piece(), 1..6),
        ) {
            let Ok(url) = Url::parse(&format!("{scheme}:{slashes}{}", rest.concat())) else { return Ok(()) };
            let client = CLIENT.with(Client::clone);
            let Ok(Destination { uri, host, .. }) = client.destination(&url) else { return Ok(()) };
            // What the connector does with what the pool hands it.
            let dialled = Url::parse(&uri.to_string()).expect("a URL");
            prop_assert_eq!(dialled.host(), url.host());
            prop_assert_eq!(dialled.port_or_known_default(), url.port_or_known_default());
            prop_assert_eq!(uri.host().map(str::to_owned), url.host_str().map(str::to_owned));
            let named = url.port().map_or(String::new(), |port| format!(":{port}"));
            prop_assert_eq!(host.to_str().expect("text").to_owned(), url.host_str().unwrap_or_default().to_owned() + &named);
        }
    }
}
