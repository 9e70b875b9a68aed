//! `WhatsApp` addresses: `user:device@server`. The server distinguishes phone numbers (`s.whatsapp.net`, in old spelling
//! `c.us`) from hidden ids (`lid`), groups (`g.us`), the status feed and newsletters.

use schemas::data::{Conversation, Party, PartyKind, Text};

use super::Line;
use crate::normalize::json::Json;
use crate::normalize::phone::international;

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

/// The address that stands for a person or chat, and the other one under which the network knows the same.
#[derive(Debug, Clone)]
pub(in crate::normalize) struct Addressed<'a> {
    pub(in crate::normalize) id: Text<'a>,
    pub(in crate::normalize) alternate: Option<Text<'a>>,
}

/// What several addresses of one person or chat come to. The phone's address stands for them, whichever came first: older
/// bodies have no other, and it is what people know. The hidden id is the other one, or stands for them where it is all that
/// is known.
pub(in crate::normalize) fn addressed<'a>(addresses: impl IntoIterator<Item = Json<'a>>) -> Option<Addressed<'a>> {
    addressed_texts(addresses.into_iter().filter_map(Json::text))
}

/// The same, of addresses as texts.
pub(in crate::normalize) fn addressed_texts<'a>(
    addresses: impl IntoIterator<Item = Text<'a>>,
) -> Option<Addressed<'a>> {
    let spelled = |text| spelled(text, "c.us", "s.whatsapp.net");
    let mut addresses = addresses.into_iter().map(spelled);
    let id = addresses.next()?;
    let hidden = is_hidden(&id);
    let mut others = addresses.filter(|other| is_personal(other) && is_hidden(other) != hidden);
    let other = if is_personal(&id) { others.next() } else { None };
    Some(match other {
        Some(phone) if hidden => Addressed {
            id: phone,
            alternate: Some(id),
        },
        alternate => Addressed { id, alternate },
    })
}

/// Whether it is the address of one person, and so of the chat with them.
pub(in crate::normalize) fn is_personal(address: &str) -> bool {
    let server = address.split_once('@').map(|(_, server)| server);
    matches!(
        server,
        Some("s.whatsapp.net" | "c.us" | "lid" | "hosted" | "hosted.lid")
    )
}

/// Whether it is one of the ids that hide the phone number.
pub(in crate::normalize) fn is_hidden(address: &str) -> bool {
    address.ends_with("@lid") || address.ends_with("@hosted.lid")
}

/// The phone number in the first of the addresses that has one.
pub(in crate::normalize) fn phone<'a>(addresses: impl IntoIterator<Item = Json<'a>>) -> Option<Text<'a>> {
    addresses.into_iter().find_map(|json| phone_in(&jid(json)?))
}

/// The phone number in an address without a device.
pub(in crate::normalize) fn phone_in<'a>(address: &str) -> Option<Text<'a>> {
    let network = ["@s.whatsapp.net", "@c.us", "@hosted"];
    let user = network.into_iter().find_map(|network| address.strip_suffix(network));
    let user = user.unwrap_or(address);
    let is_number = !user.is_empty() && user.bytes().all(|b| b.is_ascii_digit());
    is_number
        .then(|| international(user))
        .flatten()
        .map(|phone| phone.into_owned().into())
}

/// A person or chat under these addresses, with the phone number from any of them.
pub(in crate::normalize) fn party<'a>(
    addresses: impl IntoIterator<Item = Json<'a>> + Clone,
    kind: Option<PartyKind>,
    name: Option<Text<'a>>,
) -> Option<Party<'a>> {
    let Addressed { id, alternate } = addressed(addresses.clone())?;
    Some(Party {
        id: Some(id),
        kind,
        name,
        phone: phone(addresses),
        alternate_id: alternate,
    })
}

/// The chat of that address.
pub(in crate::normalize) fn conversation<'a>(line: &Line<'a>, chat: Addressed<'a>) -> Conversation<'a> {
    Conversation {
        group: match chat.id.split_once('@') {
            Some((_, "g.us")) => Some(true),
            _ => is_personal(&chat.id).then_some(false),
        },
        id: chat.id,
        alternate_id: chat.alternate,
        channel: Some("whatsapp".into()),
        channel_id: line.channel_id.clone(),
        ..Conversation::default()
    }
}
