// Puts a participant of a conference on hold and prints the outcome.
const form = document.querySelector('form');
const phone = { addressType: '6', address: '88887946' };
let guid;

form.addEventListener('submit', async (submitted) => {
  submitted.preventDefault();
  const output = document.querySelector('output');
  output.value = await hold().catch((error) => `failed: ${error.message}`);
});

// send makes a request of the agent. It uses fetch, because EventSource cannot send the GUID.
const send = (path, init) => fetch(`${form.base.value}/v1/agents/${form.agent.value}/${path}`, {
  ...init, headers: { 'Content-Type': 'application/json', ...(guid && { Guid: guid }) },
});

// call returns a reply. Its error has agentconf's details, if there are any.
async function call(path, request) {
  const response = await send(path, { method: 'POST', body: JSON.stringify(request), signal: AbortSignal.timeout(20_000) });
  const reply = await response.json();
  if (!response.ok) throw Object.assign(new Error(reply.message), { details: reply.details });
  return reply;
}

// events yields the agent's events from a stream of server-sent events.
async function* events(response) {
  if (!response.ok) throw new Error((await response.json()).message);
  const parts = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (let part = await parts.read(); !part.done; part = await parts.read()) {
    const frames = (text + part.value).split('\n\n');
    text = frames.pop();
    for (const frame of frames) {
      const [, data] = /^data: (.*)$/m.exec(frame) ?? [];
      if (data && !/^event:/m.test(frame)) yield JSON.parse(data);
    }
  }
}

// next returns the next event of a type. The end of a for-await loop would end the watch.
async function next(watch, eventType) {
  for (;;) {
    const { value, done } = await watch.next();
    if (done) throw new Error('the watch has ended');
    if (value.eventType === eventType) return value;
  }
}

async function participantState(confId) {
  const { result } = await call('conference:queryConfInfos', { confIds: [confId] });
  const held = result.confs[0].addresses.some((member) => member.address === phone.address && member.channelState === 1);
  return `the participant is ${held ? 'held' : 'not held'} now`;
}

async function hold() {
  // ForceLogin works even if an earlier run has left the agent signed in.
  guid = undefined;
  ({ guid } = await call('session:forceLogin', { phonenum: '40038' }));
  const watch = events(await send('events'));
  await call('conference:requestAgentConf', { memberNum: 4 });
  const { confId } = (await next(watch, 'AgentConf_RequestSuccess')).requestSuccess;
  await call('conference:batchAddParticipant', { addresses: [phone] });
  await next(watch, 'AgentConf_ParticipantChanged');
  try {
    await call('conference:holdParticipant', { ...phone, voicePath: 'y:/conf/120/1136287.V3', confirmWithin: '5s' });
    return 'applied';
  } catch (error) {
    const info = error.details?.find(({ domain }) => domain === 'agentconf');
    if (info?.metadata.outcome === 'not_applied') return `not applied: ${info.reason}: ${error.message}`;
    // A second hold could apply twice. A query is safe.
    const state = await participantState(confId).catch(({ message }) => `the query failed, too (${message})`);
    return `unknown: ${state}: ${error.message}`;
  }
}
