//! The other lists: posts, likes, follows, blocks. Each element is an event of the type `twitter.<what>`, nothing normalized.
//!
//! Most have an id; who follows, blocks or mutes whom is distinguished by these two and the moment.

use schemas::data::{Data, Foreign, Text};
use schemas::name::EventType;

use super::{Account, Mapped};
use crate::normalize::json::{Json, object};
use crate::normalize::{NewEvent, digest};

object! {
    /// The members of all of them that distinguish them.
    Thing {
        id_str: Json = "id_str",
        id: Json = "id",
        timestamp_ms: Json = "timestamp_ms",
        created: Json = "created_timestamp",
        kind: Json = "type",
        // A post that is gone.
        status: Reference = "status",
        // Who follows, blocks or mutes whom: whole users, with how many followers they have by now.
        source: Reference = "source",
        target: Reference = "target",
    }

    Reference { id_str: Json = "id_str", id: Json = "id", }
}

impl<'a> Account<'a, '_, '_> {
    pub(super) fn foreign(&self, what: &str, element: Json<'a>) -> Mapped<'a> {
        let event_type = EventType::new(format!("twitter.{what}")).map_err(|_| "not a valid event type")?;
        let thing: Thing<'a> = element.read();
        let id = thing
            .id_str
            .text()
            .or_else(|| thing.id.text())
            .or_else(|| thing.status.id());
        let discriminator = match (&id, thing.source.id(), thing.target.id()) {
            (Some(id), ..) => vec![id.clone()],
            (None, Some(source), Some(target)) => vec![thing.kind.text().unwrap_or_default(), source, target],
            _ => vec![digest(element.raw()).into()],
        };
        Ok(NewEvent {
            data: Data::Foreign(Foreign::new(event_type)),
            identity: [vec![what.to_owned().into(), self.our_side()], discriminator].concat(),
            time: thing.timestamp_ms.time().or_else(|| thing.created.time()),
            happened: None,
            ordering_key: self.id.as_deref().unwrap_or(what).to_owned(),
            account: self.id.clone(),
            subject: id,
            raw: self.webhook.part(element),
        })
    }
}

impl<'a> Reference<'a> {
    pub(super) fn id(&self) -> Option<Text<'a>> {
        self.id_str.text().or_else(|| self.id.text())
    }
}
