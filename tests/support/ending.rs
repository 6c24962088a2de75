//! How a story ends: nothing secret came to light, nothing was refused, and the operator stops when it is asked to.

use super::canary::Canaries;
use super::objects::KINDS;
use super::process::Run;
use super::story::Story;

impl Story {
    /// The operator is refused something in this story, and that is what it is about.
    pub fn expect_refusals(&mut self) {
        self.refusals_expected = true;
    }

    /// The story made a secret known on purpose.
    #[must_use]
    pub fn forget_secrets(mut self) -> Story {
        self.canaries = Canaries::default();
        self
    }

    /// Ends the story. Every story calls this last; one that does not, fails.
    pub async fn end(mut self) {
        self.ended = true;
        let found = self.search_for_secrets().await;
        assert!(found.is_empty(), "secrets came to light:\n  {}", found.join("\n  "));
        let refusals = self.refusals().await;
        assert!(
            refusals.is_empty() || self.refusals_expected,
            "the chart's RBAC lacks a rule for:\n  {}",
            refusals.join("\n  ")
        );
        for operator in &mut self.operators {
            let panics: Vec<_> =
                operator.log().lines().filter(|line| line.contains("panicked")).map(str::to_owned).collect();
            assert!(panics.is_empty(), "{} panicked:\n  {}", operator.name, panics.join("\n  "));
            if operator.runs() {
                let status = operator.terminate().await;
                assert!(status.success(), "{} ended with {status} when asked to stop", operator.name);
            }
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }

    /// Every place where a secret of this story came to light, as `where: secret, form`.
    pub async fn search_for_secrets(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (place, text) in self.everything_visible().await {
            found.extend(self.canaries.found_in(&text).into_iter().map(|what| format!("{place}: {what}")));
        }
        found
    }

    /// Every secret of this story that is in a text.
    pub fn secrets_in(&self, text: &str) -> Vec<String> {
        self.canaries.found_in(text)
    }

    /// All that the operator shows to anybody, by place.
    async fn everything_visible(&self) -> Vec<(String, String)> {
        let mut places = Vec::new();
        for namespace in &self.namespaces {
            for kind in KINDS.iter().chain(&["Event", "Lease", "ConfigMap"]) {
                for object in self.objects.list(kind, namespace).await {
                    let name = object["metadata"]["name"].as_str().unwrap_or("?").to_owned();
                    places.push((format!("{kind} {namespace}/{name}"), object.to_string()));
                }
            }
        }
        let requests = self.vendor.requests().await;
        let urls: Vec<String> =
            requests.iter().map(|request| format!("{}?{:?}", request.path, request.query)).collect();
        places.push(("URLs at the vendor".to_owned(), urls.join("\n")));
        for operator in &self.operators {
            let name = &operator.name;
            places.push((format!("log of {name}"), operator.log()));
            let id = operator.id();
            for file in ["environ", "cmdline"] {
                let bytes = std::fs::read(format!("/proc/{id}/{file}")).unwrap_or_default();
                places.push((format!("{file} of {name}"), String::from_utf8_lossy(&bytes).into_owned()));
            }
            if let Ok((_, page)) = super::http::get(&operator.url("/metrics")).await {
                places.push((format!("metrics of {name}"), page));
            }
        }
        places
    }
}

impl Drop for Story {
    fn drop(&mut self) {
        if self.plane_is_own {
            self.plane.end();
        }
        if std::thread::panicking() {
            Run::current().keep();
            eprintln!("the logs of the story {} are in {}", self.name, self.folder.display());
        } else {
            assert!(self.ended, "the story {} did not end: call story.end().await last", self.name);
        }
    }
}
