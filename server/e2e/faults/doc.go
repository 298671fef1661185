// Package faults proves the central guarantee of agentconf: after every call, the caller knows that the
// operation was applied, knows that it was not applied, or knows that its outcome is unknown.
//
// The package has tests only. Proxies on both sides of agentconf close, reset, stall and delay
// connections at a chosen byte, and the emulator sends malformed replies. TestTruth makes calls under
// each fault and compares the outcome that agentconf reported for each call with the effect of the call
// in the emulator's log. docs/proof.md describes the faults and the table that TestTruth prints.
//
// # Glossary
//
//   - A fault is an error or a delay of the network, the gateway or the caller. It is a row of the table.
//   - A cell is a combination of fault, operation, front and transport. It has one or two variants, for
//     example one call on a new connection and one on a used connection.
//   - A front is an API of agentconf: gRPC, REST or the gateway dialect.
//   - A transport is TLS 1.3, TLS 1.2 or no TLS, between agentconf and the gateway.
//   - The client hop is the connection from a client to agentconf, the gateway hop the one from agentconf
//     to the gateway. Each hop can have a proxy. Upstream is the direction of requests, Downstream the
//     direction of replies.
//   - An exchange is a request and its reply. Its payload is its bytes of HTTP, without those of TLS.
//   - A fault point is a position in an exchange. An injection is an action of a proxy at a fault point.
//   - The reported outcome is the statement that the caller received about a call, the logged outcome the
//     statement in agentconf's log record. The reply may also have no outcome.
//   - The effect is what the emulator's log has of a call: requests, applications and delivered events.
//   - A mismatch is a reported or logged outcome that contradicts the effect.
//   - A fault is without effect on a call if the reported outcome is none to which the fault leads. A few
//     such calls per testbed are accepted.
package faults
