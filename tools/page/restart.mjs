// Stops agentconf, and then kills it, under a page of another origin that watches an agent by an EventSource.
// The browser connects again by itself, and the page receives every event once.
//
//   node restart.mjs BROWSER
//
// Runs agentconf from PATH, in front of an emulator that goes on.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { chromium } from "playwright-core";

const patience = 20_000; // milliseconds that a step may take
const guid = "279fe21d-2caa-4437-84c3-ab9e9dae20f5.AgentGateway1";
const phone = { addressType: "6", address: "88887946", voicePath: "y:/conf/120/1136287.V3" };
const running = new Set();
const killAll = () => running.forEach((child) => child.kill());
process.on("exit", killAll); // also after an exception

// start runs agentconf, and returns its process with the first line that matches the pattern.
function start(args, pattern) {
  const child = spawn("agentconf", args);
  running.add(child);
  return new Promise((resolve, reject) => {
    const lines = [];
    for (const input of [child.stdout, child.stderr]) {
      createInterface({ input }).on("line", (line) => {
        lines.push(line);
        if (pattern.test(line)) resolve({ child, line });
      });
    }
    child.on("error", reject);
    child.on("close", () => {
      running.delete(child);
      reject(new Error(`agentconf ${args[0]} ended:\n${lines.join("\n")}`));
    });
  });
}

// serve starts the service on a port, where 0 is any, and returns its process and its HOST:PORT.
async function serve(port) {
  const { child, line } = await start([
    "serve", "--gateway", emulator, "--cors-origin", origin, "--http-listen", `127.0.0.1:${port}`,
    "--grpc-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--drain-delay", "0",
  ], /"msg":"serving"/);
  return { child, host: JSON.parse(line).http };
}

// end sends a signal to a process, and returns when the process has ended.
async function end(child, signal) {
  const closed = once(child, "close", { signal: AbortSignal.timeout(patience) });
  child.kill(signal);
  await closed;
}

// send makes a request to the emulator and returns the reply.
async function send(method, path, body) {
  const reply = await fetch(emulator + path, {
    method, headers: { Guid: guid }, body: JSON.stringify(body), signal: AbortSignal.timeout(patience),
  });
  assert.equal(reply.status, 200, path);
  return reply.json();
}

// act holds or unholds the phone at the emulator, which has an event for the agent then.
async function act(operation) {
  const { retcode } = await send("POST", `/agentgateway/resource/agentconf/1287/${operation}`, phone);
  assert.equal(retcode, "0", operation);
}

// untilPolling waits until a poll of agentconf waits at the emulator, or until none does.
async function untilPolling(wanted) {
  for (const end = Date.now() + patience; Date.now() < end; await sleep(20)) {
    const { agents: [agent] } = await send("GET", "/emulator/agents");
    if (agent.polling === wanted) return;
  }
  assert.fail(`polling is not ${wanted}`);
}

// watch runs in the page. It keeps what the page receives.
function watch(url) {
  const received = (window.received = []);
  const source = new EventSource(url);
  const keep = (type, text) => source.addEventListener(type, ({ data }) => received.push(text(JSON.parse(data))));
  keep("started", ({ eventsMissing }) => (eventsMissing ? "started, events missing" : "started"));
  keep("message", ({ participantChanged, eventType }) => participantChanged?.change ?? eventType);
  keep("ended", ({ details }) => `ended: ${details[0].reason}`);
  source.onerror = () => source.readyState === EventSource.CLOSED && received.push("gave up");
}

// expect waits until the page has received all that is wanted, or gives up, and compares the two.
async function expect(...wanted) {
  const waiting = page.waitForFunction(
    (n) => window.received.length >= n || window.received.includes("gave up"), wanted.length);
  await waiting.catch(() => {}); // the comparison says more
  assert.deepEqual(await page.evaluate("received"), wanted);
}

const server = createServer((_, reply) => {
  reply.setHeader("Content-Type", "text/html").end("<!doctype html>");
}).listen(0, "127.0.0.1");
await once(server, "listening");
const origin = `http://127.0.0.1:${server.address().port}`;
const started = await start(["emulate", "--listen", "127.0.0.1:0", "--auth-mode", "1"], /^emulated/);
const emulator = /http:\/\/[^;]+/.exec(started.line)[0];
await send("POST", "/emulator/seed", {
  agents: [{ agentId: "1287", guid }], conferences: [{ chair: "1287", participants: [phone] }],
});

// The user of the browser may be root.
const browser = await chromium.launch({ executablePath: process.argv[2], args: ["--no-sandbox"] });
// An EventSource cannot send a GUID. Here the browser adds it, elsewhere a proxy does.
const page = await browser.newPage({ extraHTTPHeaders: { Guid: guid } });
page.setDefaultTimeout(patience);
try {
  let { child, host } = await serve(0);
  const { port } = new URL(`http://${host}`);
  await page.goto(origin);
  await page.evaluate(watch, `http://${host}/v1/agents/1287/events`);
  await expect("started");
  await act("holdparticipant");
  const before = ["started", "PARTICIPANT_CHANGE_HELD"];
  await expect(...before);

  // A stop delivers the event of the poll in flight, and ends the stream.
  await untilPolling(true);
  const stop = end(child, "SIGTERM");
  await act("unholdparticipant");
  await stop;
  const stopped = [...before, "PARTICIPANT_CHANGE_UNHELD", "ended: STOPPING"];
  await expect(...stopped);
  ({ child } = await serve(port));
  const again = [...stopped, "started, events missing"];
  await expect(...again);
  await act("holdparticipant");
  await expect(...again, "PARTICIPANT_CHANGE_HELD");

  // After a kill, the gateway keeps an event until the polls go on.
  await end(child, "SIGKILL");
  await untilPolling(false);
  await act("unholdparticipant");
  await serve(port);
  const killed = [...again, "PARTICIPANT_CHANGE_HELD", "started, events missing", "PARTICIPANT_CHANGE_UNHELD"];
  await expect(...killed);
  await act("holdparticipant");
  await expect(...killed, "PARTICIPANT_CHANGE_HELD");
  console.log("the page went on after a stop and after a kill of agentconf");
} finally {
  await browser.close();
  killAll();
  server.close();
}
