//! The contact family.

use schemas::data::Contact;
use serde::Deserialize;

use super::{Told, id, text};
use crate::state::State;

#[derive(Deserialize)]
struct Member<T> {
    contact: T,
}

pub(super) fn told(state: &mut State, event: &Told<'_>) -> Option<()> {
    let Member { contact } = event.read::<Member<Contact<'_>>>()?;
    let version = event.version();
    let row = state.contacts.entry(event.key(&[&contact.id])?).or_default();
    row.platform.say(Some(event.platform()));
    row.first_time.say(Some(event.time));
    row.last_time.say(Some(event.time));
    row.is_group.say(contact.group);
    row.identifier.say(id(contact.identifier));
    row.alternate_id.say(id(contact.alternate_id));
    let told = [
        (&mut row.name, text(contact.name)),
        (&mut row.phone, id(contact.phone)),
        (&mut row.email, text(contact.email)),
        (&mut row.channel_id, id(contact.channel_id)),
    ];
    for (register, value) in told {
        if let Some(value) = value {
            register.say(version, value);
        }
    }
    if let Some(blocked) = contact.blocked {
        row.blocked.say(version, blocked);
    }
    Some(())
}
