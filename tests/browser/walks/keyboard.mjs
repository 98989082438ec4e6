// Tab and Enter lead through the head, the search and a form; what has the focus is seen.
import assert from "node:assert/strict";
import { act, isLive, until, walk } from "./harness.mjs";

const focused = (page) =>
  page.evaluate(() => {
    const one = document.activeElement;
    const { top, bottom, width, height } = one.getBoundingClientRect();
    const style = getComputedStyle(one);
    return {
      words: (one.innerText || one.name || one.getAttribute("aria-label") || "").trim(),
      tag: one.tagName,
      name: one.name ?? "",
      seen: width > 0 && height > 0 && bottom > 0 && top < innerHeight,
      outlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
      inMain: one.closest("main") !== null,
    };
  });

/** Presses Tab until that has the focus. */
async function tab(page, what, is, most = 400) {
  for (let presses = 0; presses < most; presses += 1) {
    await page.keyboard.press("Tab");
    const at = await focused(page);
    if (at.tag === "BODY") continue;
    assert.ok(at.seen && at.outlined, `not seen: ${JSON.stringify(at)}`);
    if (is(at)) return at;
  }
  throw new Error(`Tab leads not to ${what}`);
}

await walk(async ({ open }) => {
  const page = await open();
  await page.goto("/");
  await isLive(page);
  await tab(page, "the way past the head", (at) => at.words === "Skip to the content", 1);
  await page.keyboard.press("Enter");
  await until(page, "the content has the focus", () => document.activeElement.id === "main");
  await tab(page, "the content", (at) => at.inMain, 1);

  await page.goto("/");
  await isLive(page);
  await tab(page, "the search", (at) => at.name === "q");
  await page.keyboard.type("DS-64");
  await page.keyboard.press("Enter");
  await page.waitForURL((url) => url.searchParams.get("q") === "DS-64");
  await tab(page, "the product", (at) => at.tag === "A" && at.words.startsWith("DS-64"));
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/products\/default\/42$/);
  await page.locator("h1", { hasText: "DS-64" }).waitFor();

  await act("stock", { pid: 42, quantity: 1 });
  await until(page, "its alert is open", () => document.querySelector('form[action="/do/ack"]'));
  await tab(page, "the form", (at) => at.tag === "SUMMARY" && /^Take/.test(at.words));
  await page.keyboard.press("Enter");
  await tab(page, "the name", (at) => at.name === "by", 3);
  await page.keyboard.type("Ayşe");
  await page.keyboard.press("Enter");
  await page.locator(".notice", { hasText: "Taken on" }).waitFor();
});
