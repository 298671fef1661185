// Compares the tests with the types of the generated client.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const file = fileURLToPath(new URL('check.ts', import.meta.url));

// typeErrors maps the name of a test to the type error of its arguments or of its reply.
export function typeErrors(tests) {
  const checked = tests.flatMap((test) => values(test).map((value) => ({ ...value, name: test.name })));
  const lines = checked.map(({ value, type }) => `(${JSON.stringify(value)}) satisfies ${type};`);
  writeFileSync(file, ["import type * as agentconf from './client/index.js';", ...lines].join('\n'));
  const { options } = ts.parseJsonConfigFileContent(ts.readConfigFile('tsconfig.json', ts.sys.readFile).config, ts.sys, '.');
  const found = { arguments: {}, reply: {} };
  for (const { file: where, start, messageText } of ts.getPreEmitDiagnostics(ts.createProgram([file], options))) {
    const text = ts.flattenDiagnosticMessageText(messageText, ' ');
    if (where?.fileName !== file) throw new Error(`${where?.fileName}: ${text}`);
    const { name, of } = checked[where.getLineAndCharacterOfPosition(start).line - 1];
    found[of][name] = text;
  }
  return found;
}

// values returns the typed values of a test.
function values(test) {
  if (test.steps) return test.steps.flatMap(({ call, watch, next }) => [...values(call ?? watch ?? {}), ...message(next)]);
  if (!test.request) return [];
  const type = `agentconf.${test.rpc.split('/')[1]}`;
  const all = [{ of: 'arguments', value: argumentsOf(test), type: `Omit<${type}Data, 'url'>` }];
  const reply = test.want?.reply ?? test.want?.has;
  if (reply && test.want.status === 200) all.push({ of: 'reply', value: reply, type: `${type}Response` });
  return all;
}

const message = (next) => (next?.event === 'message' ? [{ of: 'reply', value: next.has, type: 'agentconf.V1AgentEvent' }] : []);

// argumentsOf returns the request as the client's argument.
export function argumentsOf({ method, path, request: { agentId, ...rest }, body }) {
  const query = method === 'GET' && Object.keys(rest).length > 0;
  return { path: { agentId }, ...(query && { query: rest }), ...(body !== undefined && { body: rest }) };
}
