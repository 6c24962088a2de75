# The commands of this repository. `make` explains them.
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/connector-operator
CARGO_DENY_VERSION := 0.20.2
CARGO_DENY := $(CACHE)/cargo-deny-$(CARGO_DENY_VERSION)/bin/cargo-deny
CARGO_MUTANTS_VERSION := 27.1.0
CARGO_MUTANTS := $(CACHE)/cargo-mutants-$(CARGO_MUTANTS_VERSION)/bin/cargo-mutants
CARGO_CYCLONEDX_VERSION := 0.5.9
CARGO_CYCLONEDX := $(CACHE)/cargo-cyclonedx-$(CARGO_CYCLONEDX_VERSION)/bin/cargo-cyclonedx
SBOM := target/connector-operator.cdx.json
CHART_CRDS := charts/connector-operator/files/crds
RECORDS := $(CURDIR)/target/records

# The stories wait more than they compute: more of them at once than there are cores.
export RUST_TEST_THREADS ?= 6

# Many worlds want a fast program; `make test` runs them one after the other, each on JOBS threads.
SIMULATION = RUST_TEST_THREADS=1 cargo test --locked --profile simulation --test simulation
# The settings of the simulation, as they were given.
export SEEDS FIRST_SEED JOBS SEED CRASH_AT CRASHED_SEEDS

.DEFAULT_GOAL := help
.PHONY: help demo control-plane test simulate planted mutants proof replay fuzz e2e image gitops judge corpus baseline bench soak crds manifests stale docs fmt lint deny advisories sbom release ci

help: ## Explain these commands
	@echo "make <command>, with Rust and Go installed; everything else is built once and kept in $(CACHE)"
	@echo
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## See it work on a real control plane, with an emulated vendor; KEEP=1 leaves it all running
	@tests/build-tools control-plane >/dev/null
	@tests/build-tools helm >/dev/null
	@cargo test --locked --test demo

control-plane: ## Build the real control plane, Helm and the other tools that the tests run (once, about 10 minutes)
	@tests/build-tools control-plane
	@tests/build-tools helm
	@tests/build-tools helm3
	@tests/build-tools helm-docs
	@tests/build-tools lua
	@tests/build-tools apono-client

test: control-plane ## Run all tests: laws, stories on a real control plane, 2,000 simulated worlds and every crash point
	cargo test --locked
	cargo test --locked --lib --no-default-features -- engine:: remote::
	$(SIMULATION) -- --nocapture

simulate: ## Simulate many worlds (SEEDS=100000 FIRST_SEED=1 JOBS=2): every promise is held against every step
	$(SIMULATION) -- --nocapture whatever_happens

planted: ## Put known faults into a copy of the operator, one by one, and see that the simulation finds each (FAULT=part-of-a-name)
	tests/simulation/planted/prove $(FAULT)

mutants: $(CARGO_MUTANTS) ## Change the code in many small ways, and see how many of them simulation and laws notice (MUTANTS=1/40: which part of all)
	$(CARGO_MUTANTS) mutants --shard $(or $(MUTANTS),1/40) --output target

proof: control-plane ## Run all that docs/reliability.md claims of the simulation, for hours, and print its figures
	tests/simulation/prove

replay: ## Tell one simulated world from its beginning to its end (SEED=7, CRASH_AT=12 for a crash there)
	$(SIMULATION) -- --nocapture --ignored replay

fuzz: ## Give every decoder CASES=20000 inputs that mean ill; says of each how many of them it understood
	PROPTEST_CASES=$(or $(CASES),20000) cargo test --locked --test hostile -- --nocapture laws:: plans::

e2e: ## Install the operator by Helm and kustomize on a real node, as root, then `make gitops`; STORY=part-of-a-name tells only those of the node
	cargo test --locked --test e2e -- $(STORY)
	$(if $(STORY),,$(MAKE) gitops)

image: ## Build the image with docker or buildah: IMAGE=name:tag PLATFORM=linux/arm64; OFFLINE=1 where no registry is reachable
	image/build $(or $(IMAGE),connector-operator:dev)

gitops: control-plane ## Have Argo CD and Flux themselves apply a repository; STORY=part-of-a-name tells only those
	@tests/gitops/prepare
	@tests/build-tools argocd >/dev/null
	@tests/build-tools flux >/dev/null
	cargo test --locked --test gitops -- $(STORY)

