// The actions of the buttons: calls to the service in front or to the gateway, acts of people, and the
// control of the emulator.
import { state, guidOf, refresh } from "./state.js";

const confirmable = new Set(["holdParticipant", "unholdParticipant", "changeParticipantMode"]);
const confirmWithin = "3s";
const problem = document.getElementById("problem");

// report shows an error of the page itself until the next action.
function report(text) {
  problem.textContent = text;
  problem.hidden = !text;
}

// reportReply shows the error of a reply of the emulator.
async function reportReply(reply) {
  const text = await reply.text();
  let message = text;
  try { message = JSON.parse(text).error; } catch { /* the text is the message */ }
  report(message || `HTTP ${reply.status} for ${reply.url}`);
}

// call calls an operation as an agent: through the service in front, or else at the gateway. The
// answer is no concern of the page, because the journal and the outcomes have it.
export async function call(agentId, operation, body) {
  report("");
  const request = { method: "POST", headers: { Guid: guidOf(agentId), "Content-Type": "application/json" } };
  let path = `emulator/page/gateway/agentgateway/resource/agentconf/${agentId}/${operation.toLowerCase()}`;
  if (state.front.http) {
    path = `front/v1/agents/${agentId}/conference:${operation}`;
    body = withConfirmation(operation, body);
  }
  try {
    const reply = await fetch(path, { ...request, body: JSON.stringify(body) });
    if (reply.status === 502) await reportReply(reply);
  } catch (error) {
    report(`${operation}: ${error.message}`);
  }
  refresh();
}

// withConfirmation adds the wait for the event to the body of a call through the service in front, if the
// reader wants that.
export function withConfirmation(operation, body) {
  const wanted = document.getElementById("confirm").checked;
  return wanted && confirmable.has(operation) ? { ...body, confirmWithin } : body;
}

// control sends a request to the emulator and reports its error.
async function control(method, path, body) {
  report("");
  try {
    const reply = await fetch(`emulator/${path}`, {
      method, body, headers: body ? { "Content-Type": "application/json" } : {},
    });
    if (!reply.ok) await reportReply(reply);
  } catch (error) {
    report(`${method} ${path}: ${error.message}`);
  }
  refresh();
}

// act lets a person answer, refuse or hang up.
export function act(addressType, address, action) {
  const people = addressType === "9" ? "agents" : "phones";
  return control("POST", `${people}/${encodeURIComponent(address)}/${action}`);
}

// setFaults sets a fault, or each of a list.
export async function setFaults(text) {
  let faults;
  try {
    faults = [JSON.parse(text)].flat();
  } catch (error) {
    report(`The fault is not JSON: ${error.message}`);
    return;
  }
  for (const fault of faults) await control("POST", "faults", JSON.stringify(fault));
}

export const removeFault = (id) => control("DELETE", `faults/${encodeURIComponent(id)}`);
export const removeFaults = () => control("DELETE", "faults");
export const reset = () => control("POST", "reset");
export const seed = (example) => control("POST", "seed", JSON.stringify(example));
