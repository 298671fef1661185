// Puts a participant of a conference on hold and prints the outcome.
import { readFileSync } from 'node:fs';
import grpc from '@grpc/grpc-js';
import loader from '@grpc/proto-loader';

const { AGENT: agentId = '1287', AGENTCONF_GRPC: address = '127.0.0.1:9090' } = process.env;
const phone = { addressType: '6', address: '88887946' };
const [proto, here] = ['../../proto', '.'].map((path) => new URL(path, import.meta.url).pathname);
const files = ['conference', 'event_service', 'session'].map((name) => `agentconf/v1/${name}.proto`);
const types = loader.loadSync([...files, 'google-rpc.proto'], { longs: String, includeDirs: [proto, here] });
const { agentconf: { v1 } } = grpc.loadPackageDefinition(types);
const policy = { 'grpc.service_config': readFileSync(`${proto}/agentconf/v1/service_config.json`, 'utf8') };
const connect = (Service) => new Service(address, grpc.credentials.createInsecure(), policy);
const [sessions, events, conferences] = [v1.SessionService, v1.EventService, v1.ConferenceService].map(connect);
const guid = new grpc.Metadata();

function call(client, method, request) {
  const options = { deadline: Date.now() + 20_000 };
  return new Promise((resolve, reject) => {
    client[method]({ agentId, ...request }, guid, options, (error, reply) => (error ? reject(error) : resolve(reply)));
  });
}

// next returns the next event of a type. The end of a for-await loop would end the watch.
async function next(watch, eventType) {
  for (;;) {
    const { value, done } = await watch.next();
    if (done) throw new Error('the watch has ended');
    if (value.event?.eventType === eventType) return value.event;
  }
}

// errorInfo returns agentconf's ErrorInfo. It is undefined if the client or a proxy has made the error.
function errorInfo({ metadata }) {
  const [status] = metadata?.get('grpc-status-details-bin') ?? [];
  const details = status ? types['google.rpc.Status'].deserialize(status).details : [];
  const found = details.find((detail) => detail.type_url.endsWith('/google.rpc.ErrorInfo'));
  const info = found && types['google.rpc.ErrorInfo'].deserialize(found.value);
  return info?.domain === 'agentconf' ? info : undefined;
}

async function participantState(confId) {
  try {
    const { result } = await call(conferences, 'queryConfInfos', { confIds: [confId] });
    const held = result.confs[0].addresses.some((member) => member.address === phone.address && member.channelState === 1);
    return `the participant is ${held ? 'held' : 'not held'} now`;
  } catch (error) {
    return `the query failed, too (${error.details})`;
  }
}

// ForceLogin works even if an earlier run has left the agent signed in.
guid.set('guid', (await call(sessions, 'forceLogin', { phonenum: '40038' })).guid);
const watch = events.watchAgentEvents({ agentId }, guid)[Symbol.asyncIterator]();
await call(conferences, 'requestAgentConf', { memberNum: 4 });
const { confId } = (await next(watch, 'AgentConf_RequestSuccess')).requestSuccess;
await call(conferences, 'batchAddParticipant', { addresses: [phone] });
await next(watch, 'AgentConf_ParticipantChanged');

try {
  const hold = { ...phone, voicePath: 'y:/conf/120/1136287.V3', confirmWithin: { seconds: 5 } };
  await call(conferences, 'holdParticipant', hold);
  console.log('applied');
  process.exit(0);
} catch (error) {
  const info = errorInfo(error);
  const notApplied = info?.metadata.outcome === 'not_applied';
  // A second hold could apply twice. A query is safe.
  console.log(notApplied ? `not applied: ${info.reason}: ${error.details}` : `unknown: ${await participantState(confId)}: ${error.details}`);
  process.exit(notApplied ? 1 : 2);
}
