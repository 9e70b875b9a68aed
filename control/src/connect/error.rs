//! Why a source was not connected.

use http::StatusCode;

/// Named by what the operator does next. Texts hold no secrets: what comes from the platform went through the redactor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// An option or a setting is missing or cannot work with this platform. Nothing was sent.
    #[error("{0}")]
    Order(String),
    /// 401 or 403: another token, or more rights for it.
    #[error("{platform} refused the token ({status}{words}): {token}", words = said(words))]
    Token {
        /// The name of the platform that was asked.
        platform: &'static str,
        /// 401 or 403.
        status: StatusCode,
        /// The platform's words, if it had any.
        words: String,
        /// Which token is wanted, and where to get it.
        token: &'static str,
    },
    /// 404: the address, or a name in it, is wrong.
    #[error("{platform} does not know `{what}` ({status}{words}): {way_out}", words = said(words))]
    NotFound {
        /// The name of the platform that was asked.
        platform: &'static str,
        /// The path that was asked for.
        what: String,
        /// 404, or what the platform says in its place.
        status: StatusCode,
        /// The platform's words.
        words: String,
        /// Which options to look at.
        way_out: &'static str,
    },
    /// The platform understood and would not: its words say why.
    #[error("{platform} did not accept `{what}` ({status}{words})", words = said(words))]
    Rejected {
        /// The name of the platform that was asked.
        platform: &'static str,
        /// The request, as `GET /me/webhooks`; without secrets.
        what: String,
        /// The status of the refusal, mostly 4xx.
        status: StatusCode,
        /// The platform's words.
        words: String,
    },
    /// Its one webhook leads somewhere else, to `host`.
    #[error(
        "{what} already sends its webhooks to `{host}`, and can send them to one place only: give --replace to put ours in its \
         place"
    )]
    Taken {
        /// The bot, session or number.
        what: String,
        /// The host of the other URL; never its path, which may hold a secret.
        host: String,
    },
    /// Too many requests, or a fault of the platform: try again later.
    #[error("{platform} cannot do it now ({status}{words}): try again {when}", words = said(words))]
    Later {
        /// The name of the platform that was asked.
        platform: &'static str,
        /// 429 or 5xx.
        status: StatusCode,
        /// The platform's words.
        words: String,
        /// `later`, or in how many seconds.
        when: String,
    },
    /// A redirect. It is not followed, because the token would go along.
    #[error(
        "{platform} answered with a redirect to `{to}`, which is not followed with a token: if that is right, give it with --api"
    )]
    Redirect {
        /// The name of the platform that was asked.
        platform: &'static str,
        /// Scheme and host of where to.
        to: String,
    },
    /// No answer.
    #[error("no answer from `{host}`: {reason}{after}")]
    Unreachable {
        /// Who was asked.
        host: String,
        /// What the connection failed with.
        reason: String,
        /// What is known of a change that got no answer.
        after: &'static str,
    },
    /// An answer that is not what the platform's documents say.
    #[error("the answer to `{what}` is not one of {platform}'s API: {reason}; is --api right?")]
    Unreadable {
        /// The name of the platform that was asked.
        platform: &'static str,
        /// The request, as `GET /me/webhooks`; without secrets.
        what: String,
        /// What is wrong.
        reason: String,
    },
}

fn said(words: &str) -> String {
    if words.is_empty() {
        String::new()
    } else {
        format!(": {words}")
    }
}
