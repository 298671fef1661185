package emulator

import "time"

// announcementLength is the length of every announcement.
const announcementLength = 3 * time.Second

// announcement is an announcement that is playing.
type announcement struct {
	timer  *time.Timer
	finish func()
}

// playFailure is the result of an announcement operation that failed (page 0481).
var playFailure = map[string]int{"errorReason": 1}

// play starts an announcement and stores it in *playing. At its end, a receives an
// event of type endEvent.
func (c *conference) play(playing **announcement, a *agent, endEvent string) (any, string) {
	if *playing != nil {
		return playFailure, operationFailed
	}
	started := &announcement{finish: func() {
		*playing = nil
		a.emit(endEvent, map[string]int{"result": 0})
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

// playBody names the file to play.
type playBody struct {
	PlayMode  *int   `json:"playMode"`
	VoicePath string `json:"voicePath"`
}

func (b playBody) valid() bool {
	return b.VoicePath != "" && len([]rune(b.VoicePath)) <= 127 && inRange(b.PlayMode, 2, 2)
}

type playToConferenceBody struct {
	PlayType *int `json:"playType"`
	playBody
}

// playVoiceToConf plays an announcement to all participants (page 0480).
func (g *Gateway) playVoiceToConf(a *agent, b playToConferenceBody) (any, string) {
	if !b.valid() || !inRange(b.PlayType, 0, 1) {
		return nil, badArgument
	}
	c, retcode := chairedBy(a)
	if retcode != success {
		return nil, retcode
	}
	return c.play(&c.announcement, a, "AgentConf_StopVoice")
}

// stopVoiceToConf stops the announcement to all participants (page 0481).
func (g *Gateway) stopVoiceToConf(a *agent) (any, string) {
	c, retcode := chairedBy(a)
	if retcode != success {
		return nil, retcode
	}
	return stop(&c.announcement)
}

// playVoiceToParticipant plays an announcement to one participant (page 0482).
func (g *Gateway) playVoiceToParticipant(a *agent, b holdBody) (any, string) {
	if !b.playBody.valid() {
		return nil, badArgument
	}
	c, p, retcode := joinedParticipant(a, b.address)
	if retcode != success {
		return nil, retcode
	}
	return c.play(&p.announcement, a, "AgentConf_StopParticipantVoice")
}

// stopVoiceToParticipant stops the announcement to one participant (page 0483).
func (g *Gateway) stopVoiceToParticipant(a *agent, addr address) (any, string) {
	_, p, retcode := joinedParticipant(a, addr)
	if retcode != success {
		return nil, retcode
	}
	return stop(&p.announcement)
}
