//! The platforms whose webhooks Forebay understands.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::spelling::did_you_mean;

/// Hands the list of platforms to a macro: `Variant module "what it is";` for each, in the order of their names.
///
/// The one list there is: the enum below is made from it, and so is ingest's table of adapters, where `module` names the file.
#[macro_export]
macro_rules! platforms {
    ($with:ident) => {
        $with! {
            Baileys baileys "A `WhatsApp` bridge on the Baileys library that posts over HTTP (baileys-api).";
            Chatwoot chatwoot "Chatwoot, signed or unsigned, and its forks.";
            Cloudevents cloudevents "Any sender of CloudEvents over HTTP: structured, binary, or in batches.";
            Digisac digisac "Digisac.";
            Evolution evolution "Evolution API.";
            Github github "GitHub.";
            Huggy huggy "Huggy.";
            Intercom intercom "Intercom.";
            Line line "The LINE Messaging API.";
            Shopify shopify "Shopify.";
            Slack slack "The Slack Events API, slash commands and interactions.";
            Standard standard "Any sender that follows the Standard Webhooks specification; Svix too.";
            Stripe stripe "Stripe.";
            Telegram telegram "The Telegram Bot API.";
            Twilio twilio "Twilio: messages, their statuses, and Conversations.";
            Twitter twitter "The Account Activity API of Twitter (X), and others that ask for a CRC.";
            Waha waha "WAHA, the `WhatsApp` HTTP API.";
            Web1on1 web1on1 "Web1on1 (`ChatShipper`).";
            WhatsappCloud whatsapp_cloud "Meta's `WhatsApp` Cloud API.";
            Zendesk zendesk "Zendesk.";
        }
    };
}

macro_rules! define {
    ($($variant:ident $name:ident $doc:literal;)*) => {
        /// Which platform a sender is: what its bodies mean, and how it usually proves itself.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum Platform {
            $(#[doc = $doc] $variant,)*
        }

        impl Platform {
            /// All of them, in the order of their names.
            pub const ALL: [Self; [$(stringify!($name)),*].len()] = [$(Self::$variant),*];

            /// The name used in configuration, events, metrics and logs.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($name),)*
                }
            }
        }
    };
}

platforms!(define);

/// Types of event that a platform's senders name themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnTypes {
    /// Whatever a sender likes.
    Any,
    /// Those that begin so.
    Prefix(&'static str),
}

impl Platform {
    /// Returns which types its senders name themselves; `None` if all of its types are ours.
    pub fn own_types(self) -> Option<OwnTypes> {
        Some(match self {
            Self::Standard | Self::Cloudevents => OwnTypes::Any,
            Self::Github => OwnTypes::Prefix("github."),
            Self::Shopify => OwnTypes::Prefix("shopify."),
            Self::Stripe => OwnTypes::Prefix("stripe."),
            Self::Twilio => OwnTypes::Prefix("com.twilio."),
            Self::Twitter => OwnTypes::Prefix("twitter."),
            _ => return None,
        })
    }
}

/// No platform has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no platform `{0}`; the platforms are {names}{meant}", names = names(), meant = meant(.0))]
pub struct UnknownPlatform(pub String);

fn names() -> String {
    Platform::ALL.map(Platform::as_str).join(", ")
}

fn meant(name: &str) -> String {
    did_you_mean(name, Platform::ALL.map(Platform::as_str))
}

impl FromStr for Platform {
    type Err = UnknownPlatform;
    fn from_str(text: &str) -> Result<Self, UnknownPlatform> {
        Self::ALL
            .into_iter()
            .find(|p| p.as_str() == text)
            .ok_or_else(|| UnknownPlatform(text.to_owned()))
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_has_one_name_everywhere_and_they_are_in_order() {
        for platform in Platform::ALL {
            assert_eq!(
                serde_json::to_string(&platform).expect("a name"),
                format!("\"{platform}\"")
            );
            assert_eq!(platform.as_str().parse(), Ok(platform));
        }
        assert!(Platform::ALL.is_sorted_by_key(|p| p.as_str()));
        let error = "hodor".parse::<Platform>().expect_err("no platform").to_string();
        assert!(error.contains("hodor") && error.contains("whatsapp_cloud"), "{error}");
        let error = "Chatwot".parse::<Platform>().expect_err("misspelt").to_string();
        assert!(error.ends_with("; did you mean `chatwoot`?"), "{error}");
    }
}
