// The agents, the faults and the journal.
import { element, button, replace } from "./dom.js";
import { answerWords, eventWords, participantName, requestWords } from "./words.js";
import { state } from "./state.js";
import { act, removeFault, removeFaults } from "./actions.js";
import { chosen, isOperation } from "./story.js";

const rows = 60; // of the journal

// presets are faults to choose from. Each of them concerns the next hold of a chairperson.
export const presets = [
  ["The hold happens, but its answer is lost", () => hold({ connection: "reset", at: "before", applied: true })],
  ["The hold happens, its answer and its event are lost", () => [
    hold({ connection: "reset", at: "before", applied: true }), change({ events: "lose" })]],
  ["The gateway hangs", () => hold({ connection: "hang" })],
  ["The gateway refuses: not the chairperson", () => hold({ retcode: "101-002" })],
  ["Half of the answer arrives", () => hold({ connection: "close", at: "in", applied: true })],
  ["The answer is not JSON", () => hold({ status: 503, body: "<html>Service Unavailable</html>" })],
  ["The answer takes 2 s", () => hold({ delay: "2s" })],
  ["The event is lost", () => change({ events: "lose" })],
  ["The event comes 2 s late", () => change({ events: "delay", delay: "2s" })],
];

const hold = (effect) => ({ operation: "holdParticipant", ...effect });
const change = (effect) => ({
  ...effect, agentId: state.conferences[0]?.chair ?? "1287", eventType: "AgentConf_ParticipantChanged",
});

export function drawAgents(part) {
  replace(part, element("ul", { class: "agents" }, state.agents.map((agent) => element("li", {},
    element("b", {}, `Agent ${agent.agentId}`),
    element("span", { class: `badge ${agent.state}` }, agent.state),
    agent.chair && element("span", { class: "badge" }, "chairperson"),
    element("span", { class: "dim" }, watching(agent)),
    agent.state === "ringing" && button("Answer", `agent answer ${agent.agentId}`, () => act("9", agent.agentId, "answer"),
      { "aria-label": `Answer: agent ${agent.agentId}`, class: "main" }),
  ))), state.agents.length === 0 && element("p", { class: "empty" }, "Nobody is signed in."));
}

function watching(agent) {
  if (agent.push) return "events are pushed";
  if (agent.polling) return "polls for events";
  return agent.queuedEvents > 0 ? `${agent.queuedEvents} events wait for a poll` : "does not poll";
}

export function drawFaults(part) {
  replace(part, element("ul", { class: "faults" }, state.faults.map((fault) => {
    const { id, left, ...fields } = fault;
    return element("li", {}, element("b", {}, id), element("code", {}, JSON.stringify(fields)),
      element("span", { class: "dim" }, left < 0 ? "no limit" : `${left} left`),
      button("Remove", `remove ${id}`, () => removeFault(id), { "aria-label": `Remove fault ${id}` }));
  })), state.faults.length === 0
    ? element("p", { class: "empty" }, "No fault is set: the gateway behaves as documented.")
    : element("p", {}, button("Clear all faults", "clear faults", removeFaults)));
}

// drawJournal shows the last entries, the newest first. choose is called with the seq of a chosen request.
export function drawJournal(part, withPolls, choose) {
  const shownAbove = chosen();
  const shown = state.entries.filter((entry) => withPolls || !isPoll(entry)).slice(-rows).reverse();
  replace(part, shown.map((entry) => {
    const time = element("time", { datetime: entry.time }, new Date(entry.time).toLocaleTimeString("en-GB"));
    const text = entryWords(entry);
    return element("li", { class: `${entry.kind} ${isFault(entry) ? "fault" : ""} ${isRefused(entry) ? "refused" : ""}` },
      time, isOperation(entry)
        ? button(text, `entry ${entry.seq}`, () => choose(entry.seq), {
          class: "link", title: "show its story", "aria-current": entry === shownAbove && "true",
        })
        : element("span", {}, text));
  }));
}

const acts = { answer: "answers", refuse: "refuses the call", hangup: "hangs up" };
const isPoll = (entry) => entry.kind === "delivery" || ["getAgentEvent", "handshake", "heartbeat"].includes(entry.operation);
const isFault = (entry) => entry.kind !== "control" && Boolean(entry.fault);
const isRefused = (entry) => entry.kind === "request" && entry.retcode !== "0";

function entryWords(entry) {
  const effect = entry.effect ? ` Fault ${entry.fault ?? ""}: ${entry.effect}.` : "";
  switch (entry.kind) {
    case "request":
      return `${requestWords(entry)}: ${answerWords(entry)}.${effect}`;
    case "event": {
      const fate = entry.delivery && entry.delivery !== "queued" ? ` Fault ${entry.fault ?? ""}: ${entry.delivery}.` : "";
      return `Event for agent ${entry.agentId}: ${eventWords(entry)}.${fate}`;
    }
    case "delivery":
      return `Agent ${entry.agentId} receives ${entry.eventType} by ${entry.by}.${effect}`;
    case "person":
      return `${participantName(entry.addressType, entry.address)} ${acts[entry.action] ?? entry.action}.`;
  }
  return "Emulator: " + [entry.action, entry.fault, entry.detail].filter((part) => part !== undefined)
    .map((part) => typeof part === "string" ? part : JSON.stringify(part)).join(" ");
}
