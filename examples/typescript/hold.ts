// Puts a participant of a conference on hold and prints the outcome. The client and its types are
// generated from the OpenAPI document.
import { client } from './client/client.gen.js';
import * as agentconf from './client/index.js';

const { AGENT: agentId = '1287', AGENTCONF_HTTP: baseUrl = 'http://127.0.0.1:8080' } = process.env;
const path = { agentId };
const phone = { addressType: '6', address: '88887946' };

// events yields the agent's events from a stream of server-sent events.
async function* events(body: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<agentconf.V1AgentEvent> {
  let text = '';
  for await (const part of body.pipeThrough(new TextDecoderStream())) {
    const frames = (text + part).split('\n\n');
    text = frames.pop() ?? '';
    for (const frame of frames) {
      const data = /^data: (.*)$/m.exec(frame);
      if (data && !/^event:/m.test(frame)) yield JSON.parse(data[1]);
    }
  }
}

// next returns the next event of a type. The end of a for-await loop would end the watch.
async function next(watch: AsyncGenerator<agentconf.V1AgentEvent>, eventType: string) {
  for (;;) {
    const { value, done } = await watch.next();
    if (done) throw new Error('the watch has ended');
    if (value.eventType === eventType) return value;
  }
}

async function participantState(confId: string) {
  const { data, error } = await agentconf.queryConfInfos({ path, body: { confIds: [confId] } });
  if (!data) return `the query failed, too (${error?.message})`;
  const held = data.result?.confs?.[0]?.addresses?.some((m) => m.address === phone.address && m.channelState === 1);
  return `the participant is ${held ? 'held' : 'not held'} now`;
}

client.setConfig({ baseUrl });
// ForceLogin works even if an earlier run has left the agent signed in.
const { data: signedIn } = await agentconf.forceLogin({ path, body: { phonenum: '40038' }, throwOnError: true });
client.setConfig({ auth: signedIn.guid });
const { data: body } = await agentconf.watchAgentEvents({ path, parseAs: 'stream', throwOnError: true });
const watch = events(body as unknown as ReadableStream<Uint8Array<ArrayBuffer>>);
await agentconf.requestAgentConf({ path, body: { memberNum: 4 }, throwOnError: true });
const { requestSuccess } = await next(watch, 'AgentConf_RequestSuccess');
await agentconf.batchAddParticipant({ path, body: { addresses: [phone] }, throwOnError: true });
await next(watch, 'AgentConf_ParticipantChanged');

const hold = { ...phone, voicePath: 'y:/conf/120/1136287.V3', confirmWithin: '5s' };
const { data, error } = await agentconf.holdParticipant({ path, body: hold, signal: AbortSignal.timeout(20_000) });
// agentconf's ErrorInfo; undefined if the client or a proxy has made the error.
const info = error?.details?.find((detail) => detail.domain === 'agentconf');
if (data) {
  console.log('applied');
  process.exit(0);
}
if (info?.metadata?.outcome === 'not_applied') {
  console.log(`not applied: ${info.reason}: ${error?.message}`);
  process.exit(1);
}
// A second hold could apply twice. A query is safe.
console.log(`unknown: ${await participantState(requestSuccess?.confId ?? '')}: ${error?.message}`);
process.exit(2);
