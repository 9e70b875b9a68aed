//! The JSON Schemas of settings that are written as a text of a certain form.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::endpoint::EventTypePattern;
use crate::secret::Secret;
use crate::time::Span;

impl JsonSchema for Secret {
    fn schema_name() -> Cow<'static, str> {
        "secret".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // A reference or the text itself; digits alone are a text too.
        json_schema!({ "type": ["string", "number", "boolean"], "description": "Better ${NAME} than the secret itself." })
    }
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$|\\$\\{", "examples": ["500ms", "30s", "5m"] })
    }
}

impl JsonSchema for EventTypePattern {
    fn schema_name() -> Cow<'static, str> {
        "event_type_pattern".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "examples": ["message.created", "ticket.*", "*"] })
    }
}
