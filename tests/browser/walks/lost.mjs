// A page that is cut off says so, with the age of what it shows, and goes on by itself when the monitor is back.
import assert from "node:assert/strict";
import { act, isLive, stay, stayed, until, walk } from "./harness.mjs";

const isLost = (page) => until(page, "the banner appears", () => !document.getElementById("banner").hidden);
const isBack = (page) => until(page, "the banner goes", () => document.getElementById("banner").hidden);

await walk(async ({ open, forgive }) => {
  forgive(/ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_NETWORK_IO_SUSPENDED/);
  const page = await open();
  await page.clock.install();
  await page.goto("/");
  await isLive(page);
  await stay(page);

  await act("kill");
  await isLost(page);
  assert.match(await page.locator("#banner").innerText(), /^The connection is lost; .* as of .*, just now\./);
  assert.equal(await page.locator("#live").innerText(), "Not live");
  assert.match(await page.locator("#news").textContent(), /connection is lost/);
  assert.equal(await page.locator("#banner").evaluate((banner) => banner.getBoundingClientRect().top < innerHeight), true);

  // Half an hour later it still says how old it is.
  await page.clock.fastForward("30:00");
  await until(page, "the age goes on", () => /30 min ago/.test(document.getElementById("banner").textContent));

  await act("stock", { pid: 42, quantity: 1 });
  await act("start");
  await page.clock.fastForward("00:20");
  await isBack(page);
  await isLive(page);
  assert.equal(await page.locator("#news").textContent().then((news) => news !== ""), true);
  await until(page, "what happened meanwhile is shown", () => /1 critical|critical 1/i.test(document.querySelector("h1").textContent + document.title) || /DS-64/.test(document.querySelector("main").textContent));

  // A laptop that slept, and a monitor that hangs: a line that nobody closed.
  await act("pause");
  await page.clock.fastForward("00:40");
  await isLost(page);
  await act("resume");
  await page.clock.fastForward("00:20");
  await isBack(page);
  await isLive(page);
  await stayed(page);

  // A page that nobody looks at keeps no line, and catches up when it is looked at.
  await page.evaluate(() => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => window.unseen === true });
    window.unseen = true;
    document.dispatchEvent(new Event("visibilitychange"));
  });
  await act("kill");
  await act("start");
  await page.evaluate(() => {
    window.unseen = false;
    document.dispatchEvent(new Event("visibilitychange"));
  });
  await isLive(page);
  assert.equal(await page.locator("#banner").isHidden(), true);
  await stayed(page);
});
