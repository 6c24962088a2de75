//! The vendor's side of the operator: HTTP, budgets and snapshots. It knows no vendor and no Kubernetes.
//!
//! One [`Reflector`] serves one vendor account: it owns the client, the credential, the request budget and the
//! [`Snapshot`] of everything that the vendor holds, so that a thousand objects cost one list an interval.

mod address;
mod answer;
mod authorization;
mod budget;
mod call;
mod client;
mod errors;
mod exclusive;
mod item;
mod oauth;
mod rate;
mod reflector;
mod resolver;
mod rows;
mod schedule;
mod snapshot;
mod token;
mod transport;

pub use address::is_private;
pub use answer::{ListAnswer, Response};
pub use authorization::{Authorization, overlaps};
pub use budget::{Budget, Class, Grant, SharedBudget};
pub use call::Call;
pub use client::{Client, Connection, Observer, Permits};
pub use errors::{Disposition, RemoteError};
pub use exclusive::{ExclusiveId, Holders};
pub use item::{Identity, RemoteItem};
pub use reflector::{Health, Reflector, ReflectorEvent, Source};
pub use rows::Listed;
pub use schedule::{Refresh, Schedule};
pub use snapshot::{Absence, Difference, Entry, Snapshot, Ticket};
pub use token::{ClientCredentials, TokenCache, TokenEndpoint, TokenSource};
pub use transport::{Transport, TransportBody, TransportSettings, transport};
