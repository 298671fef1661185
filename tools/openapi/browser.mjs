// Opens /docs in a browser and uses it as a reader does: the groups, the filter, a hold, the same hold
// again, and a watch. Writes screenshots for a desktop and a phone into a directory.
//
//   node browser.mjs BROWSER URL GUID DIRECTORY
import assert from "node:assert/strict";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [executablePath, url, guid, directory] = process.argv.slice(2);
const restRoot = "/v1/agents/{agentId}/";
const errors = [];
const otherHosts = [];

// open returns the page in a window. A response with an error status is an error in the console.
async function open(viewport) {
  const page = await browser.newPage({ viewport });
  page.setDefaultTimeout(20_000);
  page.on("console", (m) => m.type() === "error" && !/status of (4|5)/.test(m.text()) && errors.push(m.text()));
  page.on("pageerror", (e) => errors.push(String(e)));
  await page.route((u) => u.host !== new URL(url).host, (route) => {
    otherHosts.push(route.request().url());
    return route.abort();
  });
  await page.goto(url);
  await operation(page, "events").waitFor();
  return page;
}

// operation returns the box of a REST operation.
function operation(page, path) {
  return page.locator(".opblock", { has: page.locator(`[data-path="${restRoot}${path}"]`) });
}

async function authorize(page) {
  await page.getByRole("button", { name: "Authorize" }).click();
  const dialog = page.locator(".auth-container");
  await dialog.locator("input").fill(guid);
  await dialog.getByRole("button", { name: "Apply credentials" }).click();
  await dialog.getByRole("button", { name: "Close" }).click();
}

async function checkGroups(page) {
  const groups = await page.locator(".opblock-tag").evaluateAll((all) => all.map((tag) => tag.dataset.tag));
  assert.equal(groups.at(-1), "Gateway dialect", "the last group");
  const paths = await page.locator(".opblock-summary-path").evaluateAll((all) => all.map((path) => path.dataset.path));
  assert.ok(paths.length > 20 && paths.every((path) => path.startsWith("/v1/")), `open at the start: ${paths}`);
}

async function checkFilter(page) {
  const filter = page.getByLabel("Filter operations");
  await filter.fill("unhold");
  await operation(page, "conference:holdParticipant").waitFor({ state: "detached" });
  assert.equal(await operation(page, "conference:unholdParticipant").count(), 1, "unhold passes the filter");
  await filter.fill("");
  await operation(page, "conference:holdParticipant").waitFor();
}

// hold sends the documented hold and returns the reply.
async function hold(page) {
  const replied = page.waitForResponse((r) => r.url().endsWith("conference:holdParticipant"));
  await operation(page, "conference:holdParticipant").getByRole("button", { name: "Execute" }).click();
  const reply = await replied;
  assert.equal(reply.request().headers().guid, guid, "the GUID of the request");
  return reply.json();
}

async function checkHold(page) {
  const box = operation(page, "conference:holdParticipant");
  await box.locator(".opblock-summary-control").click();
  assert.equal((await hold(page)).retcode, "0");
  await box.locator(".live-responses-table", { hasText: '"retcode": "0"' }).waitFor();
  assert.match((await hold(page)).message, /the participant may be on hold/);
  await box.locator(".live-responses-table", { hasText: "the participant may be on hold" }).waitFor();
  const unhold = operation(page, "conference:unholdParticipant");
  await unhold.locator(".opblock-summary-control").click();
  await unhold.getByRole("button", { name: "Execute" }).click();
  await unhold.locator(".live-responses-table", { hasText: '"retcode": "0"' }).waitFor();
}

// checkWatch expects the events of a stream that has not ended.
async function checkWatch(page) {
  const watch = operation(page, "events");
  await watch.locator(".opblock-summary-control").click();
  await watch.getByRole("button", { name: "Execute" }).click();
  await watch.locator(".live-responses-table", { hasText: "event: started" }).waitFor();
  await hold(page);
  await watch.locator(".live-responses-table", { hasText: '"changeType":5' }).waitFor();
  await watch.getByRole("button", { name: "Clear" }).click();
  await watch.locator(".live-responses-table").waitFor({ state: "detached" });
}

// The user of the browser may be root.
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
try {
  const desktop = await open({ width: 1280, height: 1600 });
  await checkGroups(desktop);
  await checkFilter(desktop);
  await authorize(desktop);
  await checkHold(desktop);
  await checkWatch(desktop);
  await operation(desktop, "conference:holdParticipant").scrollIntoViewIfNeeded();
  await desktop.screenshot({ path: join(directory, "docs.png") });

  const phone = await open({ width: 390, height: 844 });
  await operation(phone, "conference:holdParticipant").locator(".opblock-summary-control").click();
  await operation(phone, "conference:holdParticipant").evaluate((box) => box.scrollIntoView());
  await phone.screenshot({ path: join(directory, "docs-phone.png") });
  assert.equal(await phone.evaluate(() => document.documentElement.scrollWidth), 390, "the width on a phone");

  assert.deepEqual(otherHosts, [], "requests to other hosts");
  assert.deepEqual(errors, [], "errors in the browser's console");
  console.log("holds and a watch were tried at", url);
} finally {
  await browser.close();
}
