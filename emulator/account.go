package emulator

import (
	"cmp"
	"slices"
)

// maxPasswordFailures is the number of wrong passwords in a row that lock an account.
const maxPasswordFailures = 5

// maxAccounts limits the accounts of a gateway.
const maxAccounts = 10_000

// Account makes the emulator check the password of an agent. The passwords of agents without
// an account are all correct. Five wrong passwords in a row lock an account.
type Account struct {
	AgentID  string `json:"agentId"`
	Name     string `json:"account,omitempty"` // for loginbyaccount; default AgentID
	Password string `json:"password"`
	Locked   bool   `json:"locked,omitempty"`

	failures int
}

// passwordResult is the result of the check of a password.
type passwordResult int

const (
	passwordCorrect passwordResult = iota
	passwordWrong
	passwordLocked
)

// check checks a password and counts the failures.
func (a *Account) check(password string) passwordResult {
	switch {
	case a.Locked:
		return passwordLocked
	case a.Password == password:
		a.failures = 0
		return passwordCorrect
	}
	if a.failures++; a.failures >= maxPasswordFailures {
		a.Locked = true
	}
	return passwordWrong
}

// agentOfAccount returns the agent ID of the account with this name, or "".
func (g *Gateway) agentOfAccount(name string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, a := range g.accounts {
		if cmp.Or(a.Name, a.AgentID) == name {
			return a.AgentID
		}
	}
	return ""
}

// checkPassword returns the retcode of the password of an agent.
func (g *Gateway) checkPassword(agentID, password string) (retcode string) {
	i := slices.IndexFunc(g.accounts, func(a *Account) bool { return a.AgentID == agentID })
	if i < 0 {
		return success
	}
	switch g.accounts[i].check(password) {
	case passwordWrong:
		g.wrong = "password is wrong"
		return wrongPassword
	case passwordLocked:
		g.wrong = "the account is locked"
		return accountLocked
	}
	return success
}
