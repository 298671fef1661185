package emulator

import "time"

// voiceLength is how long an announcement lasts.
const voiceLength = 3 * time.Second

// voice is an announcement that is played.
type voice struct {
	end  *time.Timer
	done func()
}

// errorReason is the result of an announcement that failed (page 0481).
var errorReason = map[string]int{"errorReason": 1}

// play begins an announcement at *place. At its end a is told eventType.
func (c *conf) play(place **voice, a *agent, eventType string) (any, string) {
	if *place != nil {
		return errorReason, exception
	}
	v := &voice{done: func() {
		*place = nil
		a.tell(eventType, map[string]int{"result": 0})
	}}
	v.end = c.gateway.after(c, voiceLength, func() {
		if *place == v { // it was not stopped meanwhile
			v.done()
		}
	})
	*place = v
	return nil, success
}

// stop ends the announcement at *place.
func stop(place **voice) (any, string) {
	if *place == nil {
		return errorReason, exception
	}
	(*place).end.Stop()
	(*place).done()
	return nil, success
}

type playBody struct {
	PlayType *int `json:"playType"`
	holdBody
}

// playVoiceToConf plays an announcement to all (page 0480).
func (g *Gateway) playVoiceToConf(a *agent, b playBody) (any, string) {
	if !b.plays() || !between(b.PlayType, 0, 1) {
		return nil, badArgument
	}
	c, retcode := chaired(a)
	if retcode != success {
		return nil, retcode
	}
	return c.play(&c.playing, a, "AgentConf_StopVoice")
}

// stopVoiceToConf stops it (page 0481).
func (g *Gateway) stopVoiceToConf(a *agent) (any, string) {
	c, retcode := chaired(a)
	if retcode != success {
		return nil, retcode
	}
	return stop(&c.playing)
}

// playVoiceToParticipant plays an announcement to one (page 0482).
func (g *Gateway) playVoiceToParticipant(a *agent, b holdBody) (any, string) {
	if !b.plays() {
		return nil, badArgument
	}
	c, m, retcode := present(a, b.address)
	if retcode != success {
		return nil, retcode
	}
	return c.play(&m.playing, a, "AgentConf_StopParticipantVoice")
}

// stopVoiceToParticipant stops it (page 0483).
func (g *Gateway) stopVoiceToParticipant(a *agent, who address) (any, string) {
	_, m, retcode := present(a, who)
	if retcode != success {
		return nil, retcode
	}
	return stop(&m.playing)
}
