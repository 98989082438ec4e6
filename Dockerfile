# syntax=docker/dockerfile:1
# Three stages: build with the dependencies cached in a layer of their own, assemble what runs, and that alone.
#   docker build -t whmcs-stock-monitor --build-arg VERSION=0.1.0 --build-arg REVISION="$(git rev-parse HEAD)" \
#       --build-arg CREATED="$(git log -1 --format=%cI)" .
FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
RUN apt-get update && apt-get install -y --no-install-recommends build-essential && rm -rf /var/lib/apt/lists/*
# The manifest names benches, so they must be there; the sources of the program come after the dependencies are built.
COPY Cargo.toml Cargo.lock ./
COPY benches benches
RUN mkdir -p src && echo 'fn main() {}' > src/main.rs && touch src/lib.rs \
    && cargo build --locked --profile dist --bins \
    && rm -rf src
COPY . .
RUN touch src/main.rs src/lib.rs && cargo build --locked --profile dist --bins

FROM debian:bookworm-slim AS assemble
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates tzdata && rm -rf /var/lib/apt/lists/*
COPY deploy/container/rootfs /usr/local/bin/rootfs
COPY --from=build /src/target/dist/whmcs-stock-monitor /tmp/whmcs-stock-monitor
RUN rootfs /tmp/whmcs-stock-monitor /rootfs

FROM scratch
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG SOURCE=https://whmcs-stock-monitor.example
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="whmcs-stock-monitor" \
      org.opencontainers.image.description="Watches the stock of WHMCS products and tells people before it runs out" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.documentation="${SOURCE}/docs/install.md" \
      org.opencontainers.image.licenses="MIT"
COPY --from=assemble /rootfs /
USER 65532:65532
WORKDIR /var/lib/whmcs-stock-monitor
# Inside a container loopback is nobody's: HTTP_TOKEN (or HTTP_ALLOW_PUBLIC=true) has to be set.
ENV STATE_DIRECTORY=/var/lib/whmcs-stock-monitor \
    HTTP_LISTEN=0.0.0.0:9717
VOLUME ["/var/lib/whmcs-stock-monitor"]
EXPOSE 9717
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 CMD ["/usr/bin/whmcs-stock-monitor", "healthcheck"]
ENTRYPOINT ["/usr/bin/whmcs-stock-monitor"]
CMD ["run"]
