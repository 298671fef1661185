// Opens the page of the emulator in a browser and uses it by clicks, as a person does who has no gateway.
// Writes screenshots for a desktop and a phone into a directory.
//
//   node browser.mjs BROWSER URL EMULATOR DIRECTORY
//
// URL is the page of a demo, where agentconf stands in front of the gateway. EMULATOR is that of an emulator
// alone, in which nobody is signed in.
import assert from "node:assert/strict";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [executablePath, demo, alone, directory] = process.argv.slice(2);
const phone = "88887946"; // of the demo
const ringing = "88887947"; // a phone that nobody answers until a click does
const errors = [];
const otherHosts = [];

// open returns the page in a window. The wanted errors of agentconf and of the control API are errors in the console.
async function open(url, options) {
  const page = await browser.newPage({ reducedMotion: "reduce", ...options });
  page.setDefaultTimeout(20_000);
  page.on("console", (m) => m.type() === "error" && !/status of (400|403|5..)/.test(m.text()) && errors.push(m.text()));
  page.on("pageerror", (e) => errors.push(String(e)));
  await page.route((u) => u.host !== new URL(url).host, (route) => {
    otherHosts.push(route.request().url());
    return route.abort();
  });
  await page.goto(url);
  return page;
}

const click = (page, name) => page.getByRole("button", { name, exact: true }).click();

// participant returns a participant within a zone of the picture: ringing, talking or held.
const participant = (page, zone, address) => page.locator(`.zone.${zone} [data-participant="${address}"]`);

// story returns a step of the last call: the call, the answer, the event or the outcome.
const story = (page, step, text) => page.locator(".story > li", { hasText: step }).filter({ hasText: text });
const outcome = (page, name) => page.locator(`.outcomes .${name}.given`);

// checkPeople lets a phone ring, refuse, ring again, answer and hang up.
async function checkPeople(page) {
  for (const [act, next] of [["Refuse", null], ["Answer", "talking"]]) {
    await page.getByLabel("Invite").fill(ringing);
    await page.getByLabel("Invite").press("Enter");
    await participant(page, "ringing", ringing).waitFor();
    await click(page, `${act}: ${ringing}`);
    await participant(page, "ringing", ringing).waitFor({ state: "detached" });
    if (next) await participant(page, next, ringing).waitFor();
  }
  await click(page, `Mute: ${ringing}`);
  await participant(page, "talking", ringing).getByText("muted").waitFor();
  await click(page, `Hang up: ${ringing}`);
  await participant(page, "talking", ringing).waitFor({ state: "detached" });
}

// checkHold holds the phone, and expects the four steps of the story.
async function checkHold(page) {
  await click(page, `Hold: ${phone}`);
  await participant(page, "held", phone).getByText("y:/conf/120/1136287.V3").waitFor();
  await story(page, "1. The call", "holdParticipant").waitFor();
  await story(page, "2. The gateway's answer", "Accepted (retcode 0)").waitFor();
  await story(page, "3. The event", "is on hold, the announcement plays").waitFor();
  await outcome(page, "applied").waitFor();
  const commands = await page.locator(".command pre").allTextContents();
  assert.match(commands[0], /^curl -H 'Guid: \S+' [^]*holdParticipant$/, "the curl line");
  assert.match(commands[1], /^grpcurl -plaintext [^]*\/HoldParticipant$/, "the grpcurl line");
  assert.match(commands[2], /holdparticipant$/, "the line for the gateway itself");
}

async function unhold(page) {
  await page.getByRole("button", { name: `Unhold: ${phone}` }).press("Enter");
  await participant(page, "talking", phone).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Hold", "the focus after an unhold");
}

// setFault sets a fault of the list by the keyboard.
async function setFault(page, title) {
  await page.getByLabel("What goes wrong").selectOption(title);
  await page.getByRole("button", { name: "Set fault" }).press("Enter");
  await page.locator(".faults li").first().waitFor();
}

