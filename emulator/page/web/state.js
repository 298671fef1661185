// The state of the gateway as the page knows it: the lists that the emulator returns, and the last
// entries of its journal, which arrive as server-sent events.

const entryLimit = 400; // entries of the journal that the page keeps
const outcomeLimit = 100;
const pause = 60; // milliseconds in which entries are collected before the lists are read again
const settlement = 600; // milliseconds until a client that has received an event polls again, and the page reads that
const reconnectDelay = 1000; // milliseconds

export const state = {
  agents: [],
  conferences: [],
  faults: [],
  entries: [], // of the journal, in their order
  outcomes: [], // of the calls of the service in front, in their order
  front: {}, // addresses of the service in front: http, grpc; empty without one
  live: false,
};

const listeners = [];
let timer = 0;
let settling = 0;
let reconnecting = 0;
let lastRead = 0;
let firstValidRead = 1; // an answer of an earlier read is out of date
let sources = [];

// onChange calls listener after every change of the state.
export function onChange(listener) {
  listeners.push(listener);
}

function changed() {
  for (const listener of listeners) listener();
}

// start reads the state, and follows it from then on.
export async function start() {
  state.front = await getJSON("emulator/front");
  document.addEventListener("visibilitychange", follow);
  follow();
}

// follow follows the emulator while the page is visible. A browser has six connections for all its tabs to
// one address, and a hidden page must not keep them.
function follow() {
  for (const source of sources) source.close();
  sources = [];
  if (document.hidden) return;
  if (state.front.http) sources.push(followOutcomes());
  sources.push(followJournal());
}

async function getJSON(path) {
  const reply = await fetch(path);
  if (!reply.ok) throw new Error(`GET ${path}: HTTP ${reply.status}`);
  return reply.json();
}

// refresh reads the lists soon. A burst of entries reads them once.
export function refresh() {
  timer ||= setTimeout(() => { timer = 0; read(); }, pause);
  clearTimeout(settling);
  settling = setTimeout(read, settlement);
}

// read reads the lists.
async function read() {
  const number = ++lastRead;
  try {
    const [agents, conferences, faults] = await Promise.all(
      ["emulator/agents", "emulator/conferences", "emulator/faults"].map(getJSON));
    if (number < firstValidRead) return;
    firstValidRead = number;
    Object.assign(state, agents, conferences, faults);
  } catch {
    state.live = false; // the journal reconnects, and reads the lists again
  }
  changed();
}

// forget empties the state after a reset of the emulator.
function forget() {
  firstValidRead = lastRead + 1;
  Object.assign(state, { agents: [], conferences: [], faults: [], entries: [] });
}

// followJournal reads the last entries and all new ones.
function followJournal() {
  const source = new EventSource(`emulator/journal?limit=${entryLimit}`);
  state.entries = [];
  source.onopen = () => { state.live = true; refresh(); };
  source.onerror = () => followAgain(source);
  source.onmessage = (message) => {
    const entry = JSON.parse(message.data);
    if (entry.action === "reset") forget();
    state.entries.push(entry);
    state.entries = state.entries.slice(-entryLimit);
    refresh();
  };
  return source;
}

// followAgain begins anew after a break. The browser would continue behind the last entry, but the entries
// of an emulator that was started again count from 1.
function followAgain(source) {
  if (!sources.includes(source)) return;
  source.close();
  state.live = false;
  changed();
  clearTimeout(reconnecting);
  reconnecting = setTimeout(follow, reconnectDelay);
}

// followOutcomes reads the outcomes that the service in front gives its callers.
function followOutcomes() {
  const source = new EventSource("front/outcomes");
  source.onopen = () => { state.outcomes = []; };
  source.onmessage = (message) => {
    state.outcomes.push(JSON.parse(message.data));
    state.outcomes = state.outcomes.slice(-outcomeLimit);
    changed();
  };
  return source;
}

export function guidOf(agentId) {
  return state.agents.find((agent) => agent.agentId === agentId)?.guid ?? "";
}
