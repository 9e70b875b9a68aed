//! A receiver of deliveries that verifies every signature with the stock library of Standard Webhooks.

use crate::receiver::{Answer, Receiver as Scripted, Seen};

/// The key that every endpoint of the tests signs with.
pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// One delivery as it arrived.
#[derive(Debug, Clone)]
pub struct Received {
    /// The header `webhook-id`; empty if there is none.
    pub webhook_id: String,
    /// Whether the stock library accepts its signature.
    pub verified: bool,
    /// The body; null if it is no JSON.
    pub event: serde_json::Value,
}

/// Answers each request with the next status of its script, then always with 200.
#[derive(Debug, Clone)]
pub struct Receiver {
    /// Where it listens.
    pub url: String,
    scripted: Scripted,
}

impl Receiver {
    /// Listens on a free port.
    pub async fn start(script: &[u16]) -> Self {
        let statuses = script.iter().copied().chain([200]);
        let scripted = Scripted::start(statuses.map(Answer::Status)).await;
        Self {
            url: format!("http://{}/hook", scripted.address),
            scripted,
        }
    }

    /// What was answered with 200.
    pub fn received(&self) -> Vec<Received> {
        let seen = self.scripted.seen();
        let taken = |seen: &&Seen| matches!(seen.answer, Answer::Status(200));
        seen.iter().filter(taken).map(verify).collect()
    }
}

fn verify(seen: &Seen) -> Received {
    let verifier = standardwebhooks::Webhook::new(SECRET).expect("a valid key");
    let id = seen.headers.get("webhook-id").and_then(|v| v.to_str().ok());
    Received {
        webhook_id: id.unwrap_or_default().to_owned(),
        verified: verifier.verify(&seen.body, &seen.headers).is_ok(),
        event: serde_json::from_slice(&seen.body).unwrap_or_default(),
    }
}
