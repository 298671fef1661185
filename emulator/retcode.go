package emulator

import "cmp"

// Retcodes of the emulator (page 0580). The first part of a retcode names its family:
// 000 requests, 100 sessions, 101 agent conferences, 110 passwords.
const (
	success           = "0"
	badArgument       = "000-002"
	noRight           = "000-003"
	badSignIn         = "100-001"
	alreadySignedIn   = "100-002"
	wrongPassword     = "100-004"
	badSignOut        = "100-005"
	notSignedIn       = "100-006"
	operationFailed   = "100-007"
	wrongState        = "100-010"
	accountFailed     = "100-060"
	accountIsLocked   = "100-061"
	accountWrong      = "100-062"
	noConference      = "101-001"
	notChairperson    = "101-002"
	alreadyConference = "101-003"
	notInspector      = "101-004"
	alreadyChair      = "101-005"
	removingChair     = "101-006"
	leavingChair      = "101-007"
	accountLocked     = "110-016"
)

// retcodeTexts has the messages by retcode. They are the emulator's own words.
var retcodeTexts = map[string]string{
	success:           "success",
	badArgument:       "invalid argument",
	noRight:           "no right",
	badSignIn:         "invalid sign-in argument",
	alreadySignedIn:   "already signed in",
	wrongPassword:     "wrong user name or password",
	badSignOut:        "invalid sign-out argument",
	notSignedIn:       "not signed in",
	operationFailed:   "operation failed",
	wrongState:        "wrong state",
	accountFailed:     "sign-in by account failed",
	accountIsLocked:   "the account is locked",
	accountWrong:      "wrong account or password",
	accountLocked:     "the account is locked",
	noConference:      "no conference",
	notChairperson:    "not the chairperson",
	alreadyConference: "already in a conference",
	notInspector:      "not an inspector",
	alreadyChair:      "already the chairperson",
	removingChair:     "the chairperson cannot be removed",
	leavingChair:      "the chairperson cannot leave",
}

// textOf returns the message for a retcode. A Fault may answer with any retcode.
func textOf(retcode string) string { return cmp.Or(retcodeTexts[retcode], "retcode "+retcode) }
