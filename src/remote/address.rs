//! Which addresses are private: this machine's, its neighbours', and those where a cloud answers questions about itself. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use url::Host;

/// Whether a host can only be this machine, its neighbours, or a cloud's metadata service.
pub fn is_private(host: &Host<&str>) -> bool {
    match host {
        Host::Ipv4(address) => is_private_v4(*address),
        Host::Ipv6(address) => is_private_v6(*address),
        Host::Domain(name) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            let inside = ["localhost", "local", "internal"];
            inside.iter().any(|suffix| name == *suffix || name.ends_with(&format!(".{suffix}")))
        }
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    let is_shared = first == 100 && (64..128).contains(&second);
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_unspecified()
        || address.is_broadcast()
        || address.is_multicast()
        || is_shared
        || first == 0
        // For protocols, benchmarks, and whatever may come (RFC 6890).
        || address.octets()[..3] == [192, 0, 0]
        || (first == 198 && second & 0xfe == 18)
        || first >= 240
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    address.is_loopback()
        || address.is_unspecified()
        || address.is_unique_local()
        || address.is_unicast_link_local()
        || address.is_multicast()
        || is_local_translation_or_site(address)
        || embedded_v4(address).is_some_and(is_private_v4)
}

/// `64:ff9b:1::/48`, which networks translate as they like (RFC 8215), and the site-local addresses of old (RFC 3879).
fn is_local_translation_or_site(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    segments[..3] == [0x64, 0xff9b, 1] || segments[0] & 0xffc0 == 0xfec0
}

/// The IPv4 address that one of IPv6 leads to: mapped or compatible, by NAT64 (RFC 6052), or by 6to4 (RFC 3056).
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let bytes = address.octets();
    let at = |from: usize| Ipv4Addr::new(bytes[from], bytes[from + 1], bytes[from + 2], bytes[from + 3]);
    match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => Some(at(12)),
        [0x2002, ..] => Some(at(2)),
        _ => address.to_ipv4(),
    }
}

/// The same of an address that a name resolved to.
pub(super) fn is_private_address(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_private_v4(address),
        IpAddr::V6(address) => is_private_v6(address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_address_is_one_in_whatever_it_is_wrapped() {
        for private in [
            "10.0.0.5",
            "169.254.169.254",
            "192.0.0.8",
            "198.19.0.1",
            "240.0.0.1",
            "::1",
            "fe80::1",
            "fd00::1",
            "fec0::1",
            "::ffff:10.0.0.5",
            "64:ff9b::10.0.0.5",
            "64:ff9b:1::1",
            "2002:a00:5::1",
        ] {
            assert!(is_private_address(private.parse().expect("an address")), "{private}");
        }
        for public in
            ["93.184.216.34", "198.20.0.1", "2606:4700::1", "64:ff9b::93.184.216.34", "2002:5db8:d822::1"]
        {
            assert!(!is_private_address(public.parse().expect("an address")), "{public}");
        }
    }
}
