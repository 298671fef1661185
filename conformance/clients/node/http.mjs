// The JSON fronts, with Node's http module: REST and the gateway dialect.
import http from 'node:http';
import { details, frames } from './json.mjs';
import { MOST } from './play.mjs';

const { host, hostname, port } = new URL(process.env.AGENTCONF_HTTP);

function open({ method, path, headers, body }, signal) {
  const flat = headers.flat();
  if (body !== undefined) flat.push('Content-Length', String(Buffer.byteLength(body)));
  return new Promise((resolve, reject) => {
    // A URL would normalise the path, and some paths are invalid on purpose.
    const request = http.request({ hostname, port, path, method, headers: ['Host', host, ...flat], signal }, resolve);
    request.on('error', reject);
    request.end(body);
  });
}

export async function call(test) {
  const signal = AbortSignal.timeout((test.cancel_after ?? MOST) * 1000);
  let answer;
  try {
    answer = await open(test, signal);
  } catch (error) {
    if (test.cancel_after && signal.aborted) return {};
    throw error;
  }
  if (test.cancel_after) throw new Error(`answered before it was given up: ${answer.statusCode}`);
  const got = await whole(answer);
  return { ...got, ...details(got.reply) };
}

async function whole(answer) {
  let text = '';
  for await (const part of answer.setEncoding('utf8')) text += part;
  return { status: answer.statusCode, headers: answer.headers, reply: JSON.parse(text) };
}

export function watch(step) {
  const giveUp = new AbortController();
  const frames = read(step, giveUp.signal);
  const next = async () => (await frames.next()).value ?? { end: null };
  return { next, stop: () => { giveUp.abort(); return next(); } };
}

async function* read(step, signal) {
  const answer = await open(step, signal);
  if (answer.statusCode === 200) yield* frames(answer, signal);
  else yield { end: details((await whole(answer)).reply) };
}
