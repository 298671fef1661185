//go:build race

package agentgateway

const raceEnabled = true