judge: control-plane ## Have kstatus, kubeconform, kube-score, crdify and the oldest API server judge what is shipped
	@tests/build-tools oldest-control-plane >/dev/null
	cargo test --locked --test judges
	KUBEBUILDER_ASSETS=$$(tests/build-tools oldest-control-plane) cargo test --locked --test crds
	KUBEBUILDER_ASSETS=$$(tests/build-tools oldest-control-plane) cargo test --locked --test stories -- create:: update::

corpus: control-plane ## Record what the objects of the stories were like, for kstatus and Argo CD to judge
	rm -rf $(RECORDS)
	RECORD_OBJECTS=$(RECORDS) cargo test --locked --test stories
	RECORD_OBJECTS=$(RECORDS) cargo test --locked --test judges corpus::

baseline: ## Take crds/ for what must not break from now on: at a release, or where a break is meant
	rm -f tests/judges/baseline/*.yaml
	cp crds/*.yaml tests/judges/baseline/

bench: control-plane ## Measure what N connectors of a vendor cost (N=1000 VENDOR=onomondo, apono or omf): counts are asserted, seconds printed
	N=$(or $(N),1000) VENDOR=$(VENDOR) cargo bench --locked --bench scale

soak: control-plane ## Change 300 objects of all vendors for MINUTES=60, kill replicas meanwhile, and see that each ends as it was declared last
	MINUTES=$(or $(MINUTES),60) cargo test --locked --test soak

crds: ## Generate crds/ from src/api, and copy it into the chart
	mkdir -p crds $(CHART_CRDS)
	UPDATE_CRDS=1 cargo test --locked --quiet --test crds generated::
	rm -f $(CHART_CRDS)/*.yaml
	cp crds/*.yaml $(CHART_CRDS)/

manifests: ## Write deploy/ anew from the chart and crds/, and the README of the chart
	UPDATE_MANIFESTS=1 cargo test --locked --quiet --test stories -- the_manifests_are the_readme_of_the_chart

stale: ## Fail where a generated file is not what its source makes
	cargo test --locked --quiet --test crds generated::
	diff -r crds $(CHART_CRDS)
	git apply --check tests/simulation/planted/*.patch
	cargo test --locked --quiet --test stories -- the_manifests_are the_readme_of_the_chart

docs: ## Write docs/settings.md as --help has it
	UPDATE_DOCS=1 cargo test --locked --quiet --test stories docs::the_settings

fmt: ## Format the code
	cargo fmt --all

lint: ## Check the format, and let Clippy read everything
	cargo fmt --all --check
	cargo clippy --locked --all-targets -- -D warnings
	cargo clippy --locked --test demo --test soak --test e2e --test simulation --test gitops --test judges -- -D warnings

deny: $(CARGO_DENY) ## Check the licences and sources of all dependencies
	$(CARGO_DENY) --locked check bans licenses sources

advisories: $(CARGO_DENY) ## Check all dependencies for known vulnerabilities, by the RustSec database, which is fetched
	$(CARGO_DENY) --locked check advisories

sbom: $(CARGO_CYCLONEDX) ## Write what the operator is made of to SBOM=file, as CycloneDX
	$(CARGO_CYCLONEDX) cyclonedx --format json --spec-version 1.5 --target x86_64-unknown-linux-gnu --no-build-deps --override-filename connector-operator.cdx
	mkdir -p $(dir $(SBOM))
	mv connector-operator.cdx.json $(SBOM)

release: ## Publish TAG=v1.2.3 to REGISTRY=ghcr.io/owner and sign it; DRY_RUN=1 says what it would do
	release/publish

$(CARGO_CYCLONEDX):
	env -u CARGO_TARGET_DIR cargo install --locked cargo-cyclonedx@$(CARGO_CYCLONEDX_VERSION) --root $(CACHE)/cargo-cyclonedx-$(CARGO_CYCLONEDX_VERSION)

$(CARGO_MUTANTS):
	env -u CARGO_TARGET_DIR cargo install --locked cargo-mutants@$(CARGO_MUTANTS_VERSION) --root $(CACHE)/cargo-mutants-$(CARGO_MUTANTS_VERSION)

$(CARGO_DENY):
	env -u CARGO_TARGET_DIR cargo install --locked cargo-deny@$(CARGO_DENY_VERSION) --root $(CACHE)/cargo-deny-$(CARGO_DENY_VERSION)

ci: ## Run what has to pass before a change lands
	.ci/run
