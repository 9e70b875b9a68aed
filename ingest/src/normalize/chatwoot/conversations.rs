//! Conversations, which are tickets to us.

use schemas::data::{Clearable, Data, Party, PartyKind, Text, Ticket, TicketStatus};
use schemas::time::Timestamp;

use super::changes::Changes;
use super::people::User;
use super::{Body, Named, delivery, in_account};
use crate::normalize::cleared::cleared;
use crate::normalize::json::Json;
use crate::normalize::{NewEvent, Webhook, digest};

impl<'a> Body<'a> {
    pub(super) fn conversation(&self, event: &Text<'a>, webhook: &Webhook<'a, '_>) -> Option<NewEvent<'a>> {
        let number = self.id.text()?;
        let account = self.account();
        let id = in_account(&account, &number);
        let changes = Changes::of(self.changed_attributes);
        let (happening, time) = self.conversation_happening(event, &changes, webhook);
        // Bots are sent the same change under another name.
        let name = if event == "conversation_resolved" {
            Text::Borrowed("conversation_status_changed")
        } else {
            event.clone()
        };
        let mut identity = vec![name, account, number];
        identity.extend(happening);
        let handed_over = ["assignee_id", "team_id", "assignee_agent_bot_id"]
            .into_iter()
            .any(|name| changes.has(name));
        let ticket = self.ticket(id.clone(), event, changes);
        let closed = ticket.status == Some(TicketStatus::Closed);
        let reopened =
            ticket.status == Some(TicketStatus::Open) && ticket.previous_status == Some(TicketStatus::Closed);
        let data = match &**event {
            "conversation_created" => Data::TicketCreated(ticket),
            "conversation_updated" if handed_over => Data::TicketTransferred(ticket),
            "conversation_resolved" => Data::TicketClosed(ticket),
            "conversation_status_changed" if closed => Data::TicketClosed(ticket),
            "conversation_status_changed" if reopened => Data::TicketReopened(ticket),
            // Bots are not sent what was before `conversation_opened`. Automation rules and macros show how the conversation
            // stands; what became of it is reported by the events above.
            _ => Data::TicketUpdated(ticket),
        };
        Some(NewEvent {
            data,
            identity,
            time,
            happened: None,
            ordering_key: id.clone().into_owned(),
            account: self.known_account(),
            subject: Some(id),
            raw: webhook.whole(),
        })
    }

    /// What distinguishes the event from others of its name about the same conversation, and when it happened.
    ///
    /// Where the changes do not have their moment (some versions send the status alone, or no changes with it), that of the
    /// conversation's last change is taken, which is this one unless others were quicker than the background job.
    fn conversation_happening(
        &self,
        event: &str,
        changes: &Changes<'a>,
        webhook: &Webhook<'a, '_>,
    ) -> (Vec<Text<'a>>, Option<Timestamp>) {
        let time = changes.at().or_else(|| self.updated_at.time());
        let mut happening = match event {
            // It is opened once.
            "conversation_created" => return (vec![], self.created_at.time().or(time)),
            // The body does not say when the macro was run, or what a rule was about. Each run makes one call, once.
            "macro.executed" => return (vec![delivery(webhook)], None),
            _ if event.starts_with("automation_event.") => return (vec![delivery(webhook)], time),
            "conversation_resolved" => vec!["resolved".into()],
            "conversation_status_changed" => self.status_change(changes),
            _ if changes.is_empty() => vec![],
            _ => vec![changes.identity()],
        };
        if time.is_none() {
            happening.push(digest(webhook.body).into());
        }
        (happening, time)
    }

    /// From what to what. What a conversation was before it was resolved is left out, for bots are not sent it.
    fn status_change(&self, changes: &Changes<'a>) -> Vec<Text<'a>> {
        if !changes.is_empty() && !changes.has("status") {
            return vec![changes.identity()];
        }
        let after = changes.after("status", self.status);
        if ticket_status(after) == Some(TicketStatus::Closed) {
            return vec!["resolved".into()];
        }
        let both = [after, changes.before("status")];
        both.into_iter()
            .map(|status| status.text().unwrap_or_default())
            .collect()
    }

    fn ticket(&self, id: Text<'a>, event: &str, changes: Changes<'a>) -> Ticket<'a> {
        let status = match event {
            "conversation_resolved" => Some(TicketStatus::Closed),
            _ => ticket_status(changes.after("status", self.status)),
        };
        let (assignee, is_unassigned) = self.assignee(&changes);
        let team = changes.after("team_id", self.meta.team);
        let priority = changes.after("priority", self.priority);
        let labels = changes.after("label_list", self.labels);
        Ticket {
            id,
            status,
            previous_status: ticket_status(changes.before("status")),
            contact: self.meta.sender.party(Some(PartyKind::Contact)),
            assignee,
            team: self.team(&changes),
            channel: self.channel().network(),
            channel_id: self.inbox_id.text(),
            priority: priority.text(),
            labels: labels.elements().filter_map(Json::text).collect(),
            changed: changes.into_names(),
            opened_at: self.created_at.time(),
            cleared: cleared([
                (Clearable::Assignee, is_unassigned),
                (Clearable::Team, team.is_emptied()),
                (Clearable::Priority, priority.is_emptied()),
                (Clearable::Labels, labels.is_emptied()),
            ]),
            ..Ticket::default()
        }
    }

    /// Whom it went to by this event, and whether that is no one; the body shows who has it by now, and only the name of that one.
    fn assignee(&self, changes: &Changes<'a>) -> (Option<Party<'a>>, bool) {
        let shown = self
            .meta
            .assignee
            .read::<User<'a>>()
            .party(match self.meta.assignee_type.text().as_deref() {
                Some("AgentBot") => Some(PartyKind::Bot),
                _ => Some(PartyKind::Agent),
            });
        let columns = [
            ("assignee_agent_bot_id", PartyKind::Bot),
            ("assignee_id", PartyKind::Agent),
        ];
        let changed = || columns.iter().filter(|(name, _)| changes.has(name));
        if changed().next().is_none() {
            return (shown, self.meta.assignee.is_emptied());
        }
        let after = |name| changes.after(name, Json::default());
        let became = changed().find_map(|(name, kind)| Some(Party::new(after(name).text()?, *kind)));
        let Some(became) = became else {
            // Where an agent was taken away and a bot is shown, or the other way round, that one may have had it all along.
            let kept = |kind| shown.is_some() && changed().all(|(_, changed)| Some(*changed) != kind);
            let has_another = kept(shown.as_ref().and_then(|shown| shown.kind));
            return (
                None,
                !has_another && changed().all(|(name, _)| after(name).is_emptied()),
            );
        };
        let named = shown.filter(|shown| shown.id == became.id && shown.kind == became.kind);
        (Some(named.unwrap_or(became)), false)
    }

    fn team(&self, changes: &Changes<'a>) -> Option<Text<'a>> {
        let shown: Named<'a> = self.meta.team.read();
        let id = changes.after("team_id", shown.id).text();
        if id == shown.id.text() {
            return shown.name.text().or(id);
        }
        id
    }
}

fn ticket_status(status: Json<'_>) -> Option<TicketStatus> {
    Some(match &*status.text()? {
        "open" | "0" => TicketStatus::Open,
        "resolved" | "1" => TicketStatus::Closed,
        "pending" | "2" => TicketStatus::Pending,
        "snoozed" | "3" => TicketStatus::Snoozed,
        _ => return None,
    })
}
