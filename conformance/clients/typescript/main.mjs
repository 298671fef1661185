// REST, with a client that is generated from the OpenAPI document. It cannot express a test that its
// types reject.
import { Readable } from 'node:stream';
import { details, frames } from '../node/json.mjs';
import { Cannot, MOST, playAll, readTests } from '../node/play.mjs';
import * as agentconf from './build/client/index.js';
import { client } from './build/client/client.gen.js';
import { argumentsOf, typeErrors } from './types.mjs';

client.setConfig({ baseUrl: process.env.AGENTCONF_HTTP });
const tests = readTests();
const refused = typeErrors(tests);
await playAll({ call, watch }, tests);
process.exit(); // whatever a failed test has left open

// prepare returns the client's function for a test, and its options.
function prepare(test) {
  const [, name] = test.rpc.split('/');
  const refusal = reasonCannot(test);
  if (refusal) throw new Cannot(refusal);
  const others = test.headers.filter(([header]) => header !== 'Guid' && header !== 'Content-Type');
  const auth = test.headers.find(([header]) => header === 'Guid')?.[1];
  return [agentconf[name[0].toLowerCase() + name.slice(1)], { ...argumentsOf(test), auth, headers: Object.fromEntries(others) }];
}

// reasonCannot returns the reason why the client cannot express the test.
function reasonCannot({ name, request, headers, path }) {
  if (!request) return 'the body is not of the type that the client takes';
  if (refused.arguments[name]) return refused.arguments[name];
  const guids = headers.filter(([header]) => header.toLowerCase() === 'guid');
  if (guids.length > 1 || guids.some(([header]) => header !== 'Guid')) return 'the client names the GUID once, as the document does';
  if (guids[0]?.[1] === '') return 'an empty GUID is not sent';
  if (!new URL(path, client.getConfig().baseUrl).href.endsWith(path)) return 'fetch tidies the path';
  return undefined;
}

async function call(test) {
  const [method, options] = prepare(test);
  const signal = AbortSignal.timeout((test.cancel_after ?? MOST) * 1000);
  const { data, error, response } = await method({ ...options, signal });
  if (test.cancel_after && signal.aborted) return {};
  if (!response) throw error;
  if (test.cancel_after) throw new Error(`answered before it was given up: ${response.status}`);
  if (refused.reply[test.name]) throw new Error(`not of the type in the document: ${refused.reply[test.name]}`);
  const reply = data ?? error;
  return { status: response.status, headers: Object.fromEntries(response.headers), reply, ...details(reply) };
}

function watch(step) {
  const giveUp = new AbortController();
  const read = async function* () {
    const [method, options] = prepare(step);
    const { data, error } = await method({ ...options, signal: giveUp.signal, parseAs: 'stream' });
    if (error) yield { end: details(error) };
    else yield* frames(Readable.fromWeb(data), giveUp.signal);
  }();
  const next = async () => (await read.next()).value ?? { end: null };
  return { next, stop: () => { giveUp.abort(); return next(); } };
}
