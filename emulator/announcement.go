package emulator

import (
	"time"
	"unicode/utf8"
)

// announcementLength is the length of every announcement. The emulator plays no sound,
// so a client sees only the event at the end.
const announcementLength = 3 * time.Second

// announcement is an announcement that is playing.
type announcement struct {
	voicePath string
	startedAt time.Time
	timer     *time.Timer
	finish    func()
}

// playFailure is the result of an announcement operation that failed (page 0481). The
// documentation does not list the reasons.
var playFailure = map[string]int{"errorReason": 1}

// play starts an announcement and stores it in *playing. At its end, the agent that
// started it receives an event of type endEvent, even if another chairs by then.
func (c *conference) play(playing **announcement, voicePath, endEvent string) (any, string) {
	if *playing != nil {
		return playFailure, operationFailed
	}
	starter := c.chair
	started := &announcement{voicePath: voicePath, startedAt: time.Now(), finish: func() {
		*playing = nil
		starter.emit(endEvent, map[string]int{"result": 0})
	}}
	started.timer = c.runAfter(announcementLength, func() {
		if *playing == started { // no stop in the meantime
			started.finish()
		}
	})
	*playing = started
	return nil, success
}

// stop ends the announcement in *playing.
func stop(playing **announcement) (any, string) {
	if *playing == nil {
		return playFailure, operationFailed
	}
	(*playing).timer.Stop()
	(*playing).finish()
	return nil, success
}

// playBody names the file to play. 2, play this file, is the only documented playMode;
// voicePath has at most 127 characters (page 0473).
type playBody struct {
	PlayMode  *int   `json:"playMode"`
	VoicePath string `json:"voicePath"`
}

func (b playBody) violation() string {
	return firstViolation(
		require(b.VoicePath != "", "voicePath is missing"),
		require(utf8.RuneCountInString(b.VoicePath) <= 127, "voicePath has over 127 characters"),
		require(inRange(b.PlayMode, 2, 2), "playMode is not 2"))
}

type playToConferenceBody struct {
	PlayType *int `json:"playType"` // 0 in the foreground, 1 in the background
	playBody
}

func (b playToConferenceBody) violation() string {
	return firstViolation(b.playBody.violation(), require(inRange(b.PlayType, 0, 1), "playType is not 0 or 1"))
}

// playVoiceToConf plays an announcement to all participants (page 0480).
func (c *conference) playVoiceToConf(b playToConferenceBody) (any, string) {
	return c.play(&c.announcement, b.VoicePath, "AgentConf_StopVoice")
}

// stopVoiceToConf stops the announcement to all participants (page 0481).
func (c *conference) stopVoiceToConf(noBody) (any, string) { return stop(&c.announcement) }

// playVoiceToParticipant plays an announcement to one participant (page 0482).
func (c *conference) playVoiceToParticipant(b holdBody) (any, string) {
	p := c.joined(b.address)
	if p == nil {
		return c.gateway.refuse(notJoined)
	}
	return c.play(&p.announcement, b.VoicePath, "AgentConf_StopParticipantVoice")
}

// stopVoiceToParticipant stops the announcement to one participant (page 0483).
func (c *conference) stopVoiceToParticipant(addr address) (any, string) {
	p := c.joined(addr)
	if p == nil {
		return c.gateway.refuse(notJoined)
	}
	return stop(&p.announcement)
}
