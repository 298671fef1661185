package passthrough

import (
	"slices"
	"strings"
)

// Root begins the paths of the gateway's operations (page 0467).
const Root = "/agentgateway/resource/"

// families are the first segments of the gateway's paths that a label may have. Any other one
// is otherFamily, so that a client cannot create series.
var families = []string{
	"agentconf", "agentevent", "agentgroup", "calldata", "multimediaconf", "onlineagent",
	"qualitycontrol", "queuedevice", "recordplay", "textchat", "voicecall",
}

const otherFamily = "other"

// parsePath returns the family of a decoded path below Root, and the agent ID behind it, which
// is empty if the next segment does not have the form of one. Slashes may be doubled.
func parsePath(path string) (family, agentID string) {
	isSlash := func(c rune) bool { return c == '/' }
	segments := strings.FieldsFunc(path, isSlash)
	segments = append(segments[min(2, len(segments)):], "", "")
	family, agentID = segments[0], segments[1]
	if !slices.Contains(families, family) {
		family = otherFamily
	}
	notDigit := func(c rune) bool { return c < '0' || c > '9' }
	if len(agentID) < 3 || len(agentID) > 6 || strings.ContainsFunc(agentID, notDigit) {
		agentID = ""
	}
	return family, agentID
}

// climbs reports whether a decoded path may leave Root. A servlet container removes the
// parameters of a segment, so that /..;x/ is /../ for it, and may take a backslash for a slash.
func climbs(path string) bool {
	isSlash := func(c rune) bool { return c == '/' || c == '\\' }
	for segment := range strings.FieldsFuncSeq(path, isSlash) {
		name, _, _ := strings.Cut(segment, ";")
		if name == "." || name == ".." {
			return true
		}
	}
	return false
}
