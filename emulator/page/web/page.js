// Starts the page: draws every part after each change of the state.
import { state, start, onChange } from "./state.js";
import { reset, setFaults } from "./actions.js";
import { drawConferences } from "./conferences.js";
import { drawStory, select } from "./story.js";
import { drawAgents, drawFaults, drawJournal, presets } from "./panels.js";
import { element, replace } from "./dom.js";
import { eventWords } from "./words.js";

const part = (id) => document.getElementById(id);
let lastSpoken = 0; // seq of the last event that a screen reader was given

let pressed = false; // a click is under way
const longestClick = 1000; // milliseconds

function release() {
  pressed = false;
  draw();
}

function draw() {
  if (pressed) return; // the click would lose its button
  part("live").textContent = state.live ? "live" : "no connection";
  part("live").className = state.live ? "good" : "bad";
  drawConferences(part("conferences"));
  drawStory(part("story"));
  drawAgents(part("agents"));
  drawFaults(part("faults"));
  drawJournal(part("journal"), part("all").checked, choose);
  speak();
  tick();
}

// choose shows the story of a request, also where it is above the journal.
function choose(seq) {
  select(seq);
  draw();
  part("h-story").scrollIntoView({ block: "nearest" });
}

// speak gives the last event of a chairperson to screen readers.
function speak() {
  const last = state.entries.findLast((entry) => entry.kind === "event");
  if (!last || last.seq === lastSpoken) return;
  lastSpoken = last.seq;
  part("news").textContent = eventWords(last);
}

// tick updates the times since the beginning of announcements.
function tick() {
  for (const node of document.querySelectorAll("[data-since]")) {
    node.textContent = `for ${Math.max(0, Math.round((Date.now() - Date.parse(node.dataset.since)) / 1000))} s`;
  }
}

function drawFront() {
  const { http, grpc } = state.front;
  const intro = "A contact centre in memory: no phone rings, and no sound plays. ";
  replace(part("front"), http
    ? [intro, "The buttons call agentconf, which calls the gateway. agentconf has gRPC at ", element("code", {}, grpc),
      " and JSON at ", element("code", {}, http), " (",
      element("a", { href: `${http}/docs`, target: "_blank", rel: "noopener" }, "its API"), ")."]
    : [intro, "The buttons call the gateway itself."]);
  part("confirmation").hidden = !http;
}

function drawPresets() {
  part("preset").append(...presets.map(([title], i) => element("option", { value: String(i) }, title)));
  const show = () => { part("fault").value = JSON.stringify(presets[part("preset").value][1](), null, 1); };
  part("preset").addEventListener("change", show);
  show();
}

part("reset").addEventListener("click", () => { select(0); reset(); });
addEventListener("pointerdown", () => { pressed = true; setTimeout(release, longestClick); }, { capture: true });
addEventListener("pointerup", () => setTimeout(release), { capture: true }); // behind the click
part("all").addEventListener("change", draw);
part("confirm").addEventListener("change", draw);
part("new-fault").addEventListener("submit", (event) => { event.preventDefault(); setFaults(part("fault").value); });
onChange(draw);
setInterval(tick, 1000);
await start();
drawFront();
drawPresets();
