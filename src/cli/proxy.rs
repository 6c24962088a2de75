//! The proxies that the environment names: which hosts they are, and whether the API server is reached through one.
//!
//! kube takes `HTTPS_PROXY` for a kubeconfig's cluster, but compares `NO_PROXY` with the **proxy's** address instead of the
//! cluster's. So the question is asked again here, the usual way. Pure.

use std::collections::BTreeSet;
use std::net::IpAddr;

use url::Url;

/// The hosts of the proxies, in lower case.
pub(super) fn hosts() -> BTreeSet<String> {
    let variables = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"];
    let given =
        variables.iter().flat_map(|name| [std::env::var(name), std::env::var(name.to_ascii_lowercase())]);
    given.flatten().filter_map(|proxy| host_of(&proxy)).collect()
}

/// `http://proxy.corp:3128`, or without the scheme.
fn host_of(proxy: &str) -> Option<String> {
    let url = Url::parse(proxy).ok().filter(Url::has_host);
    let url = url.or_else(|| Url::parse(&format!("http://{proxy}")).ok())?;
    url.host_str().map(str::to_ascii_lowercase)
}

/// Whether `host` is to be reached directly: `no_proxy` is a comma-separated list of hosts, domains, addresses and address
/// ranges, or `*`. Loopback is always reached directly.
pub(super) fn is_bypassed(no_proxy: &str, host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase();
    let address: Option<IpAddr> = host.parse().ok();
    if host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
        return true;
    }
    no_proxy.split(',').map(|entry| entry.trim().to_ascii_lowercase()).any(|entry| match address {
        _ if entry == "*" => true,
        Some(address) => contains(&entry, address),
        None => is_domain_of(&entry, &host),
    })
}

/// `10.0.0.1` or `10.0.0.0/8`.
fn contains(entry: &str, address: IpAddr) -> bool {
    let (network, length) = match entry.split_once('/') {
        Some((network, length)) => (network, length.parse().ok()),
        None => (entry, Some(128)),
    };
    let (Ok(network), Some(length)) = (network.parse::<IpAddr>(), length) else { return false };
    let (network, address, bits): (u128, u128, u32) = match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            (network.to_bits().into(), address.to_bits().into(), 32)
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => (network.to_bits(), address.to_bits(), 128),
        _ => return false,
    };
    let ignored = bits - bits.min(length);
    network.checked_shr(ignored) == address.checked_shr(ignored)
}

/// `example.com`, `.example.com` and `*.example.com`: that host and all below it.
fn is_domain_of(entry: &str, host: &str) -> bool {
    let domain = entry.trim_start_matches('*').trim_start_matches('.');
    let domain = domain.split(':').next().unwrap_or_default();
    !domain.is_empty() && host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_written_with_a_scheme_or_without() {
        for (written, host) in [
            ("http://Proxy.corp:3128", "proxy.corp"),
            ("proxy.corp:3128", "proxy.corp"),
            ("http://user:password@10.0.0.1:3128/", "10.0.0.1"),
            ("socks5://proxy.corp", "proxy.corp"),
        ] {
            assert_eq!(host_of(written).as_deref(), Some(host), "{written}");
        }
        assert_eq!(host_of(""), None);
    }

    #[test]
    fn names_match_with_all_that_is_below_them() {
        for entry in ["example.com", ".example.com", "*.example.com", "other, EXAMPLE.com:6443", "*"] {
            assert!(is_bypassed(entry, "api.example.com"), "{entry}");
        }
        for entry in ["", "ample.com", "api.example.com.au", "10.0.0.0/8", ","] {
            assert!(!is_bypassed(entry, "api.example.com"), "{entry}");
        }
    }

    #[test]
    fn addresses_match_alone_and_in_ranges() {
        for entry in ["10.1.2.3", "10.0.0.0/8", "10.1.2.0/24", "0.0.0.0/0", "10.1.2.3/32"] {
            assert!(is_bypassed(entry, "10.1.2.3"), "{entry}");
        }
        for entry in ["10.1.2.4", "11.0.0.0/8", "10.1.2.4/31x", "::/0", "example.com", "10.1.2.4/32"] {
            assert!(!is_bypassed(entry, "10.1.2.3"), "{entry}");
        }
        assert!(is_bypassed("fd00::/8", "[fd00::1]"));
        assert!(is_bypassed("::/0", "fd00::1"));
        assert!(!is_bypassed("fd00::/8", "fe80::1"));
    }

    #[test]
    fn the_own_machine_needs_no_proxy() {
        for host in ["localhost", "127.0.0.1", "127.1.2.3", "[::1]"] {
            assert!(is_bypassed("", host), "{host}");
        }
    }
}
