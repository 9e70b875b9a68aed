//! Every member of `Message`, and how it is read.

use super::{Said, answers, cards, offers, parts, trade};
use crate::normalize::json::Json;

/// What a member is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Role {
    /// It has a message inside, in its own `message`.
    Envelope,
    /// An envelope whose message takes the place of one that was sent before.
    Edited,
    /// It says something, under that kind.
    Content(&'static str, Reader),
    /// It says nothing, but may do something.
    Notice(Notice),
    /// It goes along with others, and alone it is nothing.
    Beside,
}

pub(super) type Reader = for<'a> fn(&'static str, Json<'a>) -> Said<'a>;

/// What is done to a message or a chat.
#[derive(Debug, Clone, Copy)]
pub(super) enum Notice {
    Reaction,
    /// By its type: an edit, a message taken back, or business of the devices among themselves.
    Protocol,
    /// By its type: an edit, or something else that only the parties can read.
    Sealed,
    /// Nothing that the vocabulary has a word for.
    Other(&'static str),
}

macro_rules! members {
    ($($name:literal => $role:expr,)*) => {
        /// What the member of that name is; none if the definition did not have it when this was written.
        pub(super) fn role(name: &str) -> Option<Role> {
            use self::Notice::{Other, Protocol, Reaction, Sealed};
            use self::Role::{Beside, Content, Edited, Envelope, Notice};
            Some(match name {
                $($name => $role,)*
                _ => return None,
            })
        }

        #[cfg(test)]
        pub(super) const NAMES: &[&str] = &[$($name),*];
    };
}

members! {
    // Texts and files.
    "conversation" => Content("text", parts::plain),
    "extendedTextMessage" => Content("text", parts::worded),
    "imageMessage" => Content("image", parts::file),
    "videoMessage" => Content("video", parts::file),
    "ptvMessage" => Content("video", parts::file),
    "audioMessage" => Content("audio", parts::file),
    "documentMessage" => Content("document", parts::file),
    "stickerMessage" => Content("sticker", parts::file),
    "stickerPackMessage" => Content("stickerPack", cards::named),
    "richResponseMessage" => Content("richResponse", cards::rich),
    "musicMessage" => Content("music", cards::music),

    // Places, people, polls, events, invitations, calls.
    "locationMessage" => Content("location", cards::location),
    "liveLocationMessage" => Content("location", cards::location),
    "contactMessage" => Content("contact", cards::contact),
    "contactsArrayMessage" => Content("contact", cards::contacts),
    "pollCreationMessage" => Content("poll", cards::poll),
    "pollCreationMessageV2" => Content("poll", cards::poll),
    "pollCreationMessageV3" => Content("poll", cards::poll),
    "pollCreationMessageV5" => Content("poll", cards::poll),
    "pollCreationMessageV6" => Content("poll", cards::poll),
    "pollResultSnapshotMessage" => Content("pollResult", cards::poll),
    "pollResultSnapshotMessageV3" => Content("pollResult", cards::poll),
    "eventMessage" => Content("event", cards::event),
    "eventInviteMessage" => Content("event", cards::event),
    "groupInviteMessage" => Content("groupInvite", cards::named),
    "newsletterAdminInviteMessage" => Content("newsletterAdminInvite", cards::named),
    "newsletterFollowerInviteMessageV2" => Content("newsletterFollowerInvite", cards::named),
    "callLogMesssage" => Content("call", cards::call),
    "bcallMessage" => Content("call", cards::planned),
    "scheduledCallCreationMessage" => Content("call", cards::planned),

    // Offers, and the answers to them.
    "templateMessage" => Content("template", offers::template),
    "highlyStructuredMessage" => Content("template", offers::structured),
    "buttonsMessage" => Content("buttons", offers::buttons),
    "listMessage" => Content("list", offers::list),
    "interactiveMessage" => Content("interactive", offers::interactive),
    "buttonsResponseMessage" => Content("buttonsResponse", answers::button),
    "templateButtonReplyMessage" => Content("templateButtonReply", answers::quick_reply),
    "listResponseMessage" => Content("listResponse", answers::row),
    "interactiveResponseMessage" => Content("interactiveResponse", answers::interactive),
    "statusQuestionAnswerMessage" => Content("text", answers::to_question),
    "questionResponseMessage" => Content("text", answers::to_question),
    "statusQuotedMessage" => Content("text", answers::to_question),

    // Trade.
    "orderMessage" => Content("order", trade::order),
    "productMessage" => Content("product", trade::product),
    "sendPaymentMessage" => Content("sendPayment", trade::payment),
    "requestPaymentMessage" => Content("requestPayment", trade::payment),
    "paymentInviteMessage" => Content("paymentInvite", trade::payment),
    "splitPaymentMessage" => Content("splitPayment", trade::payment),
    "paymentReminderMessage" => Content("paymentReminder", trade::payment),
    "invoiceMessage" => Content("invoice", trade::invoice),

    // Envelopes.
    "associatedChildMessage" => Envelope,
    "botForwardedMessage" => Envelope,
    "botInvokeMessage" => Envelope,
    "botPlatformRegistrationSuccessMessage" => Envelope,
    "botTaskMessage" => Envelope,
    "commentMessage" => Envelope,
    "deviceSentMessage" => Envelope,
    "documentWithCaptionMessage" => Envelope,
    "editedMessage" => Edited,
    "ephemeralMessage" => Envelope,
    "eventCoverImage" => Envelope,
    "groupMentionedMessage" => Envelope,
    "groupStatusMentionMessage" => Envelope,
    "groupStatusMessage" => Envelope,
    "groupStatusMessageV2" => Envelope,
    "limitSharingMessage" => Envelope,
    "lottieStickerMessage" => Envelope,
    "newsletterAdminProfileMessage" => Envelope,
    "newsletterAdminProfileStatusMessage" => Envelope,
    "pollCreationMessageV4" => Envelope,
    "pollCreationOptionImageMessage" => Envelope,
    "questionMessage" => Envelope,
    "questionReplyMessage" => Envelope,
    "spoilerMessage" => Envelope,
    "statusAddYours" => Envelope,
    "statusMentionMessage" => Envelope,
    "viewOnceMessage" => Envelope,
    "viewOnceMessageV2" => Envelope,
    "viewOnceMessageV2Extension" => Envelope,

    // Notices.
    "reactionMessage" => Notice(Reaction),
    "protocolMessage" => Notice(Protocol),
    "secretEncryptedMessage" => Notice(Sealed),
    "encReactionMessage" => Notice(Other("a reaction, encrypted for the parties")),
    "encCommentMessage" => Notice(Other("a comment, encrypted for the parties")),
    "encEventResponseMessage" => Notice(Other("a reply to an event, encrypted for the parties")),
    "conditionalRevealMessage" => Notice(Other("encrypted until later")),
    "albumMessage" => Notice(Other("an album begins: its items are messages")),
    "pollUpdateMessage" => Notice(Other("a vote in a poll")),
    "pollAddOptionMessage" => Notice(Other("a new option in a poll")),
    "pinInChatMessage" => Notice(Other("a message was pinned or unpinned")),
    "keepInChatMessage" => Notice(Other("a message is kept, or no longer")),
    "scheduledCallEditMessage" => Notice(Other("a planned call was changed")),
    "cancelPaymentRequestMessage" => Notice(Other("a request of payment was cancelled")),
    "declinePaymentRequestMessage" => Notice(Other("a request of payment was declined")),
    "splitPaymentUpdateMessage" => Notice(Other("a shared payment was updated")),
    "requestPhoneNumberMessage" => Notice(Other("the phone number is asked for")),
    "statusNotificationMessage" => Notice(Other("a notice about a status")),
    "statusStickerInteractionMessage" => Notice(Other("a sticker on a status was touched")),
    "placeholderMessage" => Notice(Other("content that only the phone shows")),
    "messageHistoryBundle" => Notice(Other("earlier messages for a new member")),
    "messageHistoryNotice" => Notice(Other("earlier messages for a new member")),
    "stickerSyncRmrMessage" => Notice(Other("stickers are synchronized")),
    "call" => Notice(Other("the key of a call")),
    "chat" => Notice(Other("the name of a chat")),

    // What goes along.
    "messageContextInfo" => Beside,
    "senderKeyDistributionMessage" => Beside,
    "fastRatchetKeySenderKeyDistributionMessage" => Beside,
    "groupRootKeyShare" => Beside,
    "rootSecretDistributeMessage" => Beside,
    "statusLinkPreviewMetadata" => Beside,
}
