//! Changes in groups as messages without content ("stubs"). The Baileys library makes its group events of these, so what it
//! says there is said here again, in the same words; both become one event, whichever comes first.
//!
//! The stub has a time and an id and the group event has neither, so neither is used in the event's id: an equal change within
//! the memory of ids ([`MEMORY`](crate::envelope::MEMORY)) counts as the same one. Stubs that say less than their event (a group was
//! created, its picture or its empty description changed) stay unmapped, and the event stands alone.

use std::borrow::Cow;

use schemas::data::{Data, Group};

use super::groups::{Author, Member, changed_participants, fact, flag_text, identity_of_update, member, requested};
use super::key::Named;
use super::{Mapped, Nothing};
use crate::normalize::json::{Json, parse};

/// By name, or by number in `WebMessageInfo.StubType`.
pub(super) fn is_group_change(stub: &str) -> bool {
    stub.starts_with("GROUP_") || matches!(stub.parse(), Ok(20_u8..=33 | 71 | 145 | 171 | 172))
}

pub(super) fn group_change<'a>(named: Named<'a>, author: &Author<'a>, stub: &str, parameters: Json<'a>) -> Mapped<'a> {
    let group = named.chat.clone();
    let members = |word| {
        let members = parameters.elements().filter_map(|json| stated_member(json, author));
        changed_participants(group.clone(), word, members.collect(), author)
    };
    match stub {
        "GROUP_PARTICIPANT_ADD"
        | "27"
        | "GROUP_PARTICIPANT_INVITE"
        | "31"
        | "GROUP_PARTICIPANT_ADD_REQUEST_JOIN"
        | "71" => return members("add"),
        "GROUP_PARTICIPANT_REMOVE" | "28" | "GROUP_PARTICIPANT_LEAVE" | "32" => return members("remove"),
        "GROUP_PARTICIPANT_PROMOTE" | "29" => return members("promote"),
        "GROUP_PARTICIPANT_DEMOTE" | "30" => return members("demote"),
        "GROUP_PARTICIPANT_CHANGE_NUMBER" | "33" => return members("modify"),
        "GROUP_MEMBERSHIP_JOIN_APPROVAL_REQUEST_NON_ADMIN_ADD" | "172" => {
            return join_request(named, author, parameters);
        }
        _ => {}
    }
    let Some(value) = parameters.elements().next().and_then(Json::text) else {
        return Err(left_to_its_event(named));
    };
    let of_group = Group {
        id: group.clone(),
        actor: author.party(),
        ..Group::default()
    };
    let is_on = matches!(&*value, "on" | "true");
    let (what, value, changed) = match stub {
        "GROUP_CHANGE_SUBJECT" | "21" => {
            let subject = Some(value.clone());
            ("subject", value, Group { subject, ..of_group })
        }
        "GROUP_CHANGE_DESCRIPTION" | "24" => {
            let description = Some(value.clone());
            (
                "desc",
                value,
                Group {
                    description,
                    ..of_group
                },
            )
        }
        "GROUP_CHANGE_INVITE_LINK" | "23" => ("inviteCode", value, of_group),
        "GROUP_CHANGE_RESTRICT" | "25" => {
            let restrict = Some(is_on);
            ("restrict", flag_text(is_on), Group { restrict, ..of_group })
        }
        "GROUP_CHANGE_ANNOUNCE" | "26" => {
            let announce = Some(is_on);
            ("announce", flag_text(is_on), Group { announce, ..of_group })
        }
        "GROUP_MEMBERSHIP_JOIN_APPROVAL_MODE" | "145" => ("joinApprovalMode", flag_text(value == "on"), of_group),
        "GROUP_MEMBER_ADD_MODE" | "171" => ("memberAddMode", flag_text(value == "all_member_add"), of_group),
        _ => return Err(left_to_its_event(named)),
    };
    let identity = identity_of_update(&group, what.into(), value, author);
    Ok(fact(Data::GroupUpdated(changed), identity, group))
}

/// The participant, what happened, and how they came.
fn join_request<'a>(named: Named<'a>, author: &Author<'a>, parameters: Json<'a>) -> Mapped<'a> {
    let mut parameters = parameters.elements();
    let who = parameters.next().and_then(|json| stated_member(json, author));
    let (Some(who), Some(word)) = (who, parameters.next().and_then(Json::text)) else {
        return Err(left_to_its_event(named));
    };
    let method = parameters.next().and_then(Json::text);
    requested(named.chat, who.participant, word, method, author)
}

/// Newer versions state a participant as a text that is itself JSON, older ones by their address.
fn stated_member<'a>(json: Json<'a>, author: &Author<'_>) -> Option<Member<'a>> {
    match json.text()? {
        Cow::Borrowed(text) if !text.starts_with('{') => member(json, author),
        text => match parse(text.as_bytes()) {
            Ok((_, person)) => member(person, author).map(Member::into_owned),
            Err(_) => member(json, author),
        },
    }
}

fn left_to_its_event(named: Named<'_>) -> Nothing<'_> {
    named.nothing("group change, told by its own event")
}
