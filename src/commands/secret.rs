//! `forebay secret`: makes secrets, for endpoints and sources.

use anyhow::{Context as _, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::cli::SecretArgs;
use crate::output::Printer;

/// How many random bytes a secret has.
const BYTES: usize = 32;

/// Prints as many secrets as are asked for, a line each.
pub(crate) fn secret(args: &SecretArgs, out: &mut Printer) -> anyhow::Result<()> {
    for _ in 0..args.count {
        let made = if args.hex { url_secret()? } else { signing_secret()? };
        if !out.line(&made) {
            break;
        }
    }
    Ok(())
}

/// A key of Standard Webhooks: `whsec_` and base64.
pub(crate) fn signing_secret() -> anyhow::Result<String> {
    Ok(format!("whsec_{}", BASE64.encode(random()?)))
}

/// 64 hexadecimal digits, which a URL takes as they are.
fn url_secret() -> anyhow::Result<String> {
    Ok(hex::encode(random()?))
}

fn random() -> anyhow::Result<[u8; BYTES]> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes)
        .map_err(|e| anyhow!("{e}"))
        .context("the system gives no random bytes")?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use schemas::secret::Secret;

    use super::*;

    #[test]
    fn a_secret_is_fit_for_what_it_is_for_and_no_two_are_alike() {
        let made = signing_secret().expect("made");
        let key = Secret::from_standard_webhooks(&made).expect("a signing key");
        assert_eq!(key.expose().len(), BYTES);
        assert_ne!(made, signing_secret().expect("made"));
        let hex = url_secret().expect("made");
        assert!(hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()), "{hex}");
    }
}
