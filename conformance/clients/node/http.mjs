// The JSON fronts, by Node alone: /v1, and the CC-Gateway's own dialect.
import http from 'node:http';
import { createInterface } from 'node:readline';

const { host, hostname, port } = new URL(process.env.AGENTCONF_HTTP);
const MOST = 10; // seconds that a call may take

function open({ method, path, headers, body }, signal) {
  const flat = headers.flat();
  if (body !== undefined) flat.push('Content-Length', String(Buffer.byteLength(body)));
  return new Promise((resolve, reject) => {
    // Not by a URL, which would be tidied: some paths are wrong on purpose.
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
  const { status, headers, reply } = await whole(answer);
  return { status, headers, reply, ...(Array.isArray(reply.details) ? details(reply) : {}) };
}

async function whole(answer) {
  let text = '';
  for await (const part of answer.setEncoding('utf8')) text += part;
  return { status: answer.statusCode, headers: answer.headers, reply: JSON.parse(text) };
}

// details reads a google.rpc.Status.
function details({ code, details }) {
  const found = (name) => details.find((d) => d['@type'] === `type.googleapis.com/google.rpc.${name}`);
  const { '@type': _, ...info } = found('ErrorInfo') ?? {};
  const delay = found('RetryInfo')?.retryDelay;
  return {
    code,
    error_info: info,
    violations: (found('BadRequest')?.fieldViolations ?? []).map((v) => v.field),
    retry_delay: delay === undefined ? null : Number(delay.replace('s', '')),
  };
}

export function watch(step) {
  const giveUp = new AbortController();
  const frames = read(step, giveUp.signal);
  const next = async () => (await frames.next()).value ?? { end: null };
  return { next, stop: () => { giveUp.abort(); return next(); } };
}

// read yields each server-sent event, and how the stream ends.
async function* read(step, signal) {
  const answer = await open(step, signal);
  if (answer.statusCode !== 200) {
    yield { end: details((await whole(answer)).reply) };
    return;
  }
  let frame = {};
  try {
    for await (const line of createInterface({ input: answer, crlfDelay: Infinity })) {
      const [, name, value] = /^(\w*): ?(.*)$/.exec(line) ?? [];
      if (name) frame[name] = value;
      if (line !== '' || frame.data === undefined) continue;
      const { event = 'message', data, id } = frame;
      const content = JSON.parse(data);
      frame = {};
      if (event === 'ended') {
        yield { end: details(content) };
        return;
      }
      if (event === 'message' && id !== content.sequence) throw new Error(`id ${id} of sequence ${content.sequence}`);
      yield { message: { event, reply: content, content } };
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  if (signal.aborted) yield { end: { code: 1 } };
}
