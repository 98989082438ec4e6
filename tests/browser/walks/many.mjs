// 10,000 products: paged, searched while typing, changed while it stands open. How long the page was busy is said, not judged.
import assert from "node:assert/strict";
import { act, isLive, until, walk } from "./harness.mjs";

await walk(async ({ open }) => {
  const page = await open();
  await page.addInitScript(() => {
    window.long = [];
    new PerformanceObserver((list) => window.long.push(...list.getEntries().map((task) => Math.round(task.duration)))).observe({ type: "longtask", buffered: true });
  });
  await page.goto("/");
  await isLive(page);
  assert.ok((await page.locator("main tbody tr").count()) <= 250, "one page of them");
  const began = Date.now();
  await page.getByRole("searchbox").first().click();
  await page.keyboard.type("9999", { delay: 60 });
  await until(page, "it is found", () => document.querySelectorAll("main tbody tr").length === 1);
  const found = Date.now() - began;
  await act("stock", { pid: 9999, quantity: 0 });
  await until(page, "it is out", () => document.querySelector("main tbody tr.out, main tbody tr .out"));
  await page.goto("/");
  await isLive(page);
  await page.getByRole("link", { name: /next/i }).first().click();
  await page.waitForURL((url) => url.searchParams.get("page") === "2");
  await isLive(page);
  return { found_after_ms: found, long_tasks_ms: await page.evaluate(() => window.long) };
});
