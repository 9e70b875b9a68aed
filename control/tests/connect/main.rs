//! Registering with platforms, against servers that answer as the platforms' documents say and refuse what they would refuse.

mod baileys;
mod by_hand;
mod chatwoot;
mod conformance;
mod digisac;
mod evolution;
mod fake;
mod github;
mod line;
mod refusals;
mod shopify;
mod stripe;
mod telegram;
mod tls;
mod twilio;
mod waha;
mod web1on1;
mod zendesk;
