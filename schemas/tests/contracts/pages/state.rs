//! The page of the tables of current state: what they hold, who says it, what is not known.

use super::{GENERATED, tables};

const SHOWN: [&str; 10] = [
    "message",
    "message_current",
    "conversation",
    "ticket",
    "ticket_change",
    "contact",
    "chat_group",
    "group_member",
    "group_member_current",
    "connection",
];

const INTRODUCTION: &str = "\
# Current state

How tickets, messages, contacts, groups, lines and conversations stand: what all events of one say together. The sinks `postgres` and `sqlite` write these tables in the transaction of the rows of `event`, so they are never behind. [questions.md](questions.md) has the questions that they answer; [tables.md](tables.md) the tables of events and the other views.

The order in which events come does not matter, nor do repeats and replays: each column takes the least, the greatest, or that of the greatest version of what was told. A **version** is the id of the event that says so, in which one digit is the rank of the event's type: what was created and changed in one second ends as changed. A column `status_version` belongs to `status`. Versions are compared within one source only, hence with one clock.

What no event says is null: **unknown, not none**. What a platform says is empty now (`ticket.cleared`) is null, too, and has a version.

## Who says what

| table | event types | a row without |
|---|---|---|
| `message` | `message.created`, `message.updated`, `message.status`, `message.deleted` | `sent_time`: only later news told of it |
| `conversation` | `message.created`; `message.deleted` without a message empties it | `first_time`: only emptied |
| `ticket` | `ticket.*`; the first times of both sides: `message.created` that names its ticket | `last_time`: only messages told of it |
| `ticket_change` | `ticket.*`, a row each | |
| `contact` | `contact.*`; not the senders of messages | |
| `chat_group` | `group.*` | `roster_version`: no event has brought the whole list of members |
| `group_member` | `group.participants.updated`; the lists in `group.created` and `group.updated` | |
| `connection` | `connection.updated` | |

## What is not known

- **Members from before Forebay listened.** Telegram, Slack, LINE, Chatwoot and Digisac bring no list; Baileys, Evolution and WAHA bring one when a group is created or we come into it. Without a list every count of members is a least one: `complete` is false in `group_member_current`. A list removes who is not on it.
- **One person, two members.** A member may be known by a number and by a hidden id (`…@lid`). These are two rows; `alternate_id` and `phone` join them where the platform tells both.
- **Order within a minute** of group events of Baileys and Evolution, which have no time: that of the first receipt counts.
- **Which agent left**, where a platform only stops naming one: the last agent told stays. Platforms that say everything each time, and say it is nobody, clear it.
- **Equal versions of equal rank** in one millisecond: one of the two is taken, by the hash in their ids, and it is the same one everywhere and for ever.
- **Events that never came**, or that no rule sent here. Where rules send only some events to this database, these tables are about those: without `message.status` no status, without `message.created` no first response. A status that is told of a message whose `message.created` is not sent here makes a row without `sent_time`.
- **A body that differs under the same id** (`event_variant`) changes nothing here: the first one counts.
- **Rows that an older version stored** are not in these tables until they are filled.

Rows stay when partitions of `event` are dropped.

## Finding a row

In PostgreSQL the primary key of `message`, `conversation` and `ticket` is one `uuid`: `WHERE key = message_key(tenant, source, conversation_id, message_id)`, and `state_key(tenant, source, ticket_id)` for the others. SQLite has the texts themselves as key. Other tables have them on both.
";

pub(super) fn page() -> String {
    format!("{GENERATED}{INTRODUCTION}{}", tables::explained(&SHOWN))
}
