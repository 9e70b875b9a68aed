//! Places, people, polls, events, invitations, calls, and what else has words of its own.

use schemas::data::Text;

use super::parts::{joined, lines};
use super::{Context, Said};
use crate::normalize::json::{Json, object};

object! {
    Location {
        latitude: Json = "degreesLatitude",
        longitude: Json = "degreesLongitude",
        name: Json = "name",
        address: Json = "address",
        comment: Json = "comment",
        caption: Json = "caption",
        context: Context = "contextInfo",
    }

    Contact { name: Json = "displayName", card: Json = "vcard", context: Context = "contextInfo", }

    Contacts { name: Json = "displayName", cards: Json = "contacts", context: Context = "contextInfo", }

    Poll { name: Json = "name", votes: Json = "pollVotes", context: Context = "contextInfo", }

    Votes { name: Json = "optionName", count: Json = "optionVoteCount", }

    Event {
        name: Json = "name" | "eventTitle",
        description: Json = "description" | "caption",
        location: Location = "location",
        link: Json = "joinLink" | "callLink",
        start: Json = "startTime",
        context: Context = "contextInfo",
    }

    /// An invitation to a group or a channel; a pack of stickers.
    Named {
        name: Json = "groupName" | "newsletterName" | "name",
        caption: Json = "caption",
        description: Json = "packDescription",
        context: Context = "contextInfo",
    }

    Call {
        is_video: Json = "isVideo",
        outcome: Json = "callOutcome",
        seconds: Json = "durationSecs",
        context: Context = "contextInfo",
    }

    /// A call that is agreed, or one of a business.
    Planned {
        title: Json = "title",
        caption: Json = "caption",
        at: Json = "scheduledTimestampMs" | "scheduledTimestampMS",
    }

    Rich { parts: Json = "submessages", context: Context = "contextInfo", }

    RichPart { text: Json = "messageText", }

    Music { music: Song = "embeddedMusic", context: Context = "contextInfo", }

    Song { title: Json = "title", author: Json = "author", }
}

/// Its name, or where it is.
pub(super) fn location<'a>(kind: &'static str, value: Json<'a>) -> Said<'a> {
    let place: Location<'a> = value.read();
    let coordinates = || match (place.latitude.text(), place.longitude.text()) {
        (Some(latitude), Some(longitude)) => Some(format!("{latitude}, {longitude}").into()),
        _ => None,
    };
    let text = lines([place.name, place.address, place.comment, place.caption]).or_else(coordinates);
    Said::new(kind, text, place.context)
}

pub(super) fn contact<'a>(kind: &'static str, value: Json<'a>) -> Said<'a> {
    let contact: Contact<'a> = value.read();
    let text = contact.name.text().or_else(|| name_on_card(contact.card));
    Said::new(kind, text, contact.context)
}

pub(super) fn contacts<'a>(kind: &'static str, value: Json<'a>) -> Said<'a> {
    let contacts: Contacts<'a> = value.read();
    let names = contacts.cards.elements().filter_map(|json| contact(kind, json).text);
    let text = joined(names).or_else(|| contacts.name.text());
    Said::new(kind, text, contacts.context)
}

/// The formatted name (`FN`) of a vCard.
pub(in crate::normalize) fn name_on_card(card: Json<'_>) -> Option<Text<'_>> {
    let card = card.text()?;
    let name = card.lines().find_map(|line| {
        let (property, value) = line.split_once(':')?;
        let is_name = property
            .split(';')
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case("FN"));
        let value = value.trim();
        (is_name && !value.is_empty()).then_some(value)
    });
    Some(name?.to_owned().into())
}

pub(super) fn poll<'a>(kind: &'static str, value: Json<'a>) -> Said<'a> {
    let poll: Poll<'a> = value.read();
    let counted = poll.votes.elements().filter_map(|json| {
        let votes: Votes<'a> = json.read();
        Some(format!("{}: {}", votes.name.text()?, votes.count.text().unwrap_or("0".into())).into())
    });
    let text = joined(poll.name.text().into_iter().chain(counted));
    Said::new(kind, text, poll.context)
}

pub(super) fn event<'a>(kind: &'static str, value: Json<'a>) -> Said<'a> {
    let event: Event<'a> = value.read();
    let place = event.location;
    let words = lines([event.name, event.description, place.name, place.address, event.link]);
    let start = event.start.time().map(|time| time.to_string().into());
    Said::new(kind, joined(words.into_iter().chain(start)), event.context)
}

pub(super) fn named<'a>(kind: &'static str, value: Json<'a>) -> Said<'a> {
    let named: Named<'a> = value.read();
    let text = lines([named.name, named.caption, named.description]);
    Said::new(kind, text, named.context)
}

pub(super) fn call<'a>(kind: &'static str, value: Json<'a>) -> Said<'a> {
    let call: Call<'a> = value.read();
    let what = if call.is_video.flag() == Some(true) {
        "video call"
    } else {
        "voice call"
    };
    let outcome = match call.outcome.text().as_deref() {
        // Protocol Buffers leave a 0 out.
        None | Some("0" | "CONNECTED") => "connected",
        Some("1" | "MISSED") => "missed",
        Some("2" | "FAILED") => "failed",
        Some("3" | "REJECTED") => "rejected",
        Some("4" | "ACCEPTED_ELSEWHERE") => "accepted elsewhere",
        Some("5" | "ONGOING") => "ongoing",
        _ => "silenced",
    };
    let text = match call.seconds.int() {
        Some(seconds) if seconds > 0 => format!("{what}, {outcome}, {seconds} s"),
        _ => format!("{what}, {outcome}"),
    };
    Said::new(kind, Some(text.into()), call.context)
}

pub(super) fn planned<'a>(kind: &'static str, value: Json<'a>) -> Said<'a> {
    let planned: Planned<'a> = value.read();
    let at = planned.at.time().map(|time| time.to_string().into());
    let words = lines([planned.title, planned.caption]);
    Said::new(kind, joined(words.into_iter().chain(at)), Context::default())
}

pub(super) fn rich<'a>(kind: &'static str, value: Json<'a>) -> Said<'a> {
    let rich: Rich<'a> = value.read();
    let parts = rich.parts.elements().map(|json| json.read::<RichPart<'a>>().text);
    Said::new(kind, lines(parts), rich.context)
}

pub(super) fn music<'a>(kind: &'static str, value: Json<'a>) -> Said<'a> {
    let Music { music, context } = value.read();
    Said::new(kind, lines([music.title, music.author]), context)
}
