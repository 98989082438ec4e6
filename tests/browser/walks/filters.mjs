// Filters stand in the address: they survive a reload, going back and forth, and a browser without scripts.
import assert from "node:assert/strict";
import { act, isLive, stay, stayed, until, walk } from "./harness.mjs";

const rows = (page) => page.locator("main tbody tr").count();

await walk(async ({ open }) => {
  const page = await open();
  await page.goto("/");
  await isLive(page);
  await stay(page);
  const all = await rows(page);

  const search = page.getByRole("searchbox").first();
  await search.click();
  await page.keyboard.type("storage", { delay: 30 });
  await until(page, "the address says what is sought", () => new URL(location.href).searchParams.get("q") === "storage");
  await until(page, "only that is listed", (all) => document.querySelectorAll("main tbody tr").length < all, all);
  assert.equal(await search.evaluate((field) => field === document.activeElement), true, "the focus stays while typing");
  await stayed(page);
  const found = await rows(page);
  assert.ok(found > 0);

  // What changes in the shop meanwhile appears, and leaves alone what is being typed.
  await page.keyboard.type(" b");
  await act("stock", { pid: 70, quantity: 0 });
  await until(page, "the change is shown beside", () => /Storage Box 1 TB/.test(document.querySelector("main").textContent) && [...document.querySelectorAll("main tbody tr.out, main tbody tr .out")].length > 0);
  assert.equal(await search.inputValue(), "storage b");
  await until(page, "the address says all of it", () => new URL(location.href).searchParams.get("q") === "storage b");
  await stayed(page);

  await page.reload();
  assert.equal(await page.getByRole("searchbox").first().inputValue(), "storage b");
  await isLive(page);

  await page.locator("main .tile").first().click();
  await page.waitForURL((url) => url.searchParams.has("show"));
  await page.goBack();
  await page.waitForURL((url) => !url.searchParams.has("show"));
  assert.equal(await page.getByRole("searchbox").first().inputValue(), "storage b");

  const plain = await open({ javaScriptEnabled: false });
  await plain.goto("/");
  await plain.getByRole("searchbox").first().fill("storage");
  await plain.getByRole("searchbox").first().press("Enter");
  await plain.waitForURL((url) => url.searchParams.get("q") === "storage");
  assert.equal(await rows(plain), found);
});
