//! How a story begins: its namespaces, its vendor, the chart's release, the operator.

use serde_json::{Value, json};

use super::audit::Audit;
use super::canary::Canaries;
use super::chart::{Release, Values};
use super::control_plane::ControlPlane;
use super::cost::Counted;
use super::looking::Subject;
use super::objects::{Address, Objects};
use super::process::Run;
use super::story::Story;
use super::vendor::Vendor;

/// How a story begins, where it is not the usual way.
pub struct Opening {
    name: String,
    values: Values,
    arguments: Vec<String>,
    variables: Vec<Value>,
    switches: Vec<(String, String)>,
    other_namespaces: Vec<String>,
    allowed_hosts: Vec<String>,
    cluster: Option<String>,
    plane: Option<&'static ControlPlane>,
    replicas: usize,
}

impl Opening {
    /// Sets a value of the chart, such as `leaderElection.leaseDuration`.
    #[must_use]
    pub fn value(mut self, path: &str, value: impl Into<Value>) -> Opening {
        self.values = self.values.with(path, value);
        self
    }

    /// Sets a flag of the operator that the chart has no value for.
    #[must_use]
    pub fn argument(mut self, argument: &str) -> Opening {
        let flag = |argument: &str| argument.split('=').next().map(str::to_owned);
        self.arguments.retain(|known| flag(known) != flag(argument));
        self.arguments.push(argument.to_owned());
        self
    }

    /// Sets an environment variable of the operator, as people do.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Opening {
        self.variables.push(json!({"name": name, "value": value}));
        self
    }

    /// One more host that accounts may go to.
    #[must_use]
    pub fn allowed_host(mut self, host: &str) -> Opening {
        self.allowed_hosts.push(host.to_owned());
        self
    }

    /// The operator knows the API server by this name of its certificate, as `name:port`.
    #[must_use]
    pub fn cluster_at(mut self, host: &str) -> Opening {
        self.cluster = Some(host.to_owned());
        self
    }

    /// The story takes place on this control plane, which is its own, and ends with it.
    #[must_use]
    pub fn on(mut self, plane: &'static ControlPlane) -> Opening {
        self.plane = Some(plane);
        self
    }

    /// Answers an open question about the vendor.
    #[must_use]
    pub fn switch(mut self, name: &str, value: &str) -> Opening {
        self.switches.push((name.to_owned(), value.to_owned()));
        self
    }

    /// One ClusterRole instead of a Role in each namespace. Which namespaces are watched stays as it is: other stories run
    /// in the same cluster.
    #[must_use]
    pub fn cluster_scoped(self) -> Opening {
        self.value("rbac.clusterScoped", true)
    }

    /// A second namespace that the operator works on, `<story>-<suffix>`.
    #[must_use]
    pub fn other_namespace(mut self, suffix: &str) -> Opening {
        self.other_namespaces.push(format!("{}-{suffix}", self.name));
        self
    }

    /// One more namespace that the operator works on, by its whole name.
    #[must_use]
    pub fn works_on(mut self, namespace: &str) -> Opening {
        self.other_namespaces.push(namespace.to_owned());
        self
    }

    /// How many replicas of the operator run; 1 where nothing is said, and with 0 the operator does not exist.
    #[must_use]
    pub fn replicas(mut self, replicas: usize) -> Opening {
        self.replicas = replicas;
        self
    }

    /// Sets everything up; the operator is ready when this returns.
    pub async fn begin(self) -> Story {
        let plane = match self.plane {
            Some(own) => own,
            None => ControlPlane::shared().await,
        };
        let folder = Run::current().folder().join(&self.name);
        std::fs::create_dir_all(&folder).expect("create the story's folder");
        let client = plane.client().await;
        let objects = Objects::new(client.clone());
        let namespaces: Vec<String> =
            [self.name.clone()].into_iter().chain(self.other_namespaces.clone()).collect();
        for namespace in &namespaces {
            assert!(
                objects.get(&Address::parse(&format!("Namespace/{namespace}"), "")).await.is_none(),
                "the namespace {namespace} is another story's: give this one another name"
            );
            objects
                .apply_value(json!({"kind": "Namespace", "metadata": {"name": namespace}}), "")
                .await
                .expect("a namespace");
        }
        let mut canaries = Canaries::default();
        let api_key = random_text("onomondo-key");
        canaries.guard("the API key", &api_key);
        let credentials = [format!("onomondo:{api_key}")];
        let vendor = Vendor::start(&folder, &credentials, &self.switches).await;
        let allowed_hosts =
            [vec![vendor.host().to_owned(), vendor.other_host()], self.allowed_hosts].concat();
        let values = self
            .values
            .with("watch.namespaces", namespaces.clone())
            .with("endpoints.allowedHosts", allowed_hosts)
            .with("extraEnv", self.variables)
            .with("extraArgs", self.arguments);
        let mut release = Release::install(&objects, &self.name, &self.name, &values, &folder).await;
        release.cluster = self.cluster;
        let audit = Audit::of(plane, &release.user());
        let mut story = Story {
            name: self.name,
            namespaces,
            folder,
            plane,
            plane_is_own: self.plane.is_some(),
            objects,
            client,
            release,
            audit,
            counted: Counted::default(),
            subject: Subject::ONOMONDO,
            vendor,
            operators: Vec::new(),
            canaries,
            api_key,
            refusals_expected: false,
            ended: false,
        };
        for _ in 0..self.replicas {
            story.start_operator().await;
        }
        story
    }
}

impl Story {
    /// A story that begins in the usual way: one namespace, a Role in it, one replica, vendors that are read once at the
    /// start and whenever the operator has a reason, but hardly by the clock, so that requests can be told one by one.
    pub async fn begin(name: &str) -> Story {
        Story::named(name).begin().await
    }

    /// A story that begins in another way.
    pub fn named(name: &str) -> Opening {
        let values = Values::new()
            .with("crds.install", false)
            .with("rbac.clusterScoped", false)
            .with("resyncInterval", "1h")
            .with("requestTimeout", "2s")
            .with("endpoints.allowInsecure", true)
            .with("logging.level", "trace");
        Opening {
            name: name.to_owned(),
            values,
            arguments: vec!["--consistency-allowance=1s".to_owned()],
            variables: Vec::new(),
            switches: Vec::new(),
            other_namespaces: Vec::new(),
            allowed_hosts: Vec::new(),
            cluster: None,
            plane: None,
            replicas: 1,
        }
    }
}

/// A secret that nobody has seen before.
pub fn random_text(name: &str) -> String {
    let random: String = std::iter::repeat_with(fastrand::alphanumeric).take(40).collect();
    format!("{name}-{random}")
}
