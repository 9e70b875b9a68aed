//! What is reported of customers outside of messages: the contacts of the business's phone (Meta, "`smb_app_state_sync`
//! webhook reference"), other user ids, what they want to be sent; and what happens in a chat that no
//! event of ours says: calls, and who answers there.

use schemas::data::{Contact, Data, Text};

use super::people::Who;
use super::{Line, Mapped, Nothing, Value, nothing};
use crate::normalize::json::{Json, object};

object! {
    Synced { contact: PhoneContact = "contact", action: Json = "action", metadata: Moment = "metadata", }

    PhoneContact {
        full_name: Json = "full_name",
        first_name: Json = "first_name",
        number: Json = "phone_number",
        user_id: Json = "user_id",
    }

    Moment { timestamp: Json = "timestamp", }

    UserId { wa_id: Json = "wa_id", id: Change = "user_id", timestamp: Json = "timestamp", }

    Change { previous: Json = "previous", current: Json = "current", }

    Preference {
        wa_id: Json = "wa_id",
        user_id: Json = "user_id",
        category: Json = "category",
        value: Json = "value",
        timestamp: Json = "timestamp",
    }

    Call {
        id: Json = "id",
        event: Json = "event",
        status: Json = "status",
        direction: Json = "direction",
        from: Json = "from",
        from_user_id: Json = "from_user_id",
        to: Json = "to",
        to_user_id: Json = "to_user_id",
        recipient_id: Json = "recipient_id",
        recipient_user_id: Json = "recipient_user_id",
        timestamp: Json = "timestamp",
    }
}

impl<'a> Line<'a, '_, '_> {
    /// A person was written into the phone's contacts, under another name or anew, or taken out of them.
    pub(super) fn synced(&self, json: Json<'a>) -> Mapped<'a> {
        let synced: Synced<'a> = json.read();
        let Some(who) = self.people.find(synced.contact.number, synced.contact.user_id) else {
            return nothing("no contact");
        };
        let action = synced.action.text();
        let names = [synced.contact.full_name, synced.contact.first_name].map(Json::text);
        let mut identity = vec!["contact".into(), who.id.clone(), action.clone().unwrap_or_default()];
        identity.extend(names.iter().map(|name| name.clone().unwrap_or_default()));
        let name = names.into_iter().flatten().next();
        let contact = self.customer(&who, name, action);
        Ok(self.event(contact, identity, synced.metadata.timestamp, who.id, json))
    }

    pub(super) fn renamed(&self, json: Json<'a>) -> Mapped<'a> {
        let change: UserId<'a> = json.read();
        let Some(mut who) = self.people.find(change.wa_id, change.id.previous) else {
            return nothing("no one whose id changed");
        };
        let ids = [change.id.previous, change.id.current].map(|id| id.text().unwrap_or_default());
        let identity = [vec!["user_id".into(), who.id.clone()], ids.into()].concat();
        who.alternate_id = change.id.current.text().filter(|current| *current != who.id);
        let name = who.name.clone();
        let contact = self.customer(&who, name, Some("user_id".into()));
        Ok(self.event(contact, identity, change.timestamp, who.id, json))
    }

    pub(super) fn prefers(&self, json: Json<'a>) -> Mapped<'a> {
        let preference: Preference<'a> = json.read();
        let Some(who) = self.people.find(preference.wa_id, preference.user_id) else {
            return nothing("no one who wants anything");
        };
        let (category, value) = (preference.category.text(), preference.value.text());
        let mut identity = vec!["preference".into(), who.id.clone()];
        identity.extend([category.clone(), value].map(Option::unwrap_or_default));
        let name = who.name.clone();
        let contact = self.customer(&who, name, category);
        Ok(self.event(contact, identity, preference.timestamp, who.id, json))
    }

    fn customer(&self, who: &Who<'a>, name: Option<Text<'a>>, changed: Option<Text<'a>>) -> Data<'a> {
        Data::ContactUpdated(Contact {
            id: who.id.clone(),
            name,
            phone: who.phone.clone(),
            alternate_id: who.alternate_id.clone(),
            channel_id: self.channel_id.clone(),
            group: Some(false),
            changed: changed.into_iter().collect(),
            ..Contact::default()
        })
    }

    /// A call that comes, rings, is taken or ends.
    pub(super) fn call(&self, json: Json<'a>) -> Mapped<'a> {
        let call: Call<'a> = json.read();
        let ours = call.direction.text().as_deref() == Some("BUSINESS_INITIATED");
        let customer = if ours {
            self.people.find(call.to, call.to_user_id)
        } else {
            self.people.find(call.from, call.from_user_id)
        };
        let customer = customer.or_else(|| self.people.find(call.recipient_id, call.recipient_user_id));
        let Some(customer) = customer else {
            return nothing("no one who calls or is called");
        };
        let step = [call.event, call.status].into_iter().find_map(Json::text);
        let (Some(id), Some(step)) = (call.id.text(), step) else {
            return Err(Nothing {
                reason: "no call, or nothing that became of it",
                conversation: Some(customer.id),
                time: call.timestamp.time(),
            });
        };
        let identity = vec!["call".into(), id, step];
        Ok(self.notice("a call", identity, call.timestamp, &customer.id, json))
    }

    /// Another program than ours, or we, answer in a chat from now on.
    pub(super) fn handover(&self, value: &Value<'a>) -> Mapped<'a> {
        let Some(customer) = self.people.find(value.sender.number, value.sender.user_id) else {
            return nothing("no one in whose chat");
        };
        Err(Nothing {
            reason: "another program answers in this chat from now on, or ours does",
            conversation: Some(customer.id),
            time: value.timestamp.time(),
        })
    }
}
