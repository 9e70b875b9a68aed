//! Keys as one number: 16 bytes of SHA-256. The functions `state_key` and `message_key` of PostgreSQL (`0009_state.sql`) say the
//! same, for whoever looks for a row.

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::Part;

/// How many bytes of a message's key are those of its conversation's: messages of one conversation share pages of the index.
const OF_CONVERSATION: usize = 6;

/// The key of a row as one number. Each part counts with its length, so that no two lists of parts look alike.
pub(super) fn state_key(parts: &[Part]) -> Uuid {
    number(&hash(Sha256::new(), parts).finalize())
}

/// The key of a message, the last part of which is its id, as one number.
pub(super) fn message_key(parts: &[Part]) -> Uuid {
    let Some((message, conversation)) = parts.split_last() else {
        return Uuid::nil();
    };
    let conversation = hash(Sha256::new(), conversation);
    let mut bytes = [0; 16];
    let (first, rest) = bytes.split_at_mut(OF_CONVERSATION);
    copy(&conversation.clone().finalize(), first);
    copy(&hash(conversation, std::slice::from_ref(message)).finalize(), rest);
    Uuid::from_bytes(bytes)
}

fn hash(mut hash: Sha256, parts: &[Part]) -> Sha256 {
    let mut part = |bytes: &[u8]| {
        // No text of an event has four gigabytes.
        hash.update(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
        hash.update(bytes);
    };
    for of in parts {
        match of {
            Part::Text(text) => part(text.as_bytes()),
            Part::Number(number) => part(&number.to_be_bytes()),
            Part::Version(version) => part(version.0.as_bytes()),
        }
    }
    hash
}

fn number(digest: &[u8]) -> Uuid {
    let mut bytes = [0; 16];
    copy(digest, &mut bytes);
    Uuid::from_bytes(bytes)
}

fn copy(from: &[u8], to: &mut [u8]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(texts: &[&str]) -> Vec<Part> {
        texts.iter().map(|text| Part::Text((*text).to_owned())).collect()
    }

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(state_key(&parts(&["ab", "c"])), state_key(&parts(&["a", "bc"])));
        assert_ne!(state_key(&parts(&["a", ""])), state_key(&parts(&["a"])));
        assert_ne!(
            message_key(&parts(&["a", "b", "c1", "1"])),
            message_key(&parts(&["a", "b", "c", "11"]))
        );
    }

    #[test]
    fn messages_of_one_conversation_begin_alike() {
        let one = message_key(&parts(&["a", "b", "c", "1"]));
        let two = message_key(&parts(&["a", "b", "c", "2"]));
        let conversation = state_key(&parts(&["a", "b", "c"]));
        assert_eq!(
            one.as_bytes()[..OF_CONVERSATION],
            conversation.as_bytes()[..OF_CONVERSATION]
        );
        assert_eq!(
            two.as_bytes()[..OF_CONVERSATION],
            conversation.as_bytes()[..OF_CONVERSATION]
        );
        assert_ne!(one, two);
    }
}
