//! The endpoint family: how deliveries to an endpoint go. Such events come from Forebay itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Text;
use crate::time::Timestamp;

/// An endpoint, as it stands after the event.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EndpointChange<'a> {
    /// The id of the endpoint, as it is configured.
    #[serde(borrow)]
    pub id: Text<'a>,
    /// The sink whose endpoint it is.
    #[serde(borrow)]
    pub sink: Text<'a>,
    /// Why, for people: the last failure, or why it was disabled.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text<'a>>,
    /// Since when no delivery went through; of one that has recovered, until now. Absent for one that was disabled and had not
    /// failed before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub failing_since: Option<Timestamp>,
    /// Of two events about one endpoint, that of the higher number is the later one.
    pub version: i64,
}
