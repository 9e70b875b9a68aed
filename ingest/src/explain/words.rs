//! A scheme in words.

use schemas::source::{Encoding, Hash, Scheme, Source, TemplatePart, TokenPlace};

/// How the source's senders prove themselves.
pub(super) fn in_words(scheme: &Scheme, source: &Source) -> String {
    let how = match scheme {
        Scheme::Hmac(scheme) => format!(
            "hmac: {} as {} in `{}`{}{} over `{}`",
            hash_name(scheme.hash),
            encoding_name(scheme.encoding),
            scheme.header,
            match &scheme.renamed {
                Some(name) => format!(", or in `{name}` where that is sent,"),
                None => String::new(),
            },
            match (&scheme.signature_key, &*scheme.prefix) {
                (Some(key), _) => format!(" under `{key}=`"),
                (None, "") => String::new(),
                (None, prefix) => format!(" after `{prefix}`"),
            },
            template_text(&scheme.template)
        ),
        Scheme::StandardWebhooks { .. } => {
            "standard_webhooks: `webhook-id`, `webhook-timestamp`, `webhook-signature`".to_owned()
        }
        Scheme::Token(TokenPlace::Header(name)) => format!("token: in the header `{name}`"),
        Scheme::Token(TokenPlace::Query(name)) => format!("token: in the query as `{name}=`"),
        Scheme::Token(TokenPlace::Body(name)) => format!("token: in the body as `{name}`"),
        Scheme::Basic => "basic: user and password in `authorization`".to_owned(),
        Scheme::Jwt(scheme) => format!("jwt: HS256 in `{}`", scheme.header),
        Scheme::Twilio { url: None } => {
            "twilio: `x-twilio-signature` over https, the request's host, and the form".to_owned()
        }
        Scheme::Twilio { url: Some(url) } => {
            format!("twilio: `x-twilio-signature` over `{url}`, the path, and the form")
        }
        Scheme::UrlSecret => "url_secret: in the path after the source's id".to_owned(),
        Scheme::None => return "none: anyone may send".to_owned(),
    };
    let words = format!("{how}; active secrets: {}", source.secrets.len());
    match source.url_secrets.len() {
        0 => words,
        second => {
            format!("{words}; besides, a secret in the path after the source's id; active `url_secrets`: {second}")
        }
    }
}

pub(super) fn template_text(template: &[TemplatePart]) -> String {
    let part = |part: &TemplatePart| match part {
        TemplatePart::Body => "{body}".to_owned(),
        TemplatePart::Timestamp => "{timestamp}".to_owned(),
        TemplatePart::Text(text) => text.clone(),
    };
    template.iter().map(part).collect()
}

pub(super) fn hash_name(hash: Hash) -> &'static str {
    match hash {
        Hash::Sha1 => "sha1",
        Hash::Sha256 => "sha256",
        Hash::Sha512 => "sha512",
    }
}

pub(super) fn encoding_name(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Hex => "hex",
        Encoding::Base64 => "base64",
    }
}
