//! Secrets that stand out: whatever shows one of them tells a secret.

/// What every secret of a world begins with.
pub const MARK: &str = "canary";

pub const ONOMONDO_KEY: &str = "canary-onomondo-key";
pub const OTHER_ONOMONDO_KEY: &str = "canary-other-onomondo-key";
pub const APONO_TOKEN: &str = "canary-apono-token";
pub const OMF_CLIENT_ID: &str = "simulated-client";
pub const OMF_CLIENT_SECRET: &str = "canary-omf-secret";
/// As the emulator takes it.
pub const OMF_CLIENT: &str = "simulated-client:canary-omf-secret";
