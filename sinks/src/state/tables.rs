//! The tables of state and the registers of each.

use schemas::time::Timestamp;

use super::register::{Agent, Greatest, Json, Latest, Least, Version};
use super::table::table;

table! {
    /// A message. Its conversation belongs to the key: ids of Telegram and Slack are unique in one chat only.
    Message = "message", key("conversation_id", "message_id"), true {
        sent_time: Least<Timestamp>,
        edited_time: Greatest<Timestamp>,
        deleted_time: Least<Timestamp>,
        pending_at: Least<Timestamp>,
        sent_at: Least<Timestamp>,
        delivered_at: Least<Timestamp>,
        read_at: Least<Timestamp>,
        played_at: Least<Timestamp>,
        failed_at: Least<Timestamp>,
        internal: Greatest<bool>,
        /// The version at which it was written last: what was written before its conversation was emptied is gone.
        created_version: Greatest<Version>,
        platform: Least<String>,
        direction: Least<String>,
        kind: Least<String>,
        from_id: Least<String>,
        from_kind: Least<String>,
        from_name: Least<String>,
        ticket_id: Least<String>,
        channel_id: Least<String>,
        text: Latest<String>,
        error: Least<String>,
    }
}

table! {
    /// A conversation.
    Conversation = "conversation", key("conversation_id"), true {
        first_time: Least<Timestamp>,
        last_time: Greatest<Timestamp>,
        first_inbound: Least<Timestamp>,
        last_inbound: Greatest<Timestamp>,
        last_outbound: Greatest<Timestamp>,
        first_agent: Least<Timestamp>,
        /// The version at which it was emptied last.
        emptied_version: Greatest<Version>,
        is_group: Greatest<bool>,
        platform: Least<String>,
        channel: Least<String>,
        channel_id: Least<String>,
    }
}

table! {
    /// A ticket.
    Ticket = "ticket", key("ticket_id"), true {
        opened_at: Least<Timestamp>,
        created_time: Least<Timestamp>,
        first_closed: Least<Timestamp>,
        first_inbound: Least<Timestamp>,
        first_agent: Least<Timestamp>,
        last_time: Greatest<Timestamp>,
        platform: Least<String>,
        contact_id: Least<String>,
        protocol: Least<String>,
        channel: Least<String>,
        channel_id: Least<String>,
        status: Latest<String>,
        assignee: Latest<Agent>,
        department: Latest<String>,
        team: Latest<String>,
        priority: Latest<String>,
        labels: Latest<Json>,
    }
}

table! {
    /// One thing that was said of a ticket: reopenings, transfers and the last closing are counted here.
    TicketChange = "ticket_change", key("ticket_id", "version"), false {
        time: Least<Timestamp>,
        platform: Least<String>,
        r#type: Least<String>,
        status: Least<String>,
        previous_status: Least<String>,
        assignee_id: Least<String>,
        department: Least<String>,
        team: Least<String>,
        /// What it says is empty now, as JSON.
        cleared: Least<Json>,
    }
}

table! {
    /// A contact.
    Contact = "contact", key("contact_id"), false {
        first_time: Least<Timestamp>,
        last_time: Greatest<Timestamp>,
        is_group: Greatest<bool>,
        platform: Least<String>,
        identifier: Least<String>,
        alternate_id: Least<String>,
        name: Latest<String>,
        phone: Latest<String>,
        email: Latest<String>,
        blocked: Latest<bool>,
        channel_id: Latest<String>,
    }
}

table! {
    /// A group.
    Group = "chat_group", key("group_id"), false {
        created_time: Least<Timestamp>,
        last_time: Greatest<Timestamp>,
        /// The greatest version that brought all the members: who was reported before it and not by it has gone.
        roster_version: Greatest<Version>,
        platform: Least<String>,
        owner_id: Least<String>,
        subject: Latest<String>,
        description: Latest<String>,
        announce: Latest<bool>,
        restrict: Latest<bool>,
    }
}

table! {
    /// Somebody who is or was in a group.
    GroupMember = "group_member", key("group_id", "member_id"), false {
        platform: Least<String>,
        alternate_id: Least<String>,
        present: Latest<bool>,
        admin: Latest<bool>,
        phone: Latest<String>,
    }
}

table! {
    /// A line between the platform and the messaging network, in one lease of it.
    Connection = "connection", key("connection_id", "epoch"), false {
        last_time: Greatest<Timestamp>,
        /// The greatest version that says it is open: a code to scan and a reason of before are over.
        opened_version: Greatest<Version>,
        platform: Least<String>,
        state: Latest<String>,
        online: Latest<bool>,
        pairing: Latest<bool>,
        reason: Latest<String>,
    }
}
