//! The bodies of the load: signed Chatwoot messages of three sizes.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// The secret of the source that the load is sent to.
pub(crate) const SECRET: &str = "bench-chatwoot-secret";

/// The sizes of body that are measured, about 1 KB, 2.3 KB and 20 KB.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Size {
    /// A short message with few members.
    Kilobyte,
    /// A message as Chatwoot sends it.
    Chatwoot,
    /// The same with a conversation of many small members.
    Large,
}

impl Size {
    pub(crate) const ALL: [Self; 3] = [Self::Kilobyte, Self::Chatwoot, Self::Large];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Kilobyte => "1 KB",
            Self::Chatwoot => "2.3 KB",
            Self::Large => "20 KB",
        }
    }

    /// A message with this number in this conversation.
    pub(crate) fn body(self, conversation: usize, number: usize) -> String {
        let content = match self {
            Self::Kilobyte => "x".repeat(620),
            Self::Chatwoot | Self::Large => "Bom dia, gostaria de saber do meu pedido".to_owned(),
        };
        let person = r#"{"additional_attributes":{},"custom_attributes":{},"email":null,"id":41,"identifier":null,"name":"Ana Exemplo","phone_number":"+5511900000001","thumbnail":"","blocked":false,"type":"contact"}"#;
        let more = match self {
            Self::Kilobyte => String::new(),
            Self::Chatwoot => format!(
                r#","additional_attributes":{{}},"can_reply":true,"channel":"Channel::Whatsapp","contact_inbox":{{"id":77,"contact_id":41,"inbox_id":5,"source_id":"5511900000001","created_at":"2026-03-10T13:36:50.700Z","hmac_verified":false,"pubsub_token":"EXAMPLEtokenEXAMPLEtoken0"}},"messages":[{{"id":{number},"content":"{content}","account_id":3,"inbox_id":5,"conversation_id":{conversation},"message_type":0,"created_at":1773149810,"updated_at":"2026-03-10T13:36:50.912Z","private":false,"status":"sent","source_id":"3EB0A1B2C3D4E5F60001","content_type":"text","content_attributes":{{}},"sender_type":"Contact","sender_id":41,"sender":{person}}}],"labels":[],"meta":{{"sender":{person},"assignee":null,"team":null,"hmac_verified":false}},"custom_attributes":{{}},"unread_count":1,"waiting_since":1773149810,"last_activity_at":1773149810,"timestamp":1773149810"#
            ),
            Self::Large => {
                let attributes: Vec<String> = (0..560)
                    .map(|i| format!(r#""attribute_{i}":{{"value":{},"set":true}}"#, i * 7))
                    .collect();
                format!(r#","additional_attributes":{{{}}}"#, attributes.join(","))
            }
        };
        format!(
            r#"{{"account":{{"id":3,"name":"Conta Exemplo"}},"content_attributes":{{}},"content_type":"text","content":"{content}","conversation":{{"id":{conversation},"inbox_id":5,"status":"open"{more}}},"created_at":"2026-03-10T13:36:50.912Z","id":{number},"inbox":{{"id":5,"name":"WhatsApp Suporte"}},"message_type":"incoming","private":false,"sender":{person},"source_id":"3EB0A1B2C3D4E5F60001","event":"message_created"}}"#
        )
    }
}

/// Returns the bytes of a whole request, signed now.
pub(crate) fn request(path: &str, body: &str) -> Vec<u8> {
    let timestamp = std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(0, |d| d.as_secs());
    let mut request = format!(
        "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\nx-chatwoot-timestamp: {timestamp}\r\n\
         x-chatwoot-signature: sha256={}\r\ncontent-length: {}\r\n\r\n",
        signature(SECRET, timestamp, body.as_bytes()),
        body.len()
    );
    request.push_str(body);
    request.into_bytes()
}

/// HMAC-SHA256 over `timestamp.body`, in hex.
pub(crate) fn signature(secret: &str, timestamp: u64, body: &[u8]) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap_or_else(|_| unreachable!("HMAC takes any key"));
    mac.update(format!("{timestamp}.").as_bytes());
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}
