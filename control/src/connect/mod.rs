//! Registers our ingest URL with a platform through the platform's own API.
//!
//! Every platform does the same three things: look at what is registered, compare it with what should be, and change only
//! what differs. So a second run changes nothing. A dry run sends what only reads and shows what it would have sent.
//!
//! The way of one [`Order`]: the source and our public base URL make our URL (with a secret in it where the scheme or a second
//! proof wants that; file `ingest_url.rs`); `api.rs` talks to the platform (with which credentials: `access.rs`; what it says when it
//! refuses: `words.rs`) and keeps secrets out of everything that is shown; `hook.rs` compares; and the platform's own file knows paths, names and what its answers mean. Platforms without such an API
//! get directions in words (`panel.rs`).

mod access;
mod api;
mod baileys;
mod chatwoot;
mod client;
mod digisac;
mod error;
mod evolution;
mod github;
mod hook;
mod ingest_url;
mod line;
mod order;
mod panel;
mod redact;
mod shopify;
mod stripe;
mod telegram;
mod twilio;
mod waha;
mod web1on1;
mod words;
mod zendesk;

use schemas::platform::Platform;

use api::Api;
use order::Task;

pub use api::{Exchange, Sent};
pub use client::Client;
pub use error::ConnectError;
pub use ingest_url::{proofs, shown_path};
pub use order::{KeptSecret, Order, Registration, Report};

/// Does what `order` asks for, and `show`s every request as soon as it is answered (or left out, in a dry run).
///
/// An error after a change can leave that change in place; running again begins by looking, so it is safe.
pub async fn connect(
    order: &Order<'_>,
    client: &Client,
    show: &mut (dyn FnMut(&Exchange) + Send),
) -> Result<Report, ConnectError> {
    let task = Task::new(order)?;
    // One line per platform; the compiler asks for the line of a new one.
    match order.source.platform {
        Platform::Baileys => baileys::connect(&task, &mut Api::new(&task, client, show, baileys::ACCESS)?).await,
        Platform::Chatwoot => chatwoot::connect(&task, &mut Api::new(&task, client, show, chatwoot::ACCESS)?).await,
        Platform::Digisac => digisac::connect(&task, &mut Api::new(&task, client, show, digisac::ACCESS)?).await,
        Platform::Evolution => evolution::connect(&task, &mut Api::new(&task, client, show, evolution::ACCESS)?).await,
        Platform::Github => github::connect(&task, &mut Api::new(&task, client, show, github::ACCESS)?).await,
        Platform::Line => line::connect(&task, &mut Api::new(&task, client, show, line::ACCESS)?).await,
        Platform::Shopify => shopify::connect(&task, &mut Api::new(&task, client, show, shopify::ACCESS)?).await,
        Platform::Stripe => stripe::connect(&task, &mut Api::new(&task, client, show, stripe::ACCESS)?).await,
        Platform::Telegram => telegram::connect(&task, &mut Api::new(&task, client, show, telegram::ACCESS)?).await,
        Platform::Twilio => twilio::connect(&task, &mut Api::new(&task, client, show, twilio::ACCESS)?).await,
        Platform::Waha => waha::connect(&task, &mut Api::new(&task, client, show, waha::ACCESS)?).await,
        Platform::Web1on1 => web1on1::connect(&task, &mut Api::new(&task, client, show, web1on1::ACCESS)?).await,
        Platform::Zendesk => zendesk::connect(&task, &mut Api::new(&task, client, show, zendesk::ACCESS)?).await,
        Platform::Cloudevents
        | Platform::Huggy
        | Platform::Intercom
        | Platform::Slack
        | Platform::Standard
        | Platform::Twitter
        | Platform::WhatsappCloud => Ok(panel::directions(&task)),
    }
}
