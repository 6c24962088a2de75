//! How old each account's snapshot is. The age grows by itself, so it is computed when somebody asks, not when it was taken.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use tokio::time::Instant;

/// (vendor, account as `namespace/name`): the last snapshot. Bounded by the accounts that exist.
#[derive(Debug, Clone, Default)]
pub(super) struct Snapshots(Arc<Mutex<BTreeMap<(&'static str, String), Snapshot>>>);

#[derive(Debug, Clone, Copy)]
struct Snapshot {
    at: Instant,
    objects: usize,
    unmanaged: usize,
}

impl Snapshots {
    pub(super) fn taken(&self, vendor: &'static str, account: &str, objects: usize, unmanaged: usize) {
        let snapshot = Snapshot { at: Instant::now(), objects, unmanaged };
        self.lock().insert((vendor, account.to_owned()), snapshot);
    }

    pub(super) fn refreshed(&self, vendor: &'static str, account: &str) {
        if let Some(snapshot) = self.lock().get_mut(&(vendor, account.to_owned())) {
            snapshot.at = Instant::now();
        }
    }

    pub(super) fn removed(&self, vendor: &'static str, account: &str) {
        self.lock().remove(&(vendor, account.to_owned()));
    }

    /// No code that can panic runs under the lock, so what a poisoned one holds is still whole.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<(&'static str, String), Snapshot>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Collector for Snapshots {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let snapshots = self.lock().clone();
        if snapshots.is_empty() {
            return Ok(());
        }
        let mut family = |name: &str, help: &str, value: fn(&Snapshot) -> f64| -> fmt::Result {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for ((vendor, account), snapshot) in &snapshots {
                let labels = [("vendor", *vendor), ("account", account.as_str())];
                ConstGauge::new(value(snapshot)).encode(family.encode_family(&labels)?)?;
            }
            Ok(())
        };
        family("connector_operator_snapshot_age_seconds", "Time since the last good list.", |snapshot| {
            snapshot.at.elapsed().as_secs_f64()
        })?;
        family("connector_operator_snapshot_objects", "Objects in the last good list.", |snapshot| {
            as_float(snapshot.objects)
        })?;
        family("connector_operator_unmanaged_objects", "Objects that no connector declares.", |snapshot| {
            as_float(snapshot.unmanaged)
        })
    }
}

/// Counts of objects are far below 2⁵³, up to where a float is exact.
#[allow(clippy::cast_precision_loss)]
fn as_float(count: usize) -> f64 {
    count as f64
}
