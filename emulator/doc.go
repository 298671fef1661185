// Package emulator is a CC-Gateway in memory. It signs agents in, holds conferences
// and delivers events, with the retcodes and the order of events of the vendor's
// documentation. It makes no call and plays no sound.
//
// A test serves the handler of a [Gateway], and gives its address to the program under
// test:
//
//	gateway := emulator.New(emulator.Config{})
//	server := httptest.NewServer(gateway.Handler())
//	defer server.Close()
//
// Afterwards [Gateway.Log] has every conference request with its retcode and whether it
// took effect, [Gateway.Events] every event, and [Gateway.Journal] everything else, too.
// [Gateway.SetFault] makes the gateway misbehave, [Gateway.Seed] sets a state,
// [Gateway.AddRules] a scenario, and [Gateway.Phone] lets people act. Page numbers are topic
// numbers of the vendor's documentation: page 0473 is its topic cec_07_0473.
//
// Where the documentation is silent, the emulator makes these choices:
//
//   - An operation of the chairperson fails with 101-001 (no conference) between an
//     accepted requestagentconf and the event AgentConf_RequestSuccess.
//   - AgentConf_ParticipantChanged goes to every agent in the conference, including
//     the chairperson and the participant.
//   - An invalid body fails with 000-002 (invalid argument), even if the agent has not
//     the right to the operation.
//   - Holding a held participant fails with 100-007 (operation failed), and so does
//     unholding one who is not held.
//   - Naming a participant who is not in the conference fails with 000-002 (invalid
//     argument), and so does inviting more participants than the capacity.
//   - If an invited agent is busy or not signed in, rejects the invitation, or is
//     removed before answering, the invitation has failed. The event then is
//     AgentConf_ParticipantChanged with changeType 0 (joined) and result 1 (failed).
//   - prolongtime adds the minutes that keep the total at 1440, possibly none.
//   - modifyconfresource fails with 000-002 for a capacity above 120 or below the
//     number of participants.
//   - An announcement lasts 3 s. While it is playing, a second one fails with 100-007.
//     Stopping an announcement that is not playing fails with 100-007, too. The agent
//     who started it receives the event of its end, also after a stop.
//   - Config names the inspectors.
//   - logout in a conference fails with 100-010 (wrong state). forcelogout and
//     forcelogin take the agent out of the conference first. If the agent is the
//     chairperson, the conference ends.
//   - A poll that is waiting when its agent signs out returns
//     AgentOther_ShutdownService.
//   - A replaced GUID stays valid until GUIDTimeout.
//   - A poll removes its event from the queue. There is no acknowledgement.
//   - Every password is correct, unless the agent has an [Account]. Five wrong passwords in
//     a row lock the account.
//   - A push that fails loses its event. There are no retries.
//   - An unknown path is HTTP 200 with 000-002.
//   - A chairperson who hangs up ends the conference.
//   - A phone that is busy and one that refuses have the same event.
package emulator
