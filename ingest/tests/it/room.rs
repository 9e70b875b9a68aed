//! A running ingest, its sources, and a client that writes bytes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ingest::{Config, Drained, Ingest, serve, sign};
use prometheus_client::registry::Registry;
use schemas::name::{SourceId, Tenant, TopicName};
use schemas::platform::Platform;
use schemas::secret::Secret;
use schemas::source::{Scheme, Source, TokenPlace};
use schemas::time::Timestamp;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use harness::directory::Sources;
use harness::publish_log::{Mode, TestLog};

/// How long a test waits for what must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const SECRET: &str = "cw-secret-exemplo";

/// What must stand in the path besides, for sources with two proofs, and what may while it is rotated.
pub(crate) const URL_SECRET: &str = "new/secret of the path";
pub(crate) const OLD_URL_SECRET: &str = "old-secret-of-the-path";

fn source(id: &'static str, platform: Platform, scheme: Option<Scheme>, secret: &str) -> Source {
    Source {
        scheme,
        max_body_bytes: 20_000,
        ..Source::new(
            SourceId::new(id).expect("valid"),
            Tenant::new("acme").expect("valid"),
            platform,
            vec![Secret::new(secret)],
        )
    }
}

/// The same, with a secret in its path besides.
fn two_proofs(source: Source) -> Source {
    Source {
        url_secrets: [URL_SECRET, OLD_URL_SECRET].map(Secret::new).into(),
        ..source
    }
}

/// One source of each kind that the tests need.
pub(crate) fn sources() -> Vec<Source> {
    let token = |place| Some(Scheme::Token(place));
    vec![
        source("chatwoot", Platform::Chatwoot, None, SECRET),
        source("digisac", Platform::Digisac, None, "url/secret+1"),
        source("baileys", Platform::Baileys, None, "verify-token-exemplo"),
        source(
            "standard",
            Platform::Standard,
            None,
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        ),
        source(
            "header",
            Platform::Chatwoot,
            token(TokenPlace::Header("x-token".into())),
            "s3cret-token",
        ),
        source(
            "query",
            Platform::Chatwoot,
            token(TokenPlace::Query("token".into())),
            "s3cret-token",
        ),
        source("web1on1", Platform::Web1on1, None, SECRET),
        source("twitter", Platform::Twitter, None, SECRET),
        source("slack", Platform::Slack, None, SECRET),
        source("intercom", Platform::Intercom, None, SECRET),
        source("cloudevents", Platform::Cloudevents, None, SECRET),
        source("line", Platform::Line, None, SECRET),
        source("github", Platform::Github, None, SECRET),
        source("huggy", Platform::Huggy, None, "url-secret-1"),
        Source {
            verify_token: Some(Secret::new("huggys-token")),
            ..source("huggy-strict", Platform::Huggy, None, "url-secret-1")
        },
        Source {
            verify_token: Some(Secret::new("metas token")),
            ..source("whatsapp", Platform::WhatsappCloud, None, SECRET)
        },
        source("whatsapp-open", Platform::WhatsappCloud, None, SECRET),
        source("open", Platform::Chatwoot, Some(Scheme::None), ""),
        Source {
            max_body_bytes: 1_000_000,
            ..source("large", Platform::Chatwoot, Some(Scheme::None), "")
        },
        source("broken", Platform::Chatwoot, None, ""),
        two_proofs(source("two-baileys", Platform::Baileys, None, "verify-token-exemplo")),
        two_proofs(source("two-chatwoot", Platform::Chatwoot, None, SECRET)),
        two_proofs(Source {
            verify_token: Some(Secret::new("metas token")),
            ..source("two-whatsapp", Platform::WhatsappCloud, None, SECRET)
        }),
    ]
}

/// A running ingest.
pub(crate) struct Room {
    pub(crate) address: SocketAddr,
    pub(crate) log: Arc<TestLog>,
    pub(crate) directory: Arc<Sources>,
    pub(crate) shutdown: CancellationToken,
    pub(crate) serving: JoinHandle<Drained>,
    registry: Registry,
}

impl Room {
    pub(crate) async fn start(config: Config) -> Self {
        Self::start_at(config, Timestamp::now).await
    }

