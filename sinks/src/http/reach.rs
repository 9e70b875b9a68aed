//! How an endpoint is reached: what its settings say of its connections, and whether they can be used at all.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use net::client::{Authorities, Guard, Identity, Options, Proxy, SendError, TokenSettings};
use schemas::endpoint::{ClientCertificate, Connection, Credentials, Endpoint};
use schemas::setting::{Findings, Invalid};

/// The files of certificates that were read: thousands of endpoints may share one.
#[derive(Debug, Default)]
pub(super) struct Files {
    authorities: HashMap<PathBuf, Result<Authorities, Invalid>>,
    identities: HashMap<(PathBuf, PathBuf), Result<Identity, Invalid>>,
}

impl Files {
    /// The options of a connection, or everything that is wrong with them.
    pub(super) fn options(&mut self, connection: &Connection) -> Result<Options, Vec<Invalid>> {
        let mut found = Findings::default();
        let authorities = connection.ca_file.as_ref().map(|file| self.authorities(file));
        let authorities = authorities.transpose().map_err(|e| vec![e.within("ca_file")]);
        let identity = connection.client_certificate.as_ref().map(|files| self.identity(files));
        let identity = identity.transpose().map_err(|e| vec![e.within("client_certificate")]);
        let proxy = connection.proxy.as_ref().map(Proxy::new).transpose();
        let proxy = proxy.map_err(|e| vec![e.within("proxy")]);
        let options = Options {
            authorities: found.keep(authorities).flatten(),
            identity: found.keep(identity).flatten(),
            proxy: found.keep(proxy).flatten(),
            http2: connection.http2,
        };
        found.into_value(Some(options))
    }

    fn authorities(&mut self, file: &Path) -> Result<Authorities, Invalid> {
        let read = self.authorities.entry(file.to_path_buf());
        read.or_insert_with(|| Authorities::from_file(file)).clone()
    }

    fn identity(&mut self, files: &ClientCertificate) -> Result<Identity, Invalid> {
        let ClientCertificate {
            certificate_file,
            key_file,
        } = files;
        let read = self.identities.entry((certificate_file.clone(), key_file.clone()));
        read.or_insert_with(|| Identity::from_files(certificate_file, key_file))
            .clone()
    }
}

/// How the tokens of an endpoint are asked for, if it wants some: through its proxy, and of a server that proves itself as all do.
pub(super) fn token_settings(endpoint: &Endpoint) -> Option<Result<TokenSettings, SendError>> {
    let Some(Credentials::OAuth2(oauth2)) = &endpoint.credentials else {
        return None;
    };
    let proxy = endpoint.connection.proxy.as_ref().map(Proxy::new).transpose();
    let proxy = proxy.map_err(|e| SendError::Connect(e.within("proxy").to_string()));
    let scopes = oauth2.scope.as_deref().unwrap_or_default();
    let audience = oauth2.audience.iter();
    Some(proxy.map(|proxy| {
        TokenSettings {
            url: oauth2.token_url.clone(),
            client_id: oauth2.client_id.clone(),
            client_secret: oauth2.client_secret.clone(),
            scopes: scopes.split_whitespace().map(str::to_owned).collect(),
            parameters: audience
                .map(|audience| ("audience".to_owned(), audience.clone()))
                .collect(),
            credentials_in_body: false,
            options: Options {
                proxy,
                ..Options::default()
            },
            timeout: endpoint.timeout,
        }
    }))
}

/// Whether an endpoint can be posted to, as far as that shows without resolving names: the guard lets its URL, that of its tokens and
/// its proxy pass, and its files can be read. The places are those of its settings.
pub fn check_endpoint(guard: &Guard, endpoint: &Endpoint) -> Result<(), Vec<Invalid>> {
    let mut found = Findings::default();
    if let Err(e) = guard.check_url(&endpoint.url) {
        found.add("url", format!("cannot be posted to: {e}"));
    }
    if let Some(Credentials::OAuth2(oauth2)) = &endpoint.credentials
        && let Err(e) = guard.check_url(&oauth2.token_url)
    {
        found.add("auth.oauth2.token_url", format!("cannot be posted to: {e}"));
    }
    if let Some(proxy) = &endpoint.connection.proxy
        && let Err(e) = guard.check_url(proxy)
    {
        found.add("proxy", format!("cannot be used: {e}"));
    }
    found.add_within("", Files::default().options(&endpoint.connection).map(drop));
    found.into_result()
}
