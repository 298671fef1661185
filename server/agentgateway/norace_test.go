//go:build !race

package agentgateway

const raceEnabled = false
