//! Senders of the four platforms. They sign with separate code (HMAC by hand, the stock library for Standard Webhooks),
//! never with Forebay's.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit as _, Mac as _};
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use sha2::Sha256;

/// The secret in the path of the source `digisac`.
pub const DIGISAC_SECRET: &str = "digisac-url-secret-1";
/// The key of the source `chatwoot`.
pub const CHATWOOT_SECRET: &str = "chatwoot-secret-1";
/// The token of the source `baileys`.
pub const BAILEYS_TOKEN: &str = "baileys-token-1";
/// The key of the source `standard`.
pub const STANDARD_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// The `sources:` part of a configuration with one source per platform.
pub fn sources() -> String {
    format!(
        "sources:\n  - {{ id: digisac, platform: digisac, secrets: [{DIGISAC_SECRET}] }}\n  \
         - {{ id: chatwoot, platform: chatwoot, secrets: [{CHATWOOT_SECRET}] }}\n  \
         - {{ id: baileys, platform: baileys, secrets: [{BAILEYS_TOKEN}] }}\n  \
         - {{ id: standard, platform: standard, secrets: [{STANDARD_SECRET}] }}\n"
    )
}

/// One webhook, ready to post.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// The path of its source, with a secret where that belongs there.
    pub path: String,
    /// All headers but the content type.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: String,
}

impl Webhook {
    /// Returns the same webhook with an invalid signature or credential.
    #[must_use]
    pub fn forged(&self) -> Self {
        let mut forged = self.clone();
        forged.path = forged.path.replace(DIGISAC_SECRET, "digisac-url-secret-2");
        forged.body = forged
            .body
            .replace(BAILEYS_TOKEN, "baileys-token-2")
            .replace("text-", "TEXT-");
        forged
    }
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .as_secs()
}

/// A message of the platform number `kind` (0 to 3) in conversation `conversation`, with a running number in its text.
/// One in four of the Digisac ones is a ticket event.
pub fn webhook(kind: usize, conversation: usize, number: usize) -> Webhook {
    let time = format!(
        "2026-03-10T13:{:02}:{:02}.{:03}Z",
        number / 60_000 % 60,
        number / 1000 % 60,
        number % 1000
    );
    match kind {
        0 if is_ticket(number) => Webhook {
            path: format!("/in/digisac/{DIGISAC_SECRET}"),
            headers: vec![],
            body: format!(
                r#"{{"event":"ticket.updated","data":{{"id":"ticket-{conversation}","isOpen":false,"protocol":"text-{number}","contactId":"c-{conversation}","accountId":"a","updatedAt":"{time}"}}}}"#
            ),
        },
        0 => Webhook {
            path: format!("/in/digisac/{DIGISAC_SECRET}"),
            headers: vec![],
            body: format!(
                r#"{{"event":"message.created","data":{{"id":"m-{number}","isFromMe":false,"type":"chat","timestamp":"{time}","contactId":"c-{conversation}","ticketId":"ticket-{conversation}","serviceId":"s","accountId":"a","text":"text-{number}"}}}}"#
            ),
        },
        1 => {
            let body = format!(
                r#"{{"event":"message_created","id":{number},"account":{{"id":3}},"content":"text-{number}","content_type":"text","message_type":"incoming","private":false,"created_at":"{time}","inbox":{{"id":5}},"conversation":{{"id":{conversation},"status":"open"}},"sender":{{"id":41,"name":"Ana"}}}}"#
            );
            let timestamp = now();
            let mut mac = Hmac::<Sha256>::new_from_slice(CHATWOOT_SECRET.as_bytes()).expect("any length");
            mac.update(format!("{timestamp}.{body}").as_bytes());
            let digest = hex(&mac.finalize().into_bytes());
            Webhook {
                path: "/in/chatwoot".into(),
                headers: vec![
                    ("x-chatwoot-timestamp", timestamp.to_string()),
                    ("x-chatwoot-signature", format!("sha256={digest}")),
                ],
                body,
            }
        }
        2 => Webhook {
            path: "/in/baileys".into(),
            headers: vec![],
            body: format!(
                r#"{{"event":"messages.upsert","data":{{"messages":[{{"key":{{"remoteJid":"55119{conversation}@s.whatsapp.net","fromMe":false,"id":"WA{number}"}},"messageTimestamp":{},"pushName":"Ana","message":{{"conversation":"text-{number}"}}}}],"type":"notify"}},"webhookVerifyToken":"{BAILEYS_TOKEN}"}}"#,
                1_773_149_810 + number
            ),
        },
        _ => {
            let body = format!(
                r#"{{"type":"invoice.paid","timestamp":"{time}","data":{{"id":"customer-{conversation}","number":"text-{number}"}}}}"#
            );
            let signer = standardwebhooks::Webhook::new(STANDARD_SECRET).expect("a valid key");
            let timestamp = now();
            let id = format!("msg_{number}");
            let signature = signer
                .sign(&id, timestamp.cast_signed(), body.as_bytes())
                .expect("signs");
            Webhook {
                path: "/in/standard".into(),
                headers: vec![
                    ("webhook-id", id),
                    ("webhook-timestamp", timestamp.to_string()),
                    ("webhook-signature", signature),
                ],
                body,
            }
        }
    }
}

/// Whether the Digisac webhook of that number is a ticket event.
pub fn is_ticket(number: usize) -> bool {
    (number / 24).is_multiple_of(4)
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|b| [DIGITS[usize::from(b >> 4)], DIGITS[usize::from(b & 15)]])
        .map(char::from)
        .collect()
}

/// An answer of ingest.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The header `Retry-After`, seconds.
    pub retry_after: Option<u64>,
    /// From the request to the end of the head of the response.
    pub took: Duration,
}

/// A pooled HTTP client.
#[derive(Debug, Clone)]
pub struct Client(hyper_util::client::legacy::Client<HttpConnector, Full<Bytes>>);

impl Default for Client {
    fn default() -> Self {
        Self(hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build_http())
    }
}

impl Client {
    /// A client that opens a connection for each request.
    pub fn unpooled() -> Self {
        let mut builder = hyper_util::client::legacy::Client::builder(TokioExecutor::new());
        Self(builder.pool_max_idle_per_host(0).build_http())
    }

    /// Returns status and body; `None` without an answer.
    pub async fn get(&self, url: &str) -> Option<(u16, String)> {
        let request = Request::get(url).body(Full::default()).expect("a valid URL");
        let response = self.0.request(request).await.ok()?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.ok()?.to_bytes();
        Some((status, String::from_utf8_lossy(&body).into_owned()))
    }

    /// Posts a webhook; an error is a broken connection.
    pub async fn post(&self, base: &str, webhook: &Webhook) -> Result<Answer, String> {
        let mut request = Request::post(format!("{base}{}", webhook.path)).header("content-type", "application/json");
        for (name, value) in &webhook.headers {
            request = request.header(*name, value);
        }
        let request = request.body(Full::from(webhook.body.clone())).expect("a valid request");
        let started = Instant::now();
        let response = self.0.request(request).await.map_err(|e| format!("{e:?}"))?;
        let answer = Answer {
            status: response.status().as_u16(),
            retry_after: response
                .headers()
                .get("retry-after")
                .and_then(|v| v.to_str().ok()?.parse().ok()),
            took: started.elapsed(),
        };
        drop(response.into_body().collect().await);
        Ok(answer)
    }
}
