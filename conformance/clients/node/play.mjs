// Runs every test of AGENTCONF_CASES over a front and prints one line for each.
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';

// MOST is the deadline in seconds of a call without one.
export const MOST = 10;

// Cannot is the error of a front that cannot express the test.
export class Cannot extends Error {}

export const readTests = () => JSON.parse(readFileSync(process.env.AGENTCONF_CASES, 'utf8'));

// playAll plays tests over front, which has a call and a watch.
export async function playAll(front, tests = readTests()) {
  for (const test of tests) console.log((await verdict(front, test)).replaceAll('\n', ' '));
}

async function verdict(front, test) {
  try {
    const faults = test.steps ? await play(front, test.steps) : compare(test.want, await front.call(test));
    return faults.length ? `not ok ${test.name}: ${faults.join('; ')}` : `ok ${test.name}`;
  } catch (error) {
    return error instanceof Cannot ? `cannot ${test.name}: ${error.message}` : `not ok ${test.name}: ${error}`;
  }
}

// compare returns the differences between want and got. Keys that want lacks are not compared.
function compare(want, got) {
  const faults = [];
  for (const [key, wanted] of Object.entries(want)) {
    const is = key === 'has' || key === 'message_names' ? got.reply : got[key];
    const same = key === 'has' ? contains(is, wanted)
      : key === 'message_names' ? wanted.every((name) => is?.message?.includes(name))
      : key === 'headers' ? Object.entries(wanted).every(([name, value]) => (got.headers[name.toLowerCase()] ?? null) === value)
      : isDeepStrictEqual(is, wanted);
    if (!same) faults.push(`${key} should be ${JSON.stringify(wanted)}, got ${JSON.stringify(is)}`);
  }
  return faults;
}

function contains(got, want) {
  if (want === null || typeof want !== 'object') return got === want;
  return got !== null && typeof got === 'object' && Object.keys(want).every((key) => contains(got[key], want[key]));
}

// play plays a scenario up to the first failed step.
async function play(front, steps) {
  let guid = '', sequence = '', watch;
  const learn = (message) => { guid = message?.guid || message?.result?.guid || guid; };
  for (const [i, written] of steps.entries()) {
    const step = JSON.parse(JSON.stringify(written).replaceAll('$GUID', guid).replaceAll('$SEQUENCE', sequence));
    let faults = [];
    if (step.call) {
      const got = await front.call(step.call);
      learn(got.reply);
      faults = compare(step.call.want, got);
    } else if (step.watch) {
      watch = front.watch(step.watch);
    } else if (step.next) {
      const got = await watch.next(); // {message}, or {end} with a status
      if (!got.message) return [`step ${i}: the watch ended: ${JSON.stringify(got.end)}`];
      const { event, content, reply } = got.message;
      if (step.next.event && step.next.event !== event) faults.push(`event should be ${step.next.event}, got ${event}`);
      faults.push(...compare({ has: step.next.has }, { reply }));
      learn(content);
      if (content.lastSequence) sequence = content.lastSequence;
      if (content.sequence) {
        if (BigInt(content.sequence) !== BigInt(sequence) + 1n) faults.push(`sequence ${content.sequence} after ${sequence}`);
        sequence = content.sequence;
      }
    } else if (step.stop) {
      const got = await watch.stop();
      if (got.end?.code !== 1) faults.push(`stopped, and the watch ended with ${JSON.stringify(got)}`);
    } else if (step.end) {
      const got = await watch.next();
      faults = got.end ? compare(step.end, { code: got.end.code, reply: got.end.error_info }) : [`should end, got ${JSON.stringify(got)}`];
    }
    if (faults.length) return [`step ${i}`, ...faults];
  }
  return [];
}
