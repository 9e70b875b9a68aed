//! Addresses: a phone number, perhaps with the network in front (`whatsapp:+5511900000001`), or the network's own id after it.

use schemas::data::{Party, Text};

use crate::normalize::phone::international;

/// Whoever has that address.
pub(super) fn party(address: Text<'_>) -> Party<'_> {
    Party {
        phone: number(&address),
        id: Some(address),
        ..Party::default()
    }
}

/// What is written with a plus is a number; short codes, names and users' ids have none.
pub(super) fn number<'a>(address: &str) -> Option<Text<'a>> {
    let number = address.rsplit_once(':').map_or(address, |(_, number)| number);
    let number = international(number.starts_with('+').then_some(number)?)?;
    Some(Text::Owned(number.into_owned()))
}

/// The network of a person with that address.
pub(super) fn network<'a>(address: &str) -> Option<Text<'a>> {
    match address.split_once(':') {
        Some((prefix, _)) => channel(prefix),
        None => Some("sms".into()),
    }
}

/// A network that is not written as our own words for networks.
pub(super) fn channel<'a>(word: &str) -> Option<Text<'a>> {
    Some(match &*word.to_ascii_lowercase() {
        "" => return None,
        "messenger" => "facebook".into(),
        "mms" => "sms".into(),
        "chat" | "sdk" | "client" => "web".into(),
        "sip" => "voice".into(),
        word => Text::Owned(word.to_owned()),
    })
}

/// Whether it is one, rather than the name of a person who works here.
pub(super) fn is_address(author: &str) -> bool {
    let digits = author.strip_prefix('+').unwrap_or_default();
    author.contains(':') || !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_its_network_and_a_number_only_where_it_has_one() {
        for (address, phone, channel) in [
            ("+5511900000001", Some("+5511900000001"), "sms"),
            ("12345", None, "sms"),
            ("LOJA", None, "sms"),
            ("whatsapp:+5511900000001", Some("+5511900000001"), "whatsapp"),
            ("whatsapp:BR.10000000000000000001", None, "whatsapp"),
            ("messenger:5511900000001", None, "facebook"),
            ("rcs:+5511900000001", Some("+5511900000001"), "rcs"),
            ("rcs:loja_exemplo_agent", None, "rcs"),
            ("instagram:17841400000000000", None, "instagram"),
        ] {
            assert_eq!(number(address).as_deref(), phone, "{address}");
            assert_eq!(network(address).as_deref(), Some(channel), "{address}");
        }
    }
}
