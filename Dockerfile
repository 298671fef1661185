# docker build --build-arg VERSION="$(git describe --tags)" --build-arg REVISION="$(git rev-parse HEAD)" .
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY gen gen
COPY emulator emulator
COPY server server
ARG VERSION
ARG REVISION
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -X main.linkedVersion=$VERSION -X main.linkedRevision=$REVISION" -o /agentconf ./server

# The image has the binary and the CA certificates for the gateway's TLS. It has no shell, and the
# user has no rights.
FROM scratch
ARG VERSION
ARG REVISION
LABEL org.opencontainers.image.title="agentconf"
LABEL org.opencontainers.image.description="gRPC and JSON in front of a CC-Gateway"
LABEL org.opencontainers.image.version="$VERSION"
LABEL org.opencontainers.image.revision="$REVISION"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /agentconf /agentconf
USER 65532:65532
EXPOSE 9090 8080
HEALTHCHECK --interval=10s --timeout=4s CMD ["/agentconf", "healthcheck"]
ENTRYPOINT ["/agentconf"]
CMD ["serve"]