    pub(crate) async fn start_at(config: Config, clock: fn() -> Timestamp) -> Self {
        let log = Arc::new(TestLog::new(Mode::Acknowledge));
        let mut registry = Registry::default();
        let directory = Sources::new(sources().into_iter().map(Arc::new));
        let topic = TopicName::new("forebay.events").expect("valid");
        let ingest = Ingest::with_clock(config, directory.clone(), log.clone(), topic, &mut registry, clock)
            .expect("good settings");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let shutdown = CancellationToken::new();
        Self {
            address: listener.local_addr().expect("bound"),
            serving: tokio::spawn(serve(ingest, listener, shutdown.clone())),
            log,
            directory,
            shutdown,
            registry,
        }
    }

    pub(crate) async fn connect(&self) -> Client {
        Client {
            stream: TcpStream::connect(self.address).await.expect("it listens"),
            unread: Vec::new(),
        }
    }

    /// One request on its own connection.
    pub(crate) async fn exchange(&self, request: impl AsRef<[u8]>) -> Reply {
        let mut client = self.connect().await;
        client.send(request).await;
        client.reply().await
    }

    pub(crate) fn metrics(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).expect("a string takes everything");
        text
    }

    /// Waits until `line` is among the metrics.
    pub(crate) async fn eventually(&self, line: &str) {
        let waiting = async {
            while !self.metrics().lines().any(|l| l == line) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let came = timeout(PATIENCE, waiting).await.is_ok();
        assert!(came, "{line} never came:\n{}", self.metrics());
    }
}

/// The bytes of a request as the source's platform would send it now.
pub(crate) fn signed(source_id: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    signed_at(source_id, body, Timestamp::now())
}

pub(crate) fn signed_at(source_id: &str, body: impl AsRef<[u8]>, now: Timestamp) -> Vec<u8> {
    let source = sources()
        .into_iter()
        .find(|s| s.id.as_str() == source_id)
        .expect("a source");
    let request = sign(&source, &source.secrets[0], body.as_ref().to_vec(), now, "delivery-1").expect("signs");
    let header = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        format!("{name}: {}\r\n", value.to_str().expect("text"))
    };
    let headers: String = request.headers.iter().map(header).collect();
    let head = format!(
        "POST /in/{source_id}{} HTTP/1.1\r\nHost: h\r\n{headers}Content-Length: {}\r\n\r\n",
        request.path_suffix,
        request.body.len()
    );
    [head.as_bytes(), &request.body].concat()
}

/// One connection.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    unread: Vec<u8>,
}

impl Client {
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream
            .write_all(bytes.as_ref())
            .await
            .expect("the connection is open");
    }

    /// The next answer on this connection.
    pub(crate) async fn reply(&mut self) -> Reply {
        self.maybe_reply().await.expect("an answer and not the end")
    }

    /// The next answer, or `None` at the end of the connection.
    pub(crate) async fn maybe_reply(&mut self) -> Option<Reply> {
        let reading = async {
            loop {
                if let Some(reply) = Reply::take(&mut self.unread) {
                    return Some(reply);
                }
                if self.stream.read_buf(&mut self.unread).await.unwrap_or(0) == 0 {
                    return None;
                }
            }
        };
        timeout(PATIENCE, reading).await.expect("an answer or the end, in time")
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Reply {
    fn take(bytes: &mut Vec<u8>) -> Option<Self> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = String::from_utf8(bytes[..end].to_vec()).expect("text");
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().expect("a status");
        let headers: Vec<_> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let mut reply = Self {
            status,
            headers,
            body: String::new(),
        };
        let length: usize = reply
            .header("content-length")
            .map_or(0, |text| text.parse().expect("a number"));
        let body = bytes.get(end + 4..end + 4 + length)?.to_vec();
        reply.body = String::from_utf8(body).expect("text");
        bytes.drain(..end + 4 + length);
        Some(reply)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }

    /// All that must be so of a refusal.
    pub(crate) fn assert_refused(&self, status: u16, words: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        assert_eq!(self.header("location"), None, "{self:?}");
        let error: serde_json::Value = serde_json::from_str(&self.body).expect("JSON");
        let text = error["error"].as_str().expect("a text");
        assert!(text.contains(words), "`{words}` is not in `{text}`");
        let retry = self
            .header("retry-after")
            .map(|seconds| seconds.parse::<u16>().expect("seconds"));
        assert_eq!(retry.is_some(), status == 503, "{self:?}");
        assert!(retry.is_none_or(|seconds| (5..=30).contains(&seconds)), "{self:?}");
    }

    pub(crate) fn assert_accepted(&self) {
        assert_eq!((self.status, self.body.as_str()), (200, ""), "{self:?}");
        assert_eq!(self.header("content-type"), None, "{self:?}");
    }
}
