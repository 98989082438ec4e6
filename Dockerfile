# syntax=docker/dockerfile:1
# Two stages: build with the dependencies cached in a layer of their own, run with the binary and its few libraries.
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

FROM debian:bookworm-slim
LABEL org.opencontainers.image.title="whmcs-stock-monitor" \
      org.opencontainers.image.description="Watches the stock of WHMCS products and tells people before it runs out" \
      org.opencontainers.image.licenses="MIT"
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates tzdata \
    && rm -rf /var/lib/apt/lists/* \
    && install -d -o 65532 -g 65532 -m 0700 /var/lib/whmcs-stock-monitor
COPY --from=build /src/target/dist/whmcs-stock-monitor /usr/bin/whmcs-stock-monitor
USER 65532:65532
WORKDIR /var/lib/whmcs-stock-monitor
ENV STATE_DIRECTORY=/var/lib/whmcs-stock-monitor
VOLUME ["/var/lib/whmcs-stock-monitor"]
EXPOSE 9717
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD ["/usr/bin/whmcs-stock-monitor", "healthcheck"]
ENTRYPOINT ["/usr/bin/whmcs-stock-monitor"]
CMD ["run"]
