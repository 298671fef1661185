// Opens /docs in a browser as a person would, enters a GUID, tries the documented hold
// and takes a picture.
//
//   node browser.mjs BROWSER URL GUID PICTURE
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const [executablePath, url, guid, picture] = process.argv.slice(2);
const path = "/v1/agents/1287/conference:holdParticipant";

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] }); // root may be who runs this
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 1600 } });
  page.setDefaultTimeout(20_000);
  const complaints = [];
  const elsewhere = [];
  page.on("console", (m) => m.type() === "error" && complaints.push(m.text()));
  page.on("pageerror", (e) => complaints.push(String(e)));
  await page.route((u) => u.host !== new URL(url).host, (route) => {
    elsewhere.push(route.request().url());
    return route.abort();
  });

  await page.goto(new URL("/docs", url).href);
  const hold = page.locator(".opblock", { hasText: "/v1/agents/{agentId}/conference:holdParticipant" }).first();
  await hold.waitFor();

  await page.getByRole("button", { name: "Authorize" }).click();
  await page.locator(".auth-container input").fill(guid);
  await page.locator(".auth-container").getByRole("button", { name: "Apply credentials" }).click();
  await page.locator(".auth-container").getByRole("button", { name: "Close" }).click();

  await hold.locator(".opblock-summary-control").click();
  const asked = page.waitForRequest((r) => new URL(r.url()).pathname === path);
  await hold.getByRole("button", { name: "Execute" }).click();
  const request = await asked;
  const answer = await (await request.response()).json();
  await hold.locator(".live-responses-table").waitFor();
  await hold.scrollIntoViewIfNeeded();
  await page.screenshot({ path: picture });

  assert.equal(request.headers().guid, guid, "the GUID that was sent");
  assert.equal(answer.retcode, "0", JSON.stringify(answer));
  assert.match(await hold.locator(".live-responses-table").innerText(), /"retcode": "0"/);
  assert.deepEqual(elsewhere, [], "requests to other hosts");
  assert.deepEqual(complaints, [], "what the browser complains of");
  console.log("a hold was tried at", new URL("/docs", url).href);
} finally {
  await browser.close();
}
