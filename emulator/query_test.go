package emulator

import "testing"

func TestQueries(t *testing.T) {
	config := dynamicConfig
	config.Inspectors = []string{"101"}
	inBubble(t, config, func(t *testing.T, g *Gateway) {
		chair, guest := startMeeting(t, g)
		inspector, other := signIn(t, g, "101"), signIn(t, g, "3003")
		chair.expectRetcode("holdparticipant", holdPhone, success)
		chair.expectRetcode("playvoicetoconf", `{"voicePath":"y:/conf/1/a.V3"}`, success)

		other.expectRetcode("queryvdnconfid", "", notInspector)
		inspector.expectResult("queryvdnconfid", "", `{"confIds":[1029888]}`)
		other.expectRetcode("queryconfinfos", `{"confIds":[1029888]}`, noConference)
		chair.expectRetcode("queryconfinfos", `{"confIds":[]}`, badArgument)
		chair.expectResult("queryconfinfos", `{"confIds":[1]}`, `{"confs":[]}`)
		for _, a := range []*testAgent{chair, guest, inspector} {
			result, retcode := g.Do(Request{"queryconfinfos", a.id, a.guid, []byte(`{"confIds":[1029888]}`)})
			conf := result.(map[string]any)["confs"].([]confInfo)[0]
			if retcode != success || conf.ConfState != 1 || conf.ApplyConfTime != 60 || len(conf.Addresses) != 3 ||
				conf.Addresses[0].Role != 1 || conf.Addresses[1].ChannelState != 1 || conf.Addresses[2].ChannelAttrib != 3 {
				t.Errorf("state for %s: %s, %+v", a.id, retcode, conf)
			}
		}
	})
}
