package emulator_test

import (
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"agentconf/emulator"
)

// chairperson stands for the program under test: a client of the gateway.
type chairperson struct {
	resources string // URL of the gateway's resources
	guid      string
}

// send sends a request as agent 1287 and decodes the answer.
func (c chairperson) send(method, path, body string) (answer struct {
	Retcode string
	Event   struct{ EventType string }
}) {
	req, err := http.NewRequest(method, c.resources+path, strings.NewReader(body))
	if err != nil {
		log.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json; charset=UTF-8")
	req.Header.Set("Guid", c.guid)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		log.Fatal(err)
	}
	return answer
}

// await polls until an event of this type arrives.
func (c chairperson) await(eventType string) {
	for c.send("GET", "agentevent/1287", "").Event.EventType != eventType {
	}
}

// A test of a client starts the emulator, runs the client against it, and compares the
// log with what the client believes.
func Example() {
	gateway := emulator.New(emulator.Config{AuthMode: emulator.StaticGUID, AnswerDelay: -1})
	server := httptest.NewServer(gateway.Handler())
	defer server.Close()

	guid, retcode := gateway.SignIn("1287", emulator.SignIn{Phonenum: "40038"}, false)
	fmt.Println("sign-in:", retcode)
	client := chairperson{server.URL + "/agentgateway/resource/", guid}
	client.send("POST", "agentconf/1287/requestagentconf", `{"memberNum":4}`)
	client.await("AgentConf_RequestSuccess")
	client.send("POST", "agentconf/1287/batchaddparticipant",
		`{"addresses":[{"addressType":"6","address":"88887946"}]}`)
	client.await("AgentConf_ParticipantChanged")
	hold := `{"addressType":"6","address":"88887946","voicePath":"y:/conf/120/1136287.V3"}`
	client.send("POST", "agentconf/1287/holdparticipant", hold)

	// The gateway executes the second hold, but answers with a failure.
	client.send("POST", "agentconf/1287/unholdparticipant", hold)
	err := gateway.SetFault(emulator.Fault{Operation: "holdParticipant", Retcode: "100-007", Applied: true})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("second hold:", client.send("POST", "agentconf/1287/holdparticipant", hold).Retcode)

	for _, entry := range gateway.Log() {
		fmt.Println(entry.Seq, entry.Operation, entry.Retcode, entry.Applied)
	}
	// Output:
	// sign-in: 0
	// second hold: 100-007
	// 1 requestAgentConf 0 true
	// 2 batchAddParticipant 0 true
	// 3 holdParticipant 0 true
	// 4 unholdParticipant 0 true
	// 5 holdParticipant 100-007 true
}
