//! The replicas of the operator, as the kubelet keeps them: each runs, dies or ends, and is started again.

use super::doors;
use super::line::{Line, Process};
use super::world::{World, name};
use connector_operator::cli::replica::Replica;
use connector_operator::server::Endpoints;
use connector_operator::settings::{AllowedHosts, CONTROLLERS, LeaderElection, LogFormat, Settings};
use connector_operator::shutdown;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

/// The operator's own namespace.
pub const NAMESPACE: &str = "connector-operator-system";
/// How long the kubelet takes to start a container again.
const RESTART: Duration = Duration::from_secs(2);

/// Runs a replica for ever.
pub async fn keep_running(world: Arc<World>, replica: usize, elects: bool) {
    for boot in 0.. {
        let process = Process { replica, boot };
        let line = Line::new(process);
        world.state().lines[replica] = Some(line.clone());
        world.tell(|| format!("{} starts", name(process)));
        let (trigger, shutdown) = shutdown::pair(Duration::from_secs(25));
        let endpoints = Endpoints::default();
        let started = endpoints.readiness.condition("started");
        let work = Replica {
            settings: settings(elects),
            client: doors::kubernetes(&world, &line),
            transport: doors::vendors(&world, &line),
            endpoints,
            shutdown,
        };
        let task = tokio::spawn(async move { work.run(&started).await });
        let abort = task.abort_handle();
        tokio::select! {
            biased;
            () = line.severed() => abort.abort(),
            ended = task => {
                world.tell(|| format!("{} ends: {ended:?}", name(process)));
                // Nothing that it began may go on.
                line.sever();
            }
        }
        drop(trigger);
        sleep(RESTART).await;
    }
}

fn settings(elects: bool) -> Settings {
    Settings {
        listen: ([127, 0, 0, 1], 0).into(),
        watch_namespaces: Vec::new(),
        controllers: CONTROLLERS.iter().copied().collect(),
        concurrency: CONTROLLERS.iter().map(|name| (*name, 4)).collect(),
        resync_interval: Duration::from_mins(1),
        request_timeout: Duration::from_secs(30),
        consistency_allowance: Duration::from_secs(30),
        list_size_limit: 1 << 20,
        shutdown_timeout: Duration::from_secs(25),
        namespace: NAMESPACE.to_owned(),
        leader_election: elects.then(|| LeaderElection {
            name: "connector-operator".to_owned(),
            duration: Duration::from_secs(15),
            renew_deadline: Duration::from_secs(10),
            retry_period: Duration::from_secs(4),
        }),
        allowed_hosts: AllowedHosts::parse(&[]).expect("the vendors' own"),
        allow_insecure_endpoints: false,
        ca_file: None,
        secrets_watch: true,
        namespaces_watch: true,
        tracing: false,
        log_format: LogFormat::Text,
        log_level: tracing::level_filters::LevelFilter::OFF,
    }
}
