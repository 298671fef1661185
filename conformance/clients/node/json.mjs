// Parsers for every client of the JSON fronts: errors and server-sent events.
import { createInterface } from 'node:readline';

// details parses a google.rpc.Status. It returns nothing for any other reply.
export function details({ code, details }) {
  if (!Array.isArray(details)) return {};
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

// frames yields each server-sent event of a stream, then the end of the watch: its last event, or the
// caller's cancellation.
export async function* frames(input, signal) {
  let frame = {};
  try {
    for await (const line of createInterface({ input, crlfDelay: Infinity })) {
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
