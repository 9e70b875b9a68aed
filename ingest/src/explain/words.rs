//! A scheme in words.

use schemas::source::{Scheme, Source, TemplatePart, TokenPlace};

/// How the source's senders prove themselves.
pub(super) fn in_words(scheme: &Scheme, source: &Source) -> String {
    let name = scheme.name();
    let how = match scheme {
        Scheme::Hmac(scheme) => format!(
            "{} as {} in `{}`{}{} over `{}`",
            scheme.hash.as_str(),
            scheme.encoding.as_str(),
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
        Scheme::StandardWebhooks { .. } => "`webhook-id`, `webhook-timestamp`, `webhook-signature`".to_owned(),
        Scheme::Token(TokenPlace::Header(name)) => format!("in the header `{name}`"),
        Scheme::Token(TokenPlace::Query(name)) => format!("in the query as `{name}=`"),
        Scheme::Token(TokenPlace::Body(name)) => format!("in the body as `{name}`"),
        Scheme::Basic => "user and password in `authorization`".to_owned(),
        Scheme::Jwt(scheme) => format!("HS256 in `{}`", scheme.header),
        Scheme::Twilio { url: None } => "`x-twilio-signature` over https, the request's host, and the form".to_owned(),
        Scheme::Twilio { url: Some(url) } => {
            format!("`x-twilio-signature` over `{url}`, the path, and the form")
        }
        Scheme::UrlSecret => "in the path after the source's id".to_owned(),
        Scheme::None => return format!("{name}: anyone may send"),
    };
    let words = format!("{name}: {how}; active secrets: {}", source.secrets.len());
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
