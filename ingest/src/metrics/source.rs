//! The metrics of one source, their handles looked up once.

use std::sync::OnceLock;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use schemas::data::Data;

use super::{Answered, CLASSES, Metrics, OfSource, Published, Refused, Verified};
use crate::authenticate::{MAX_SECRETS, Matched};
use crate::decide::Reason;

/// The counters with one source's label; those of secrets and event families are made when first used.
#[derive(Debug)]
pub(crate) struct SourceMetrics {
    pub(crate) received: Counter,
    /// By class, in the order of [`CLASSES`].
    answered: [Counter; CLASSES.len()],
    verified: [OnceLock<Counter>; MAX_SECRETS],
    verified_url_secrets: [OnceLock<Counter>; MAX_SECRETS],
    published: [OnceLock<Counter>; EventFamily::ALL.len()],
    source: String,
    all: Metrics,
}

impl SourceMetrics {
    pub(super) fn new(all: Metrics, source: &str) -> Self {
        let source = source.to_owned();
        Self {
            received: all.received.get_or_create_owned(&OfSource { source: source.clone() }),
            answered: CLASSES.map(|class| {
                let source = source.clone();
                all.answered.get_or_create_owned(&Answered { source, class })
            }),
            verified: Default::default(),
            verified_url_secrets: Default::default(),
            published: Default::default(),
            source,
            all,
        }
    }

    pub(crate) fn answered(&self, status: http::StatusCode) {
        let [ok, client_error, server_error] = &self.answered;
        if status.is_success() {
            ok.inc();
        } else if status.is_server_error() {
            server_error.inc();
        } else {
            client_error.inc();
        }
    }

    /// Nothing is counted for sources that ask for no proof.
    pub(crate) fn verified(&self, matched: Matched) {
        self.matched(&self.verified, &self.all.verified, matched.secret);
        self.matched(
            &self.verified_url_secrets,
            &self.all.verified_url_secrets,
            matched.url_secret,
        );
    }

    fn matched(&self, handles: &[OnceLock<Counter>], family: &Family<Verified, Counter>, secret: Option<usize>) {
        let Some(handle) = secret.and_then(|index| handles.get(index)) else {
            return;
        };
        handle
            .get_or_init(|| {
                family.get_or_create_owned(&Verified {
                    source: self.source.clone(),
                    secret: secret.unwrap_or_default() as u64,
                })
            })
            .inc();
    }

    /// Refusals are rare enough to look the handle up each time.
    pub(crate) fn refused(&self, reason: Reason) {
        self.all
            .refused
            .get_or_create(&Refused {
                source: self.source.clone(),
                reason,
            })
            .inc();
    }

    pub(crate) fn published(&self, family: EventFamily) {
        self.published[family as usize]
            .get_or_init(|| {
                self.all.published.get_or_create_owned(&Published {
                    source: self.source.clone(),
                    family,
                })
            })
            .inc();
    }
}

/// The family of an event type: what stands before its dot, or how it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum EventFamily {
    Message,
    Group,
    Ticket,
    Contact,
    Connection,
    Presence,
    Bot,
    Unmapped,
    Foreign,
}

impl EventFamily {
    /// All of them, in the order of their numbers.
    pub(crate) const ALL: &[Self] = &[
        Self::Message,
        Self::Group,
        Self::Ticket,
        Self::Contact,
        Self::Connection,
        Self::Presence,
        Self::Bot,
        Self::Unmapped,
        Self::Foreign,
    ];

    pub(crate) fn of(data: &Data<'_>) -> Self {
        match data {
            Data::MessageCreated(_)
            | Data::MessageUpdated(_)
            | Data::MessageDeleted(_)
            | Data::MessageStatus(_)
            | Data::MessageReaction(_) => Self::Message,
            Data::GroupParticipantsUpdated(_)
            | Data::GroupCreated(_)
            | Data::GroupUpdated(_)
            | Data::GroupJoinRequest(_) => Self::Group,
            Data::TicketCreated(_)
            | Data::TicketUpdated(_)
            | Data::TicketTransferred(_)
            | Data::TicketClosed(_)
            | Data::TicketReopened(_) => Self::Ticket,
            Data::ContactCreated(_) | Data::ContactUpdated(_) => Self::Contact,
            Data::ConnectionUpdated(_) => Self::Connection,
            Data::PresenceUpdated(_) => Self::Presence,
            Data::BotCommand(_) => Self::Bot,
            // Forebay's own, which no sender has: a type of that name that one gives is a type of its own.
            Data::EndpointFailing(_) | Data::EndpointRecovered(_) | Data::EndpointDisabled(_) | Data::Foreign(_) => {
                Self::Foreign
            }
            Data::Unmapped(_) => Self::Unmapped,
        }
    }

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Group => "group",
            Self::Ticket => "ticket",
            Self::Contact => "contact",
            Self::Connection => "connection",
            Self::Presence => "presence",
            Self::Bot => "bot",
            Self::Unmapped => "unmapped",
            Self::Foreign => "foreign",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_stand_at_their_numbers() {
        for (number, family) in EventFamily::ALL.iter().enumerate() {
            assert_eq!(*family as usize, number);
        }
    }
}
