// Opens pages in Chromium as mail programs show them, and says what is wrong with them.
//
// Arguments: the browser, axe.min.js, a folder for pictures ("" for none), then pages (HTML files). Each is opened at 360 and
// 1200 pixels, light and dark. Prints one line of JSON for each: {"page", "width", "scheme", "scroll_width",
// "client_width", "broken": [pictures that did not load], "violations": [axe-core's, each with its elements], "words"}.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [browser, axe, pictures, ...pages] = process.argv.slice(2);
const profile = mkdtempSync(join(tmpdir(), "look-"));
const chromium = spawn(
  browser,
  [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-pipe",
    `--user-data-dir=${profile}`, "about:blank",
  ],
  { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] },
);
chromium.on("error", (error) => fail(`the browser does not start: ${error.message}`));

function fail(why) {
  console.error(why);
  chromium.kill("SIGKILL");
  process.exit(1);
}

// The DevTools protocol over the pipe: JSON, each message ended by a zero byte.
const waiting = new Map();
const heard = [];
let rest = "";
let last = 0;
chromium.stdio[4].setEncoding("utf8").on("data", (chunk) => {
  const messages = (rest + chunk).split("\0");
  rest = messages.pop();
  for (const message of messages.map((text) => JSON.parse(text))) {
    if (message.id === undefined) {
      for (const listener of [...heard]) listener(message);
      continue;
    }
    const { done, refused } = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.error) refused(new Error(message.error.message));
    else done(message.result);
  }
});
function ask(method, params = {}, sessionId = undefined) {
  const id = ++last;
  chromium.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
  return new Promise((done, refused) => waiting.set(id, { done, refused }));
}
function once(method) {
  return new Promise((done) => {
    const listener = (message) => {
      if (message.method !== method) return;
      heard.splice(heard.indexOf(listener), 1);
      done(message.params);
    };
    heard.push(listener);
  });
}

const CHECK = `axe.run(document, { resultTypes: ["violations"] }).then((found) => JSON.stringify({
  scroll_width: document.documentElement.scrollWidth,
  client_width: document.documentElement.clientWidth,
  broken: [...document.images].filter((image) => !image.naturalWidth).map((image) => image.src),
  violations: found.violations.map((one) => one.id + ": " + one.help + ": " + one.nodes.map((node) => node.html).join(" ")),
  words: document.body.innerText,
}))`;

const { targetId } = await ask("Target.createTarget", { url: "about:blank" });
const { sessionId } = await ask("Target.attachToTarget", { targetId, flatten: true });
const tell = (method, params) => ask(method, params, sessionId);
await tell("Page.enable");
for (const page of pages) {
  for (const width of [360, 1200]) {
    for (const scheme of ["light", "dark"]) {
      await tell("Emulation.setDeviceMetricsOverride", { width, height: 800, deviceScaleFactor: 1, mobile: width < 500 });
      await tell("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }] });
      const loaded = once("Page.loadEventFired");
      await tell("Page.navigate", { url: pathToFileURL(resolve(page)).href });
      await loaded;
      await tell("Runtime.evaluate", { expression: readFileSync(axe, "utf8") });
      const { result, exceptionDetails } = await tell("Runtime.evaluate", { expression: CHECK, awaitPromise: true });
      if (exceptionDetails) fail(`${page}: ${JSON.stringify(exceptionDetails)}`);
      console.log(JSON.stringify({ page: basename(page), width, scheme, ...JSON.parse(result.value) }));
      if (pictures) {
        const { data } = await tell("Page.captureScreenshot", { format: "png", captureBeyondViewport: true });
        const name = `${basename(dirname(resolve(page)))}-${basename(page, ".html")}-${width}-${scheme}.png`;
        writeFileSync(join(pictures, name), Buffer.from(data, "base64"));
      }
    }
  }
}
await ask("Browser.close").catch(() => {});
await new Promise((done) => (chromium.exitCode === null ? chromium.on("exit", done) : done()));
rmSync(profile, { recursive: true, force: true });
process.exit(0);
