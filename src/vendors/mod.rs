//! The vendors: one folder each, behind the engine's [`Vendor`](crate::engine::vendor::Vendor) trait.
//!
//! A vendor knows its own wire format and endpoints. It never touches Kubernetes.

pub mod apono;
#[cfg(test)]
mod in_process;
#[cfg(test)]
mod kubernetes_in_process;
mod lenient;
pub mod omf;
pub mod onomondo;
#[cfg(test)]
mod operator_in_process;
mod quoting;

use url::Url;

/// An endpoint as scopes show it: host, port where it is not the scheme's, and path where there is one.
fn place(endpoint: &str) -> String {
    let Ok(url) = Url::parse(endpoint) else { return endpoint.to_owned() };
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}{port}{}", url.host_str().unwrap_or_default(), url.path().trim_end_matches('/'))
}
