//! Which operation a path names. Paths are read without case: the documents print `/tenants/…/omfConnections`, the
//! vendor's clients send `/Tenants/…/OmfConnections`.

use percent_encoding::percent_decode_str;

/// The versions whose paths there are; they do the same.
const VERSIONS: [&str; 2] = ["v1", "v2-preview"];

/// What a path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// `/identity/.well-known/openid-configuration`.
    Discovery,
    /// `/identity/connect/token`.
    Token,
    /// `…/omfConnections`.
    Connections(Scope),
    /// `…/omfConnections/{id}`.
    Connection(Scope, String),
    /// Elsewhere below `/identity`.
    ElsewhereInIdentity,
    /// Elsewhere below `/api/{version}/tenants`.
    ElsewhereInTenants,
}

/// A namespace of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scope {
    pub(super) tenant: String,
    pub(super) namespace: String,
}

impl Place {
    /// None: the path belongs to another vendor.
    pub(super) fn of(path: &str) -> Option<Self> {
        let parts = path.trim_matches('/').split('/').collect::<Vec<_>>();
        let is = |at: usize, word: &str| parts.get(at).is_some_and(|part| part.eq_ignore_ascii_case(word));
        if is(0, "identity") {
            return Some(match &parts[1..] {
                [_, _] if is(1, ".well-known") && is(2, "openid-configuration") => Self::Discovery,
                [_, _] if is(1, "connect") && is(2, "token") => Self::Token,
                _ => Self::ElsewhereInIdentity,
            });
        }
        if !(is(0, "api") && is(2, "tenants")) {
            return None;
        }
        let known =
            VERSIONS.iter().any(|version| is(1, version)) && is(4, "namespaces") && is(6, "omfConnections");
        let scope = || Some(Scope { tenant: decoded(parts.get(3)?)?, namespace: decoded(parts.get(5)?)? });
        let place = match (known, &parts[..]) {
            (true, [.., _]) if parts.len() == 7 => scope().map(Self::Connections),
            (true, [.., id]) if parts.len() == 8 => {
                scope().zip(decoded(id)).map(|(scope, id)| Self::Connection(scope, id))
            }
            _ => None,
        };
        Some(place.unwrap_or(Self::ElsewhereInTenants))
    }
}

fn decoded(part: &str) -> Option<String> {
    percent_decode_str(part).decode_utf8().ok().map(String::from).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope() -> Scope {
        Scope { tenant: "T".to_owned(), namespace: "N s".to_owned() }
    }

    #[test]
    fn paths_are_read_without_case_in_both_versions() {
        for path in [
            "/api/v1/tenants/T/namespaces/N%20s/omfConnections",
            "/api/v1/Tenants/T/Namespaces/N%20s/OmfConnections/",
            "/API/V2-Preview/TENANTS/T/NAMESPACES/N%20s/OMFCONNECTIONS",
        ] {
            assert_eq!(Place::of(path), Some(Place::Connections(scope())), "{path}");
            let one = format!("{}/Ab", path.trim_end_matches('/'));
            assert_eq!(Place::of(&one), Some(Place::Connection(scope(), "Ab".to_owned())), "{one}");
        }
        assert_eq!(Place::of("/Identity/.Well-Known/OpenID-Configuration"), Some(Place::Discovery));
        assert_eq!(Place::of("/identity/connect/token"), Some(Place::Token));
    }

    #[test]
    fn what_is_not_documented_is_nothing_of_this_vendors() {
        for path in [
            "/api/v3/tenants/T/namespaces/N/omfConnections",
            "/api/v1/tenants/T",
            "/api/v1/tenants//namespaces/N/omfConnections",
        ] {
            assert_eq!(Place::of(path), Some(Place::ElsewhereInTenants), "{path}");
        }
        assert_eq!(Place::of("/identity"), Some(Place::ElsewhereInIdentity));
        for path in ["/api/admin/v3/connectors", "/api/v2/connectors", "/connectors", "/", ""] {
            assert_eq!(Place::of(path), None, "{path}");
        }
    }
}
