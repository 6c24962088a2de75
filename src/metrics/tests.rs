//! What Prometheus reads after the operator did this or that.

use super::*;

/// The samples of the metric families whose names start with `prefix`, without help and type.
fn samples(metrics: &Metrics, prefix: &str) -> Vec<String> {
    let text = metrics.render().unwrap();
    text.lines().filter(|line| line.starts_with(prefix)).map(str::to_owned).collect()
}

#[test]
fn an_alert_can_count_on_zeroes_from_the_start() {
    let metrics = Metrics::new();

    metrics.controller_starts("onomondo", 8);

    let mut seen = samples(&metrics, "controller_runtime_");
    seen.sort();
    assert_eq!(
        seen,
        [
            r#"controller_runtime_active_workers{controller="onomondo"} 0"#,
            r#"controller_runtime_max_concurrent_reconciles{controller="onomondo"} 8"#,
            r#"controller_runtime_reconcile_errors_total{controller="onomondo"} 0"#,
            r#"controller_runtime_reconcile_panics_total{controller="onomondo"} 0"#,
            r#"controller_runtime_reconcile_timeouts_total{controller="onomondo"} 0"#,
            r#"controller_runtime_reconcile_total{controller="onomondo",result="error"} 0"#,
            r#"controller_runtime_reconcile_total{controller="onomondo",result="requeue_after"} 0"#,
            r#"controller_runtime_reconcile_total{controller="onomondo",result="success"} 0"#,
        ]
    );
}

#[test]
fn a_panic_and_a_timeout_are_errors_with_a_count_of_their_own() {
    let metrics = Metrics::new();

    for result in [ReconcileResult::Success, ReconcileResult::TimedOut, ReconcileResult::Panicked] {
        metrics.reconcile_finished("onomondo", result, Duration::from_millis(20));
    }

    let mut seen = samples(&metrics, "controller_runtime_reconcile_");
    seen.retain(|line| !line.contains("_time_seconds"));
    seen.sort();
    assert_eq!(
        seen,
        [
            r#"controller_runtime_reconcile_errors_total{controller="onomondo"} 2"#,
            r#"controller_runtime_reconcile_panics_total{controller="onomondo"} 1"#,
            r#"controller_runtime_reconcile_timeouts_total{controller="onomondo"} 1"#,
            r#"controller_runtime_reconcile_total{controller="onomondo",result="error"} 2"#,
            r#"controller_runtime_reconcile_total{controller="onomondo",result="success"} 1"#,
        ]
    );
}

