// Stock changes in the shop appear on a page that stands open, without a reload; what the reader does there is left alone.
import assert from "node:assert/strict";
import { act, isLive, stay, stayed, until, violations, walk } from "./harness.mjs";

await walk(async ({ open }) => {
  const page = await open({ timezoneId: "Asia/Kolkata" });
  await page.goto("/");
  await isLive(page);
  await stay(page);
  await page.evaluate(() => {
    window.marked = [];
    new MutationObserver((changes) => {
      for (const { target } of changes) if (target.dataset.changed !== undefined) window.marked.push(target);
    }).observe(document.body, { attributes: true, attributeFilter: ["data-changed"], subtree: true });
  });
  const title = await page.title();
  await act("stock", { pid: 42, quantity: 0 });
  await until(page, "DS-64 is out", () =>
    [...document.querySelectorAll("main tr, main li, main article")].some((row) => /\bDS-64\b(?! \S*[^\x00-\x7f])/.test(row.textContent) && row.querySelector(".level, [data-figure]")?.textContent.trim() === "0"),
  );
  await until(page, "the window's title says so", (before) => document.title !== before, title);
  await until(page, "a changed figure is marked", () => window.marked.length > 0);
  await until(page, "and the mark goes", () => !document.querySelector("[data-changed]"));
  // Marked once more, for as long as it takes to look at them.
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    const marked = await page.evaluate(() => window.marked.filter((one) => one.isConnected && (one.dataset.changed = "") === "").length);
    assert.ok(marked > 0, "no figure that was marked is there any more");
    assert.deepEqual(await violations(page), [], `with marks, ${colorScheme}`);
  }
  await page.evaluate(() => window.marked.forEach((one) => delete one.dataset.changed));
  await until(page, "a screen reader hears the verdict", () => document.getElementById("news").textContent === document.querySelector("h1").textContent.trim());
  await act("stock", { pid: 42, quantity: 20 });
  await until(page, "it is back", (before) => document.title === before, title);
  await stayed(page);

  // Times are the reader's, with UTC on hover.
  const time = page.locator("#foot time");
  const [shown, hover, machine] = await time.evaluate((one) => [one.textContent, one.title, one.dateTime]);
  const local = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short", timeZone: "Asia/Kolkata" });
  assert.equal(shown, local.format(new Date(machine)));
  assert.match(hover, /\(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\)$/);

  // So are those of a product's picture, which names the zone: on its axis, and in the sentence below it.
  await page.goto("/products/default/42");
  await until(page, "the picture is drawn in the reader's zone", () => document.querySelector("svg.past.wide .zone")?.textContent === "IST");
  assert.match(await page.locator("figcaption").first().innerText(), /\(Asia\/(Kolkata|Calcutta)\)/);
});
