//! Which controllers there are, and what each gets of the settings. A new vendor is one line in [`all`].

use std::path::PathBuf;

use futures::future::BoxFuture;
use tower::BoxError;

use super::proxy;
use crate::engine::context::EngineSettings;
use crate::engine::start::{Shared, controller};
use crate::engine::vendor::Vendor;
use crate::remote::{self, Transport, TransportSettings};
use crate::settings::Settings;
use crate::vendors::apono::Apono;
use crate::vendors::omf::Omf;
use crate::vendors::onomondo::Onomondo;

/// Vendors cannot be called.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The file of `--ca-file`.
    #[error("cannot read {0}: set --ca-file to a PEM file of certificate authorities")]
    CaFile(PathBuf, #[source] std::io::Error),
    /// That file holds none.
    #[error(
        "{0} holds no certificate in PEM: set --ca-file to a file with -----BEGIN CERTIFICATE----- in it"
    )]
    NoCertificate(PathBuf),
    /// No HTTP client.
    #[error("cannot call vendors: check --ca-file, SSL_CERT_FILE and the proxy variables")]
    Client(#[source] BoxError),
}

/// The controllers that the settings ask for, ready to be polled; they end when the process is asked to stop. Each returns how many
/// passes it had to drop.
pub(super) fn all(settings: &Settings, shared: &Shared) -> Vec<BoxFuture<'static, usize>> {
    let mut controllers = Vec::new();
    let mut add = |name: &str, start: fn(Shared, EngineSettings) -> BoxFuture<'static, usize>| {
        if settings.controllers.contains(name) {
            controllers.push(start(shared.clone(), engine_settings(settings, name)));
        }
    };
    add(Onomondo::NAME, |shared, settings| Box::pin(controller::<Onomondo>(shared, settings)));
    add(Apono::NAME, |shared, settings| Box::pin(controller::<Apono>(shared, settings)));
    add(Omf::NAME, |shared, settings| Box::pin(controller::<Omf>(shared, settings)));
    controllers
}

/// The way to vendors, with the further certificate authorities of `--ca-file`, and to private addresses where that is allowed.
pub(super) fn transport(settings: &Settings, private_addresses: bool) -> Result<Transport, TransportError> {
    let read = |path: &PathBuf| {
        let pem = std::fs::read(path).map_err(|error| TransportError::CaFile(path.clone(), error))?;
        let marker = b"-----BEGIN CERTIFICATE-----";
        let has_any = pem.windows(marker.len()).any(|part| part == marker);
        if has_any { Ok(pem) } else { Err(TransportError::NoCertificate(path.clone())) }
    };
    let ca_pem = settings.ca_file.as_ref().map(read).transpose()?;
    remote::transport(&TransportSettings { ca_pem, private_addresses, proxies: proxy::hosts() })
        .map_err(TransportError::Client)
}

fn engine_settings(settings: &Settings, controller: &str) -> EngineSettings {
    EngineSettings {
        watch_namespaces: settings.watch_namespaces.clone(),
        concurrency: settings.concurrency_of(controller),
        resync_interval: settings.resync_interval,
        request_timeout: settings.request_timeout,
        consistency_allowance: settings.consistency_allowance,
        list_size_limit: settings.list_size_limit,
        allowed_hosts: settings.allowed_hosts.clone(),
        allow_insecure_endpoints: settings.allow_insecure_endpoints,
        secrets_watch: settings.secrets_watch,
        namespaces_watch: settings.namespaces_watch,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::CONTROLLERS;

    #[test]
    fn the_settings_know_each_controller_by_its_own_name() {
        assert_eq!(CONTROLLERS, [Onomondo::NAME, Apono::NAME, Omf::NAME]);
    }
}
