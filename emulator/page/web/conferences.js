// The picture of a conference: a zone for participants who ring, one for the conversation and one for
// participants on hold. A hold moves a participant from one zone to the next.
import { element, icon, button, replace } from "./dom.js";
import { participantName } from "./words.js";
import { state } from "./state.js";
import { call, act, seed } from "./actions.js";

const announcement = "y:/conf/120/1136287.V3"; // of the vendor's example of a hold

// The example of an empty gateway: a chairperson in a conference with a phone and an agent.
const example = {
  agents: [{ agentId: "1287", phonenum: "40038" }, { agentId: "2002", phonenum: "40039" }],
  conferences: [{ chair: "1287", participants: [
    { addressType: "6", address: "88887946" }, { addressType: "9", address: "2002" }] }],
};

const zones = [
  { state: "ringing", title: "Ringing", icon: "ring", note: "invited, not in the conference yet" },
  { state: "talking", title: "In the conversation", icon: "talk", note: "everybody hears everybody" },
  { state: "held", title: "On hold", icon: "pause", note: "hears only the announcement" },
];

export function drawConferences(part) {
  if (state.conferences.length > 0) {
    replace(part, state.conferences.map(drawConference));
    return;
  }
  const hint = state.agents.length > 0
    ? "There is no conference. An agent opens one by requestAgentConf."
    : "Nobody is signed in.";
  replace(part, element("p", { class: "empty" }, hint, " ",
    state.agents.length === 0 && button("Start an example", "seed", () => seed(example), { class: "main" })));
}

function drawConference(conference) {
  const heading = [`Conference ${conference.confId}`, element("span", { class: "dim" },
    ` ${conference.state === "running" ? "" : "(begins soon) "}chaired by agent ${conference.chair}, ` +
    `${conference.participants.length} of ${conference.capacity} places`)];
  return element("article", { class: "conference" },
    element("h3", {}, heading),
    conference.announcement && element("p", { class: "playing" },
      "Everybody hears ", element("code", {}, conference.announcement.voicePath)),
    element("div", { class: "zones" }, zones.map((zone) => drawZone(conference, zone))),
    drawInvitation(conference));
}

function drawZone(conference, zone) {
  const inside = conference.participants.filter((one) => one.state === zone.state);
  return element("div", { class: `zone ${zone.state}` },
    element("h4", {}, icon(zone.icon), zone.title, element("span", { class: "count" }, String(inside.length))),
    element("p", { class: "note" }, zone.note),
    element("ul", {}, inside.map((one) => drawParticipant(conference, one))));
}

function drawParticipant(conference, one) {
  const name = participantName(one.addressType, one.address);
  return element("li", { class: `participant ${one.muted ? "muted" : ""}`, "data-participant": one.address },
    element("p", { class: "name" }, icon(one.addressType === "9" ? "agent" : "phone"), element("b", {}, name),
      one.chair && element("span", { class: "badge" }, "chairperson"),
      one.muted && element("span", { class: "badge muted" }, icon("muted"), "muted")),
    one.announcement && element("p", { class: "playing" }, icon("talk"), "hears ",
      element("code", {}, one.announcement.voicePath), " ",
      element("span", { "data-since": one.announcement.startedAt })),
    element("p", { class: "buttons" }, buttonsOf(conference, one, name)));
}

// buttonsOf returns the calls of the chairperson and the acts of the participant.
function buttonsOf(conference, one, name) {
  const target = { addressType: one.addressType, address: one.address };
  const by = (operation, extra) => () => call(conference.chair, operation, { ...target, ...extra });
  const person = (action) => () => act(one.addressType, one.address, action);
  // The key of a button lets the focus go on from Answer to Hold and Unhold.
  const add = (text, act, kind) => button(text, `${kind ?? text} ${one.address}`, act, { "aria-label": `${text}: ${name}`, class: kind });
  if (one.state === "ringing") {
    return [add("Answer", person("answer"), "main"), add("Refuse", person("refuse"))];
  }
  const hangUp = add("Hang up", person("hangup"));
  if (one.chair) return [hangUp];
  if (one.state === "held") return [add("Unhold", by("unholdParticipant"), "main"), hangUp];
  const mute = add(one.muted ? "Unmute" : "Mute", by("changeParticipantMode", { attribute: one.muted ? 3 : 1 }), "mute");
  return [add("Hold", by("holdParticipant", { playMode: 2, voicePath: announcement }), "main"), mute, hangUp];
}

// drawInvitation returns a form that invites an agent or a phone. An invited agent rings until it
// answers; a phone answers by itself.
function drawInvitation(conference) {
  const input = element("input", {
    id: `invite-${conference.confId}`, "data-key": `invite-${conference.confId}`, inputmode: "numeric", size: "12",
    placeholder: "2002 or 88887946", required: true, pattern: "[0-9]{3,24}", title: "agent ID or phone number",
  });
  const invite = (event) => {
    event.preventDefault();
    const address = input.value.trim();
    input.value = "";
    const isAgent = state.agents.some((agent) => agent.agentId === address);
    call(conference.chair, "batchAddParticipant", { addresses: [{ addressType: isAgent ? "9" : "6", address }] });
  };
  return element("form", { class: "invite", onsubmit: invite },
    element("label", { for: input.id }, "Invite"), input, element("button", { "data-key": "invite" }, "Call"));
}
