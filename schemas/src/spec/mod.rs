//! Sources and endpoints as they are written: one spelling for the configuration file, the API and the database.
//!
//! A spec knows no line of a file. What is wrong with it is [`Invalid`](crate::setting::Invalid), all of it at once, each by its
//! place in the spec. Secrets can be read and are never written out.

mod auth;
mod endpoint;
pub mod reference;
mod retry;
mod shape;
mod source;

use crate::name::Tenant;

pub use auth::{AuthSpec, TokenSpec};
pub use endpoint::{
    BasicSpec, ClientCertificateSpec, EndpointAuthSpec, EndpointSpec, OAuth2Spec, Ordering, RateLimitSpec, SecretSpec,
};
pub use retry::Retry;
pub use source::SourceSpec;

fn default_tenant() -> Tenant {
    Tenant::new("default").unwrap_or_else(|_| unreachable!("a literal name is valid"))
}
