# The operator's image: one binary, no shell, a user without rights.
#
#   docker build -t connector-operator .
#
# BASE_IMAGE may be any image with glibc 2.36 or newer and certificate authorities in /etc/ssl/certs. Releases pin both images
# by digest.
ARG BUILD_IMAGE=docker.io/library/rust:1.95-slim-bookworm
ARG BASE_IMAGE=gcr.io/distroless/cc-debian12:nonroot

FROM ${BUILD_IMAGE} AS build
WORKDIR /source
COPY Cargo.toml Cargo.lock ./
COPY src src
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/source/target \
    cargo build --release --locked --bin connector-operator \
    && cp target/release/connector-operator /connector-operator

FROM ${BASE_IMAGE}
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="connector-operator" \
      org.opencontainers.image.description="Makes SaaS connectors equal to their declaration in Kubernetes" \
      org.opencontainers.image.source="https://github.com/connector-operator/connector-operator" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY LICENSE /usr/share/doc/connector-operator/LICENSE
COPY --from=build /connector-operator /usr/local/bin/connector-operator
# A number, so that Kubernetes can tell that it is not root.
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/connector-operator"]
