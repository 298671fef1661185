package emulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"agentconf/emulator/internal/wire"
)

// maxControlBody limits the body of a request to the control API, in bytes.
const maxControlBody = 1 << 20

// controlHandler returns the control API. Its errors are no envelopes: they are for the test,
// not for a client under test.
func (g *Gateway) controlHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /emulator/agents", serveState(func() any { return map[string]any{"agents": g.Agents()} }))
	mux.HandleFunc("GET /emulator/conferences", serveState(func() any {
		return map[string]any{"conferences": g.Conferences()}
	}))
	mux.HandleFunc("GET /emulator/faults", serveState(func() any {
		return map[string]any{"faults": g.Faults(), "randomSeed": g.config.RandomSeed}
	}))
	mux.HandleFunc("GET /emulator/scenario", serveState(func() any {
		return map[string]any{"scenario": g.Rules()}
	}))
	mux.Handle("GET /emulator/journal", g.journal)
	mux.HandleFunc("GET /emulator/log", serveLines(g.Log))
	mux.HandleFunc("GET /emulator/events", serveLines(g.Events))

	mux.HandleFunc("POST /emulator/faults", serveChange(g.postFault))
	mux.HandleFunc("DELETE /emulator/faults", func(http.ResponseWriter, *http.Request) { g.ClearFaults() })
	mux.HandleFunc("DELETE /emulator/faults/{id}", func(w http.ResponseWriter, r *http.Request) {
		if !g.RemoveFault(r.PathValue("id")) {
			writeControlError(w, http.StatusNotFound, "no fault has this ID; GET /emulator/faults lists them")
		}
	})
	mux.HandleFunc("POST /emulator/scenario", serveChange(g.postRules))
	mux.HandleFunc("DELETE /emulator/scenario", func(http.ResponseWriter, *http.Request) { g.ClearRules() })
	mux.HandleFunc("POST /emulator/seed", serveChange(g.postSeed))
	mux.HandleFunc("POST /emulator/reset", func(http.ResponseWriter, *http.Request) { g.Reset() })
	mux.HandleFunc("POST /emulator/phones/{address}/{action}", serveAct(g.Phone))
	mux.HandleFunc("POST /emulator/agents/{address}/{action}", serveAct(g.Agent))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		writeControlError(w, http.StatusNotFound,
			"the control API has no such method and path; docs/emulator.md lists them")
	})
	return mux
}

func serveState(state func() any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { writeControl(w, http.StatusOK, state()) }
}

// serveChange serves a change whose body is JSON. A wrong body is an error with status 400.
func serveChange(change func(body []byte) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxControlBody))
		if err != nil {
			writeControlError(w, http.StatusRequestEntityTooLarge,
				fmt.Sprintf("the body has over %d bytes", maxControlBody))
			return
		}
		result, err := change(body)
		if err != nil {
			writeControlError(w, http.StatusBadRequest, err.Error())
			return
		}
		writeControl(w, http.StatusOK, result)
	}
}

func (g *Gateway) postFault(body []byte) (any, error) {
	var f Fault
	if err := json.Unmarshal(body, &f); err != nil {
		return nil, err
	}
	return g.addFault(f)
}

// postRules takes one rule or a list of them.
func (g *Gateway) postRules(body []byte) (any, error) {
	var rules []Rule
	if text := bytes.TrimSpace(body); bytes.HasPrefix(text, []byte("{")) {
		body = slices.Concat([]byte("["), text, []byte("]"))
	}
	if err := wire.Decode(body, &rules); err != nil {
		return nil, err
	}
	if err := g.AddRules(rules...); err != nil {
		return nil, err
	}
	return map[string]any{"scenario": g.Rules()}, nil
}

func (g *Gateway) postSeed(body []byte) (any, error) {
	seed, err := ParseSeed(body)
	if err != nil {
		return nil, err
	}
	if err := g.Seed(seed); err != nil {
		return nil, err
	}
	return map[string]any{"agents": g.Agents(), "conferences": g.Conferences()}, nil
}

// ParseSeed reads a Seed in JSON. An unknown field is an error.
func ParseSeed(text []byte) (s Seed, err error) {
	err = wire.Decode(text, &s)
	return s, err
}

// serveAct lets a person act. It answers 409 if the act is not possible.
func serveAct(who func(string) Person) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		action := r.PathValue("action")
		if !slices.Contains(acts, action) {
			writeControlError(w, http.StatusNotFound, "a person can "+strings.Join(acts, ", "))
			return
		}
		if err := who(r.PathValue("address")).act(action); err != nil {
			writeControlError(w, http.StatusConflict, err.Error())
			return
		}
		writeControl(w, http.StatusOK, struct{}{})
	}
}

func writeControl(w http.ResponseWriter, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		writeControlError(w, http.StatusInternalServerError, err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write(append(body, '\n'))
}

func writeControlError(w http.ResponseWriter, status int, text string) {
	writeControl(w, status, map[string]string{"error": text})
}

// serveLines serves a list as lines of JSON.
func serveLines[T any](list func() []T) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-ndjson")
		_ = writeLines(w, list()) // an error means that the client is gone
	}
}

// WriteLog writes the log as GET /emulator/log does, one line of JSON for each entry. It
// returns the first error of w.
func (g *Gateway) WriteLog(w io.Writer) error { return writeLines(w, g.Log()) }

func writeLines[T any](w io.Writer, list []T) error {
	enc := json.NewEncoder(w)
	for _, entry := range list {
		if err := enc.Encode(entry); err != nil {
			return err
		}
	}
	return nil
}
