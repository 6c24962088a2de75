//! What every request for connections passes first: the token, the client's open connections, the tenant, the namespace.

use std::collections::BTreeSet;

use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};
use tokio::time::Instant;

use super::refusal::Refusal;
use super::route::Scope;
use super::state::{Access, DataHub, Namespace, Token};
use super::switches::{CONCURRENT_CONNECTIONS, ForeignTenant, TooManyConnections};
use crate::emulator::switches::Answered;

/// Who asks.
#[derive(Debug)]
pub(super) struct Caller {
    tenant: String,
    client: String,
    access: Access,
}

/// What a request wants of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Intent {
    Read,
    Write,
}

/// The token in these headers, where it is one that is valid.
pub(super) fn token_of<'a>(headers: &HeaderMap, hub: &'a DataHub) -> Option<&'a Token> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| hub.token(token.trim(), Instant::now())).flatten()
}

pub(super) fn caller(headers: &HeaderMap, hub: &DataHub) -> Result<Caller, Refusal> {
    let token = token_of(headers, hub).ok_or_else(Refusal::unauthorized)?;
    Ok(Caller { tenant: token.tenant.clone(), client: token.client.clone(), access: hub.access_of(token) })
}

impl Caller {
    /// Counts the TCP connection as one of the client's; `still_open` leaves those that are open.
    pub(super) fn come_in(
        &self,
        connection: u64,
        hub: &mut DataHub,
        still_open: impl Fn(&mut BTreeSet<u64>),
        switches: &Answered,
    ) -> Result<(), Refusal> {
        let usage = hub.usage.entry(self.client.clone()).or_default();
        usage.open.insert(connection);
        still_open(&mut usage.open);
        usage.most = usage.most.max(usage.open.len());
        let limit = switches.whole_number(&CONCURRENT_CONNECTIONS) as usize;
        if limit == 0 || usage.open.len() <= limit {
            return Ok(());
        }
        let status = match switches.choice() {
            TooManyConnections::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            TooManyConnections::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
        };
        let reason = format!("The client has more than {limit} connections open.");
        Err(Refusal::new(status, "Too many connections.", reason, "Close some, or send requests on fewer."))
    }

    /// The namespace, where the caller may do to its connections what it intends.
    pub(super) fn enter<'a>(
        &self,
        scope: &Scope,
        intent: Intent,
        hub: &'a mut DataHub,
        switches: &Answered,
    ) -> Result<&'a mut Namespace, Refusal> {
        let no_tenant = || Refusal::not_found("tenant", "TenantId", &scope.tenant);
        if !hub.knows_tenant(&scope.tenant) {
            return Err(no_tenant());
        }
        if !self.tenant.eq_ignore_ascii_case(&scope.tenant) {
            return Err(match switches.choice() {
                ForeignTenant::Forbidden => Refusal::forbidden("The token belongs to another tenant."),
                ForeignTenant::NotFound => no_tenant(),
            });
        }
        let namespace = hub.namespaces.iter_mut().find(|namespace| namespace.scope.is(scope));
        let namespace =
            namespace.ok_or_else(|| Refusal::not_found("namespace", "NamespaceId", &scope.namespace))?;
        match (self.access, intent) {
            (Access::Full, _) | (Access::Read, Intent::Read) => Ok(namespace),
            _ => Err(Refusal::forbidden("The client's roles do not allow this.")),
        }
    }
}