#[test]
fn reconciles_are_timed_in_seconds() {
    let metrics = Metrics::new();

    metrics.reconcile_finished("onomondo", ReconcileResult::Success, Duration::from_millis(20));

    let seen = samples(&metrics, "controller_runtime_reconcile_time_seconds");
    let has = |line: &str| assert!(seen.iter().any(|seen| seen == line), "{line} is not in {seen:#?}");
    has(r#"controller_runtime_reconcile_time_seconds_sum{controller="onomondo"} 0.02"#);
    has(r#"controller_runtime_reconcile_time_seconds_count{controller="onomondo"} 1"#);
    has(r#"controller_runtime_reconcile_time_seconds_bucket{le="0.01",controller="onomondo"} 0"#);
    has(r#"controller_runtime_reconcile_time_seconds_bucket{le="0.025",controller="onomondo"} 1"#);
}

#[test]
fn calls_to_a_vendor_are_counted_by_operation_and_answer() {
    let metrics = Metrics::new();
    let call = |status| metrics.api_request_finished("onomondo", "list", status, Duration::from_secs(1));

    call(200);
    call(429);
    metrics.rate_limited("onomondo");
    call(0);

    let mut seen = samples(&metrics, "connector_operator_api_requests_total");
    seen.sort();
    assert_eq!(
        seen,
        [
            r#"connector_operator_api_requests_total{vendor="onomondo",operation="list",code="200"} 1"#,
            r#"connector_operator_api_requests_total{vendor="onomondo",operation="list",code="429"} 1"#,
            r#"connector_operator_api_requests_total{vendor="onomondo",operation="list",code="none"} 1"#,
        ]
    );
    assert_eq!(
        samples(&metrics, "connector_operator_api_request_duration_seconds_count"),
        [r#"connector_operator_api_request_duration_seconds_count{vendor="onomondo",operation="list"} 3"#]
    );
    assert_eq!(
        samples(&metrics, "connector_operator_rate_limited_total"),
        [r#"connector_operator_rate_limited_total{vendor="onomondo"} 1"#]
    );
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_ages_by_itself_and_goes_with_its_account() {
    let metrics = Metrics::new();
    metrics.snapshot_taken("onomondo", "iot/default", 12, 3);
    metrics.snapshot_taken("onomondo", "iot/other", 1, 0);

    tokio::time::advance(Duration::from_secs(90)).await;
    metrics.account_removed("onomondo", "iot/other");

    assert_eq!(
        samples(&metrics, "connector_operator_snapshot"),
        [
            r#"connector_operator_snapshot_age_seconds{vendor="onomondo",account="iot/default"} 90.0"#,
            r#"connector_operator_snapshot_objects{vendor="onomondo",account="iot/default"} 12.0"#,
        ]
    );
    assert_eq!(
        samples(&metrics, "connector_operator_unmanaged"),
        [r#"connector_operator_unmanaged_objects{vendor="onomondo",account="iot/default"} 3.0"#]
    );

    metrics.snapshot_taken("onomondo", "iot/default", 13, 3);
    assert_eq!(
        samples(&metrics, "connector_operator_snapshot_age"),
        [r#"connector_operator_snapshot_age_seconds{vendor="onomondo",account="iot/default"} 0.0"#]
    );
}

#[test]
fn everything_else_reads_under_its_well_known_name() {
    let metrics = Metrics::new();

    metrics.set_active_workers("onomondo", 2);
    metrics.set_queue_depth("onomondo", 7);
    metrics.set_leader("connector-operator", true);
    metrics.kubernetes_request_finished(409, "PUT", "10.0.0.1:443");
    metrics.reflector_listed("onomondoconnectors");
    metrics.drift_corrected("onomondo", "options.port");
    metrics.event_dropped();

    let text = metrics.render().unwrap();
    let has = |line: &str| assert!(text.lines().any(|seen| seen == line), "{line} is not in:\n{text}");
    has(r#"controller_runtime_active_workers{controller="onomondo"} 2"#);
    has(r#"workqueue_depth{name="onomondo"} 7"#);
    has(r#"leader_election_master_status{name="connector-operator"} 1"#);
    has(r#"rest_client_requests_total{code="409",method="PUT",host="10.0.0.1:443"} 1"#);
    has(r#"reflector_lists_total{name="onomondoconnectors"} 1"#);
    has(r#"connector_operator_drift_corrected_total{vendor="onomondo",field="options.port"} 1"#);
    has("connector_operator_events_dropped_total 1");
    has(&format!(r#"connector_operator_build_info{{version="{}"}} 1"#, env!("CARGO_PKG_VERSION")));
}

#[test]
fn the_process_reports_itself() {
    let text = Metrics::new().render().unwrap();
    let value = |name: &str| -> f64 {
        let line =
            text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("no {name}"));
        line.trim().parse().unwrap()
    };

    assert!(value("process_resident_memory_bytes ") > 1_000_000.0);
    assert!(value("process_cpu_seconds_total ") >= 0.0);
    assert!(value("process_open_fds ") >= 3.0);
    assert!(value("process_start_time_seconds ") > 1_700_000_000.0);
}

#[test]
fn the_text_is_whole_and_clones_count_into_the_same_numbers() {
    let metrics = Metrics::new();
    metrics.clone().event_dropped();

    let text = metrics.render().unwrap();

    assert!(text.ends_with("# EOF\n"), "{text}");
    assert!(text.contains("connector_operator_events_dropped_total 1\n"), "{text}");
}

#[test]
fn whatever_a_vendor_thinks_of_there_is_a_bound_to_the_fields_of_corrected_drift() {
    let metrics = Metrics::new();
    metrics.drift_corrected("onomondo", "passthrough[0].ip");
    metrics.drift_corrected("onomondo", "passthrough[1].port");
    for number in 0..1000 {
        metrics.drift_corrected("onomondo", &format!("options.{number}"));
    }

    let seen = samples(&metrics, "connector_operator_drift_corrected_total");
    let count = |field: &str| {
        let line =
            format!(r#"connector_operator_drift_corrected_total{{vendor="onomondo",field="{field}"}} "#);
        seen.iter().find_map(|seen| seen.strip_prefix(&line)).map(str::to_owned)
    };
    assert_eq!(seen.len(), MOST_DRIFT_FIELDS + 1);
    assert_eq!(count("passthrough").as_deref(), Some("2"));
    assert_eq!(count("options.0").as_deref(), Some("1"));
    assert_eq!(count("other").as_deref(), Some("801"));
}
