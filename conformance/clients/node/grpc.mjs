// The gRPC front, with @grpc/grpc-js and the proto.
import { readFileSync, readdirSync } from 'node:fs';
import grpc from '@grpc/grpc-js';
import loader from '@grpc/proto-loader';
import { MOST } from './play.mjs';

const root = new URL('../../../proto', import.meta.url).pathname;
const options = { longs: String, defaults: true };
const agentconf = loader.loadSync(
  readdirSync(`${root}/agentconf/v1`).filter((f) => f.endsWith('.proto')).map((f) => `agentconf/v1/${f}`),
  { ...options, includeDirs: [root] },
);
const google = loader.loadFileDescriptorSetFromBuffer(readFileSync(process.env.AGENTCONF_RPC_PROTOSET), options);
const client = new grpc.Client(process.env.AGENTCONF_GRPC, grpc.credentials.createInsecure());

function prepare({ rpc, request, metadata, timeout }) {
  const [service, name] = rpc.split('/');
  const method = agentconf[service][name];
  const sent = new grpc.Metadata();
  for (const [key, value] of metadata) sent.add(key, value);
  return [method.path, method.requestSerialize, method.responseDeserialize, fromJSON(request), sent,
    { deadline: Date.now() + (timeout ?? MOST) * 1000 }];
}

export function call(test) {
  return new Promise((resolve) => {
    const made = client.makeUnaryRequest(...prepare(test), (error, reply) => {
      resolve(error ? status(error) : { code: 0, reply: toJSON(reply) });
    });
    if (test.cancel_after) setTimeout(() => made.cancel(), test.cancel_after * 1000);
  });
}

export function watch(step) {
  const stream = client.makeServerStreamRequest(...prepare(step));
  const received = [], waiting = [];
  const deliver = (what) => (waiting.length ? waiting.shift()(what) : received.push(what));
  stream.on('data', (message) => {
    const reply = toJSON(message);
    deliver({ message: { reply, content: Object.values(reply)[0] } });
  });
  stream.on('error', (error) => deliver({ end: status(error) }));
  stream.on('end', () => {}); // a stream that ends well is an error here: next waits in vain
  const next = () => new Promise((resolve) => (received.length ? resolve(received.shift()) : waiting.push(resolve)));
  return { next, stop: () => { stream.cancel(); return next(); } };
}

// status returns an error with its details.
function status(error) {
  const got = { code: error.code, violations: [], retry_delay: null };
  const [binary] = error.metadata.get('grpc-status-details-bin');
  if (!binary) return got;
  for (const { type_url: url, value } of google['google.rpc.Status'].deserialize(binary).details) {
    const type = url.slice(url.lastIndexOf('/') + 1);
    const detail = google[type].deserialize(value);
    if (type === 'google.rpc.ErrorInfo') {
      // A map is decoded as the list of its entries, as on the wire.
      const metadata = Object.fromEntries(detail.metadata.map(({ key, value }) => [key, value]));
      got.error_info = { ...detail, metadata };
    }
    if (type === 'google.rpc.BadRequest') got.violations = detail.field_violations.map((v) => v.field);
    if (type === 'google.rpc.RetryInfo') got.retry_delay = Number(detail.retry_delay.seconds) + detail.retry_delay.nanos / 1e9;
  }
  return got;
}

// fromJSON converts a request from proto JSON for protobufjs, which requires durations as messages.
function fromJSON({ confirmWithin, ...request }) {
  if (confirmWithin === undefined) return request;
  const [seconds, fraction = ''] = confirmWithin.replace('s', '').split('.');
  return { ...request, confirmWithin: { seconds, nanos: Number(fraction.padEnd(9, '0')) } };
}

// toJSON converts a message of protobufjs to proto JSON, where google.protobuf.Value and related types
// are plain JSON values.
function toJSON(value) {
  if (Array.isArray(value)) return value.map(toJSON);
  if (value === null || typeof value !== 'object') return value;
  const [[key, inner] = []] = Object.entries(value);
  if (key === 'fields' || key === 'structValue' || key === 'listValue') return toJSON(inner);
  if (key === 'values') return inner.map(toJSON);
  if (key === 'nullValue') return null;
  if (/^(number|string|bool)Value$/.test(key)) return inner;
  const set = Object.entries(value).filter(([, v]) => v !== null && v !== undefined);
  return Object.fromEntries(set.map(([k, v]) => [k, toJSON(v)]));
}
