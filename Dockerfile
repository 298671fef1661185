FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY gen gen
COPY emulator emulator
COPY server server
RUN CGO_ENABLED=0 go build -trimpath -ldflags=-s -o /server ./server

# The binary and the CAs that verify a gateway; no shell, nobody with rights.
FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /server /server
USER 65532:65532
EXPOSE 9090 8080
HEALTHCHECK --interval=10s --timeout=4s CMD ["/server", "healthcheck"]
ENTRYPOINT ["/server"]
CMD ["serve"]
