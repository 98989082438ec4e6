// What all walks share: a browser, the way to the test that started it, and an ear for everything that must not happen.
//
// Arguments: the browser, the folder of the npm packages, the pages' address, what the walk is given (JSON). A walk asks the
// test for something by a line of JSON on standard output, {"act", "with"}, and reads a line of JSON as the answer; its last
// line is {"done"}.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [browser, packages, base, given] = process.argv.slice(2);
const require = createRequire(`${packages}/`);
const { chromium } = require("playwright-core");
const axe = readFileSync(`${packages}/node_modules/axe-core/axe.min.js`, "utf8");

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** Has the test do something, and gives what it answers. */
export async function act(name, values = {}) {
  process.stdout.write(`${JSON.stringify({ act: name, with: values })}\n`);
  return JSON.parse((await answers.next()).value);
}

/** Waits until that holds in the page; `what` says what was waited for in vain. */
export async function until(page, what, holds, value) {
  try {
    await page.waitForFunction(holds, value, { timeout: 30000, polling: 50 });
  } catch (error) {
    const main = await page.locator("body").innerText().catch(() => "");
    throw new Error(`in vain: ${what} (${error.message})\n${page.url()}\n${main.slice(0, 3000)}`);
  }
}

/** Whether the page is told of changes. */
export const isLive = (page) => until(page, "the page is live", () => document.getElementById("live")?.dataset.state === "on");

/** Remembers that this very document is not to be loaded anew, and says later whether it was. */
export const stay = (page) => page.evaluate(() => (window.stayed = true));
export async function stayed(page) {
  assert.equal(await page.evaluate(() => window.stayed === true), true, "the page was loaded anew");
}

/** What axe-core finds wrong with the page, each with its elements. */
export async function violations(page) {
  await page.evaluate(axe);
  return page.evaluate(async () => {
    const found = await window.axe.run(document, { resultTypes: ["violations"] });
    return found.violations.map(
      (one) => `${one.id}: ${one.help}: ${one.nodes.map((node) => `${node.html} ${node.any[0]?.message ?? ""}`).join(" | ")}`,
    );
  });
}

/** Everything the pages of a context do that no page of ours may do. */
function listen(context, faults) {
  const origin = new URL(base).origin;
  context.on("console", (said) => {
    if (["error", "warning"].includes(said.type())) faults.push(`console: ${said.text()} (${said.location().url})`);
  });
  context.on("weberror", (error) => faults.push(`error: ${error.error().stack}`));
  context.on("dialog", (dialog) => {
    faults.push(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  context.on("request", (request) => {
    if (new URL(request.url()).origin !== origin) faults.push(`asked elsewhere: ${request.url()}`);
  });
}

/** Runs a walk: `steps({open, given, base})`, where `open(options)` gives a page of a new visitor. */
export async function walk(steps) {
  const running = await chromium.launch({
    executablePath: browser,
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
  });
  const faults = [];
  const forgiven = [];
  const open = async (options = {}) => {
    const context = await running.newContext({ baseURL: base, viewport: { width: 1280, height: 860 }, locale: "en-GB", ...options });
    context.setDefaultTimeout(30000);
    await context.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (event) => {
        console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
      });
    });
    listen(context, faults);
    return context.newPage();
  };
  try {
    const done = await steps({ open, base, given: JSON.parse(given), forgive: (pattern) => forgiven.push(pattern) });
    const left = faults.filter((fault) => !forgiven.some((pattern) => pattern.test(fault)));
    assert.deepEqual(left, [], "something happened that must not");
    process.stdout.write(`${JSON.stringify({ done: done ?? null })}\n`);
  } finally {
    await running.close();
  }
  process.exit(0);
}
