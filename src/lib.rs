//! connector-operator makes SaaS vendors' connectors equal to their declaration as Kubernetes objects, keeps them equal,
//! and reports what is really there.
//!
//! The crate's layers, from the outside in:
//! - [`cli`], [`settings`], [`telemetry`], [`metrics`], [`server`], [`shutdown`], [`clock`], [`spans`]: the process.
//! - [`api`]: the custom resources that users write, and nothing else.
//! - [`engine`]: knows Kubernetes and no vendor.
//! - [`remote`]: knows HTTP and no vendor.
//! - [`vendors`]: one folder a vendor, behind the engine's `Vendor` trait.
//! - [`emulator`]: the vendors' APIs for tests and demonstrations; it shares no type with [`vendors`].

pub mod api;
#[cfg(feature = "vendors")]
pub mod cli;
pub mod clock;
pub mod emulator;
pub mod engine;
pub mod metrics;
pub mod remote;
pub mod server;
pub mod settings;
pub mod shutdown;
pub mod spans;
pub mod telemetry;
#[cfg(feature = "vendors")]
pub mod vendors;
