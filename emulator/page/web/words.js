// Sentences and commands for the entries of the journal.

const changes = [
  ["has joined", "did not join"],
  ["has left", "did not leave"],
  ["is the chairperson", "did not become the chairperson"],
  ["is muted", "was not muted"],
  ["is unmuted", "was not unmuted"],
  ["is on hold, the announcement plays", "was not put on hold"],
  ["is off hold and talks again", "was not taken off hold"],
];

const events = {
  AgentConf_RequestSuccess: "the conference has begun",
  AgentConf_RequestFailed: "the conference was not begun",
  AgentConf_Ringing: "the phone of the agent rings",
  AgentConf_SelfJoinResult: "the agent has joined",
  AgentConf_SelfLeaveResult: "the agent has left",
  AgentConf_PresidentChanged: "the agent is the chairperson now",
  AgentConf_StopVoice: "the announcement to the conference has ended",
  AgentConf_StopParticipantVoice: "the announcement to a participant has ended",
  AgentConf_Timeout: "the conference ends soon",
  AgentOther_InService: "the agent is signed in",
  AgentOther_ShutdownService: "the agent is signed out",
  AgentOther_PhoneRelease: "the phone of the agent is released",
  AgentState_Ready: "the agent is idle",
  AgentState_Busy: "the agent has a call",
};

// changeOf returns the changeType of the event that follows an operation, or undefined.
export function changeOf(request) {
  switch (request.operation) {
    case "holdParticipant": return 5;
    case "unholdParticipant": return 6;
    case "changeParticipantMode": return { 1: 3, 3: 4 }[request.body?.attribute];
  }
  return undefined;
}

export function participantName(type, address) {
  return String(type) === "9" ? `agent ${address}` : String(address);
}

// eventWords returns an event as a sentence: "88887946 is on hold, the announcement plays".
export function eventWords(entry) {
  const c = entry.content;
  if (entry.eventType !== "AgentConf_ParticipantChanged" || !c) return events[entry.eventType] ?? entry.eventType;
  const [happened, failed] = changes[c.changeType] ?? ["has changed", "has not changed"];
  return `${participantName(c.participantType, c.participant)} ${c.result === 0 ? happened : failed}`;
}

// targets returns the participants that a request names.
export function targets(entry) {
  const body = entry.body ?? {};
  const list = Array.isArray(body.addresses) ? body.addresses : body.address ? [body] : [];
  return list.map((target) => participantName(target.addressType, target.address)).join(", ");
}

const verbs = {
  holdParticipant: (who) => `put ${who} on hold`,
  unholdParticipant: (who) => `take ${who} off hold`,
  batchAddParticipant: (who) => `invite ${who}`,
  batchRemoveParticipant: (who) => `remove ${who}`,
  changeParticipantMode: (who, body) => `${{ 1: "mute", 3: "unmute" }[body.attribute] ?? "change the mode of"} ${who}`,
  requestAgentConf: () => "open a conference",
  answerAgentConf: () => "join the conference",
  rejectAgentConf: () => "reject the invitation",
  requestLeaveAgentConf: () => "leave the conference",
  releaseAgentConf: () => "end the conference",
  applyToShiftPresident: (who, body) => `make agent ${body.destAgentNo} the chairperson`,
  login: () => "sign in",
  forceLogin: () => "sign in, by force",
  logout: () => "sign out",
};

// requestWords returns the aim of a request: "agent 1287 asks to put 88887946 on hold".
export function requestWords(entry) {
  const verb = verbs[entry.operation];
  const aim = verb ? verb(targets(entry), entry.body ?? {}) : `do ${entry.operation ?? entry.path}`;
  return `${entry.agentId ? "agent " + entry.agentId : "somebody"} asks to ${aim}`;
}

// answerWords returns how the gateway answered a request.
export function answerWords(entry) {
  if (!entry.status) return "no answer";
  if (!entry.retcode) return `HTTP ${entry.status} without a retcode`;
  const http = entry.status === 200 ? "" : `HTTP ${entry.status}, `;
  return `${entry.retcode === "0" ? "accepted" : "refused"} (${http}retcode ${entry.retcode})`;
}

const quoted = (text) => "'" + String(text).replaceAll("'", "'\\''") + "'";

// gatewayCommand returns the request as a curl command for the gateway itself.
export function gatewayCommand(entry, guid) {
  const body = entry.body ? ` \\\n  -H 'Content-Type: application/json; charset=UTF-8' -d ${quoted(JSON.stringify(entry.body))}` : "";
  return `curl -X ${entry.method} -H ${quoted("Guid: " + guid)}${body} \\\n  ${location.origin}${entry.path}`;
}

// restCommand returns the request as a curl command for agentconf.
export function restCommand(entry, guid, http) {
  return `curl -H ${quoted("Guid: " + guid)} \\\n  -d ${quoted(JSON.stringify(entry.body ?? {}))} \\\n` +
    `  ${http}/v1/agents/${entry.agentId}/conference:${entry.operation}`;
}

// grpcCommand returns the request as a grpcurl command for agentconf.
export function grpcCommand(entry, guid, address) {
  const method = entry.operation[0].toUpperCase() + entry.operation.slice(1);
  const message = JSON.stringify({ agentId: entry.agentId, ...entry.body });
  return `grpcurl -plaintext -H ${quoted("guid: " + guid)} \\\n  -d ${quoted(message)} \\\n` +
    `  ${address} agentconf.v1.ConferenceService/${method}`;
}
