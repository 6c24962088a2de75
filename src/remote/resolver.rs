//! Names to addresses, public ones only: a name that the administrator allowed must not lead into the cluster or to a cloud's metadata, whoever answers
//! for it at the moment of the connection.
//!
//! It cannot be told apart here whether a name is the vendor's or a proxy's, so proxies, which are mostly private, are named beforehand.

use super::address::is_private_address;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

/// See the module.
pub(super) struct PublicOnly {
    /// The hosts of the proxies, in lower case.
    proxies: Arc<BTreeSet<String>>,
}

impl PublicOnly {
    pub(super) fn besides(proxies: BTreeSet<String>) -> Self {
        Self { proxies: Arc::new(proxies) }
    }
}

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let proxies = self.proxies.clone();
        Box::pin(async move {
            let name = name.as_str().trim_end_matches('.').to_ascii_lowercase();
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let is_allowed =
                |address: &SocketAddr| proxies.contains(&name) || !is_private_address(address.ip());
            let allowed: Vec<SocketAddr> =
                found.iter().filter(|address| is_allowed(address)).copied().collect();
            if allowed.is_empty() && !found.is_empty() {
                return Err("its name leads to a private address; the administrator can allow that with --allow-insecure-endpoints \
                            (endpoints.allowInsecure of the chart)"
                    .into());
            }
            let addresses: Addrs = Box::new(allowed.into_iter());
            Ok(addresses)
        })
    }
}