// checkFaults expects the other two outcomes, and that faults can be cleared.
async function checkFaults(page) {
  await setFault(page, "The hold happens, but its answer is lost");
  await click(page, `Hold: ${phone}`);
  await outcome(page, "unknown").waitFor();
  await story(page, "2. The gateway's answer", "connection reset before the answer").waitFor();
  await page.locator("#journal .fault", { hasText: "connection reset before the answer" }).waitFor();
  await participant(page, "held", phone).waitFor();
  await unhold(page);

  await page.getByLabel("calls of this page wait for the event").check();
  await setFault(page, "The event comes 2 s late");
  await click(page, "Clear all faults");
  await page.getByText("No fault is set").waitFor();
  await checkHold(page);
  await page.getByLabel("calls of this page wait for the event").uncheck();
  await unhold(page);

  await setFault(page, "The gateway refuses: not the chairperson");
  await click(page, `Hold: ${phone}`);
  await outcome(page, "not_applied").waitFor();
  await story(page, "3. The event", "None, because nothing has changed.").waitFor();

  await page.getByLabel("as a fault, or a list of them").fill('{"operation":"holdparticipant","delay":"2s"}');
  await click(page, "Set fault");
  await page.getByRole("alert").getByText("holdParticipant").waitFor(); // the list of what exists
}

// checkReset expects the new conference of the demo, and no old entries.
async function checkReset(page) {
  await click(page, "Reset");
  await page.getByText("Emulator: reset", { exact: true }).waitFor();
  await participant(page, "talking", "2002").waitFor();
  await participant(page, "talking", phone).waitFor();
  assert.equal(await page.locator("#journal .fault").count(), 0, "faults before the reset");
}

// checkAlone starts an example at an emulator without agentconf, and holds at the gateway itself.
async function checkAlone() {
  const page = await open(alone, { viewport: { width: 800, height: 1000 } });
  await page.getByRole("button", { name: "Start an example" }).press("Enter");
  await click(page, `Hold: ${phone}`);
  await participant(page, "held", phone).waitFor();
  await story(page, "2. The gateway's answer", "Accepted (retcode 0)").waitFor();
  await story(page, "4. The outcome for the caller", "cannot know what the caller concluded").waitFor();
  await unhold(page);
  for (const fault of ["Half of the answer arrives", "The hold happens, but its answer is lost"]) {
    await setFault(page, fault);
    await click(page, `Hold: ${phone}`);
    await participant(page, "held", phone).waitFor();
    await page.getByRole("alert").getByText("broke the connection").waitFor();
    await unhold(page);
  }
  const holds = await page.locator("#journal li", { hasText: `put ${phone} on hold` }).count();
  assert.equal(holds, 3, "holds that the gateway received");
}

// The user of the browser may be root.
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
try {
  const desktop = await open(demo, { viewport: { width: 1280, height: 1000 } });
  await checkPeople(desktop);
  await checkHold(desktop);
  await unhold(desktop);
  await checkFaults(desktop);
  await checkReset(desktop);

  await checkAlone();

  await desktop.getByLabel("Invite").fill(ringing);
  await click(desktop, "Call");
  await participant(desktop, "ringing", ringing).waitFor();
  await checkHold(desktop);
  await desktop.getByLabel("What goes wrong").selectOption("The hold happens, but its answer is lost");
  await desktop.locator("#agents li", { hasText: "Agent 1287" }).getByText("polls for events").waitFor();
  await desktop.evaluate(() => scrollTo(0, 0));
  await desktop.screenshot({ path: join(directory, "page.png") });

  const small = await open(demo, { viewport: { width: 375, height: 812 }, colorScheme: "dark", hasTouch: true });
  await participant(small, "held", phone).waitFor();
  await participant(small, "ringing", ringing).waitFor();
  assert.equal(await small.evaluate(() => document.documentElement.scrollWidth), 375, "the width on a phone");
  await small.screenshot({ path: join(directory, "page-phone.png"), fullPage: true });

  assert.deepEqual(otherHosts, [], "requests to other hosts");
  assert.deepEqual(errors, [], "errors in the browser's console");
  console.log("holds, faults and people were tried at", demo);
} catch (error) {
  for (const page of browser.contexts().flatMap((context) => context.pages())) {
    await page.screenshot({ path: join(directory, "page-failure.png"), fullPage: true });
  }
  throw error;
} finally {
  await browser.close();
}
