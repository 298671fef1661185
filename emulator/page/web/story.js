// The story of one call: the call, the answer of the gateway, the event, and the outcome that the
// caller was given.
import { breakable, button, element, replace } from "./dom.js";
import { answerWords, changeOf, eventWords, gatewayCommand, grpcCommand, requestWords, restCommand, targets } from "./words.js";
import { state, guidOf } from "./state.js";
import { withConfirmation } from "./actions.js";

const usualFront = { http: "http://127.0.0.1:8080", grpc: "127.0.0.1:9090" }; // of agentconf serve
const clockError = 5; // milliseconds between the times of the emulator and of the service in front

const outcomes = [
  ["applied", "Applied", "It happened."],
  ["not_applied", "Not applied", "It did not happen and will not happen."],
  ["unknown", "Unknown", "It happened once or not at all. Look at the conference before repeating it."],
];

let selected = 0; // seq of the request that the reader has chosen; 0 is the newest one
let newest = 0; // seq of the newest operation at that time

// select shows the story of a request until another is chosen, or a new one comes.
export function select(seq) {
  selected = seq;
  newest = state.entries.findLast(isOperation)?.seq ?? 0;
}

export const isOperation = (entry) => entry.kind === "request" && entry.path?.includes("/agentconf/");

// chosen returns the request of the story: the chosen one, or else the last operation on a participant, or
// else the last operation.
export function chosen() {
  const operations = state.entries.filter(isOperation);
  return operations.find((entry) => entry.seq === selected && operations.at(-1).seq === newest)
    ?? operations.findLast(changeOf)
    ?? operations.at(-1);
}

export function drawStory(part) {
  const request = chosen();
  if (!request) {
    replace(part, element("p", { class: "empty" },
      "Hold a participant: this part then shows the call, the answer, the event and the outcome."));
    return;
  }
  replace(part, element("p", { class: "sentence" }, `${requestWords(request)}.`),
    element("ol", { class: "story" },
      drawCall(request), drawAnswer(request), drawEvent(request), drawOutcome(request)),
    drawCommands(request));
}

function step(title, kind, ...children) {
  return element("li", { class: kind }, element("h3", {}, title), ...children);
}

function drawCall(request) {
  const voice = request.operation === "holdParticipant" && request.body?.voicePath;
  return step("1. The call", "good", element("p", {}, element("code", {}, request.operation)),
    element("p", {}, `by agent ${request.agentId}`, targets(request) && ` on ${targets(request)}`),
    voice && element("p", { class: "dim" }, "with the announcement ", element("code", {}, voice)));
}

// drawCommands returns the commands that repeat the call. They have the newest GUID of the agent.
function drawCommands(request) {
  const front = state.front.http ? state.front : usualFront;
  const guid = guidOf(request.agentId) || "GUID";
  const commands = [["curl, to the gateway itself", gatewayCommand(request, guid)]];
  if (request.method === "POST") {
    const body = withConfirmation(request.operation, request.body);
    commands.unshift(
      ["curl, to agentconf", restCommand({ ...request, body }, guid, front.http)],
      ["grpcurl, to agentconf", grpcCommand({ ...request, body }, guid, front.grpc)]);
  }
  return element("div", { class: "commands" }, element("h3", {}, "The same call from a terminal"),
    commands.map(([title, text], i) => drawCommand(title, text, i === 0)),
    !state.front.http && element("p", { class: "dim" }, "The addresses of agentconf are its usual ones."));
}

function drawCommand(title, text, open) {
  const copy = button("Copy", `copy ${title}`, async () => {
    await navigator.clipboard.writeText(text);
    document.getElementById("news").textContent = "copied";
    copy.textContent = "Copied";
  }, { "aria-label": `Copy ${title}` });
  return element("details", { class: "command", "data-key": title, open },
    element("summary", { "data-key": `fold ${title}` }, title), element("pre", {}, text), copy);
}

