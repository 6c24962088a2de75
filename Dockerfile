# The operator's image: one static binary, no shell, a user without rights.
#
#   docker build -t connector-operator .
#   docker buildx build --platform linux/amd64,linux/arm64 -t connector-operator .
#
# The second line cross-compiles: the compiler runs on the machine's own platform. `make image` calls docker or buildah, and can do without a
# registry: BINARY=prebuilt takes dist/<architecture>/connector-operator, and BASE_IMAGE may be anything that has the certificate
# authorities in /etc/ssl/certs.
ARG BUILD_IMAGE=docker.io/library/rust:1.95-slim-bookworm
ARG BASE_IMAGE=gcr.io/distroless/static-debian12:nonroot@sha256:d093aa3e30dbadd3efe1310db061a14da60299baff8450a17fe0ccc514a16639
ARG BINARY=compiled

FROM --platform=${BUILDPLATFORM} ${BUILD_IMAGE} AS compiled
ARG TARGETARCH
WORKDIR /source
COPY Cargo.toml Cargo.lock ./
COPY image/compile image/compile
COPY src src
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/source/target \
    image/compile "${TARGETARCH}" connector-operator /

FROM scratch AS prebuilt
ARG TARGETARCH
COPY dist/${TARGETARCH}/connector-operator /connector-operator

FROM ${BINARY} AS binary

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
COPY --from=binary /connector-operator /usr/local/bin/connector-operator
# A number, so that Kubernetes can tell that it is not root.
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/connector-operator"]
