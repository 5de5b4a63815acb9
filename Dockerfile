# docker build -t ampd .
# docker run -v ampd:/var/lib/ampd -e AMP_API_KEY -e AMP_SECRET_KEY ampd
#
# Everything that ampd keeps is in the one volume /var/lib/ampd: state (the journal), lake (unless it is S3), staging,
# logs, and the socket. Works with --read-only --cap-drop ALL --security-opt no-new-privileges. A configuration file is
# read from /etc/ampd/ampd.toml (-v $PWD/ampd.toml:/etc/ampd/ampd.toml:ro); secrets as files: AMP_SECRET_KEY_FILE=/run/secrets/...

FROM rust:1.95-bookworm AS builder
WORKDIR /build
# The dependencies alone, behind an empty program: this layer is built again only when they change.
COPY Cargo.toml Cargo.lock ./
RUN cargo fetch --locked
RUN mkdir src && echo 'fn main() {}' > src/main.rs && touch src/lib.rs \
    && cargo build --release --locked --bin ampd \
    && rm -r src target/release/ampd target/release/.fingerprint/ampd-*
COPY LICENSE ./
COPY config config
COPY src src
RUN cargo build --release --locked --bin ampd && target/release/ampd version \
    && install -d -m 0700 /out/var/lib/ampd \
    && install -D -m 0755 target/release/ampd /out/usr/bin/ampd \
    && install -D -m 0644 LICENSE /out/usr/share/doc/ampd/LICENSE

FROM debian:bookworm-slim
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="ampd" \
      org.opencontainers.image.description="Exports every hour of an Amplitude project's raw events into a lake: complete, verified, exactly once" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="debian:bookworm-slim"
# Certificates come with the builder, so that this stage needs no package and no network.
COPY --from=builder /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=builder --chown=65532:65532 /out/var/lib/ampd /var/lib/ampd
COPY --from=builder /out/usr /usr
# Memory that a big archive needed goes back to the system afterwards (glibc keeps some per thread otherwise).
ENV MALLOC_ARENA_MAX=2 MALLOC_TRIM_THRESHOLD_=131072
# The lowest layer of the configuration: a file and AMPD_SECTION__KEY variables win over these.
ENV STATE_DIRECTORY=/var/lib/ampd \
    CACHE_DIRECTORY=/var/lib/ampd/staging \
    LOGS_DIRECTORY=/var/lib/ampd/logs \
    RUNTIME_DIRECTORY=/var/lib/ampd
USER 65532:65532
VOLUME /var/lib/ampd
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 CMD ["ampd", "health"]
ENTRYPOINT ["ampd"]
CMD ["run"]
