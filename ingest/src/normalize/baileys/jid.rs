//! `WhatsApp` addresses: `user:device@server`. The server tells phone numbers (`s.whatsapp.net`, in old spelling `c.us`) from
//! hidden ids (`lid`), groups (`g.us`), the status feed and newsletters.

use std::borrow::Cow;

use schemas::data::{Conversation, Party, PartyKind, Text};

use super::Line;
use crate::normalize::json::Json;

/// The address without its device and in the new spelling, so that one person or chat has one id.
pub(in crate::normalize) fn jid(json: Json<'_>) -> Option<Text<'_>> {
    Some(spelled(json.text()?, "c.us", "s.whatsapp.net"))
}

/// The address without its device, with the server `instead` of `server`.
pub(in crate::normalize) fn spelled<'a>(text: Text<'a>, server: &str, instead: &str) -> Text<'a> {
    let Some((user, network)) = text.split_once('@') else {
        return text;
    };
    let person = user.split_once(':').map_or(user, |(person, _device)| person);
    let spelled = if network == server { instead } else { network };
    if (person, spelled) == (user, network) {
        return text;
    }
    format!("{person}@{spelled}").into()
}

/// The phone number in the first of the addresses that has one.
pub(in crate::normalize) fn phone<'a>(addresses: impl IntoIterator<Item = Json<'a>>) -> Option<Text<'a>> {
    addresses.into_iter().find_map(|json| {
        let address = jid(json)?;
        let user = address.strip_suffix("@s.whatsapp.net").unwrap_or(&address);
        let is_number = !user.is_empty() && user.bytes().all(|b| b.is_ascii_digit());
        let length = user.len();
        is_number.then(|| match address {
            Cow::Borrowed(text) => Cow::Borrowed(text.get(..length).unwrap_or(text)),
            Cow::Owned(mut text) => {
                text.truncate(length);
                Cow::Owned(text)
            }
        })
    })
}

/// Somebody under the first address, with the phone number from any of them.
pub(in crate::normalize) fn party<'a>(
    addresses: [Json<'a>; 3],
    kind: Option<PartyKind>,
    name: Option<Text<'a>>,
) -> Option<Party<'a>> {
    Some(Party {
        id: Some(addresses.into_iter().find_map(jid)?),
        kind,
        name,
        phone: phone(addresses),
        ..Party::default()
    })
}

/// The chat of that address.
pub(in crate::normalize) fn conversation<'a>(line: &Line<'a>, id: Text<'a>) -> Conversation<'a> {
    Conversation {
        group: match id.split_once('@') {
            Some((_, "g.us")) => Some(true),
            Some((_, "s.whatsapp.net" | "c.us" | "lid" | "hosted" | "hosted.lid")) => Some(false),
            _ => None,
        },
        id,
        channel_id: line.channel_id.clone(),
        ..Conversation::default()
    }
}