function drawAnswer(request) {
  const kind = request.retcode === "0" && request.status === 200 ? "good" : "bad";
  return step("2. The gateway's answer", kind, element("p", { class: "sentence" }, answerWords(request)),
    request.wrong && element("p", {}, request.wrong),
    request.effect && drawFault(request.fault, request.effect),
    element("p", { class: request.applied ? "truth did" : "truth did-not" },
      request.applied ? "The gateway executed it." : "The gateway did not execute it."));
}

function drawFault(id, effect) {
  return element("p", { class: "fault" }, `Fault ${id ?? ""}: ${effect}`);
}

// eventOf returns the caller's event of a hold or unhold. The emulator writes the request into its
// journal when it has answered, so that the event mostly stands before the request.
function eventOf(request) {
  const isOfParticipant = (entry) => isOperation(entry) && changeOf(entry) !== undefined &&
    entry.body?.address === request.body?.address;
  const before = state.entries.findLast((entry) => entry.seq < request.seq && isOfParticipant(entry))?.seq ?? 0;
  const after = state.entries.find((entry) => entry.seq > request.seq && isOfParticipant(entry))?.seq ?? Infinity;
  const matches = state.entries.filter((entry) => entry.kind === "event" && entry.seq > before && entry.seq < after &&
    entry.agentId === request.agentId && entry.content?.changeType === changeOf(request) &&
    entry.content.participant === request.body?.address);
  return matches.findLast((entry) => entry.seq < request.seq) ?? matches[0];
}

function drawEvent(request) {
  if (changeOf(request) === undefined) {
    return step("3. The event", "dim", element("p", {}, "The list of requests and events shows the events of this operation."));
  }
  const own = eventOf(request);
  if (!own) {
    return step("3. The event", "", element("p", {}, request.applied ? "None yet." : "None, because nothing has changed."));
  }
  const delivery = state.entries.find((entry) => entry.kind === "delivery" && entry.event === own.seq);
  const lost = own.delivery === "lost" || Boolean(delivery?.effect);
  return step("3. The event", lost ? "bad" : "good",
    element("p", { class: "sentence" }, eventWords(own)),
    element("p", { class: "dim" }, element("code", {}, breakable(own.eventType)), `, changeType ${own.content.changeType}`),
    own.delivery !== "queued" && drawFault(own.fault, own.delivery),
    delivery?.effect && drawFault(delivery.fault, delivery.effect),
    !lost && element("p", {}, delivery ? `Agent ${own.agentId} has received it by ${delivery.by}.`
      : `It waits for the next poll of agent ${own.agentId}.`));
}

// outcomeOf returns the result that the service in front gave the caller: the journal entry of the
// request lies between the beginning and the end of the call.
function outcomeOf(request) {
  const time = Date.parse(request.time);
  return state.outcomes.find((one) => one.operation === request.operation && one.agentId === request.agentId &&
    Date.parse(one.start) - clockError <= time && time <= Date.parse(one.end) + clockError);
}

function drawOutcome(request) {
  const title = "4. The outcome for the caller";
  if (!state.front.http) {
    return step(title, "dim", element("p", {},
      "The emulator sees the gateway's side only. It cannot know what the caller concluded."),
    element("p", { class: "dim" }, "agentconf demo --stay shows the outcome too, because agentconf runs beside the emulator there."));
  }
  const given = outcomeOf(request);
  const tiles = outcomes.map(([name, text, meaning]) => element("li", {
    class: `${name} ${given?.outcome === name ? "given" : ""}`, "aria-current": given?.outcome === name ? "true" : null,
  }, element("b", {}, text), given?.outcome === name && element("span", {}, meaning)));
  return step(title, given ? given.outcome : "dim", element("ul", { class: "outcomes" }, tiles),
    given ? describe(given)
      : element("p", {}, "agentconf has not answered yet, or the call did not come through it."));
}

// describe returns what the service in front gave its caller, as a paragraph.
function describe(given) {
  const time = given.ms < 1000 ? `${Math.max(1, Math.round(given.ms))} ms` : `${(given.ms / 1000).toFixed(1)} s`;
  return element("p", { class: "dim" }, `agentconf returned ${given.code} after ${time}`,
    given.reason && [", with the reason ", element("code", {}, breakable(given.reason))]);
}
