// Every page at three widths, light and dark: axe-core finds nothing, nothing scrolls sideways, no name does anything. With a
// folder for pictures each is photographed.
import assert from "node:assert/strict";
import { join } from "node:path";
import { isLive, violations, walk } from "./harness.mjs";

const WIDTHS = [360, 800, 1400];
/** A desk whose picture is small enough to stand in the documents. */
const PICTURED = [360, 800, 1200];

/** What of an address is the kind of page, and not the thing that it shows. */
const kind = (path) => path.replace(/\/(products|deliveries)\/.*/, (whole) => whole.split("/").map((part, place) => (place > 1 ? "*" : part)).join("/"));

/** The pages that links lead to from the first one on: one of each kind and one of its filters; a few products, for they differ. */
async function pages(page) {
  const found = new Map([["/", 1]]);
  const kinds = new Map();
  const todo = ["/"];
  while (todo.length > 0) {
    await page.goto(todo.shift());
    const links = await page.locator("a[href]").evaluateAll((all) => all.map((link) => new URL(link.href)).filter((url) => url.origin === location.origin).map((url) => url.pathname + url.search));
    for (const link of links) {
      const [path, query] = link.split("?");
      if (/^\/(metrics|api|assets)/.test(path)) continue;
      const key = `${kind(path)}${query ? "?" : ""}`;
      const most = kind(path).startsWith("/products/*/*") && !query ? 3 : 1;
      if (found.has(link) || (kinds.get(key) ?? 0) >= most) continue;
      kinds.set(key, (kinds.get(key) ?? 0) + 1);
      found.set(link, 1);
      todo.push(link);
    }
  }
  return [...found.keys(), "/nothing-is-here"];
}

await walk(async ({ open, given, forgive }) => {
  forgive(/status of 404 .*nothing-is-here/);
  const first = await open();
  const all = given.pictures
    ? ["/", "/products/default/42", "/products/default/43", "/alerts", "/deliveries", "/sources", "/pools"]
    : await pages(first);
  const wrong = [];
  for (const width of given.pictures ? PICTURED : WIDTHS) {
    for (const colorScheme of ["light", "dark"]) {
      const page = await open({ viewport: { width, height: width < 500 ? 740 : 860 }, colorScheme, timezoneId: "Europe/Berlin" });
      for (const path of all) {
        await page.goto(path);
        if (await page.locator("#live").count()) await isLive(page);
        const here = `${path} at ${width}, ${colorScheme}`;
        const [is, fits] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
        if (is > fits) {
          const wide = await page.evaluate(() => [...document.querySelectorAll("main *")].filter((one) => one.getBoundingClientRect().right > innerWidth + 1 && !one.closest(".scroll")).slice(0, 3).map((one) => one.outerHTML.slice(0, 160)));
          wrong.push(`${here}: ${is} > ${fits} pixels wide: ${wide.join(" … ")}`);
        }
        if (await page.locator("h1").count() !== 1) wrong.push(`${here}: not one h1`);
        // Hidden parts are looked at, too.
        await page.locator("details").evaluateAll((parts) => parts.slice(0, 4).forEach((part) => (part.open = true)));
        if (!given.pictures) for (const found of await violations(page)) wrong.push(`${here}: ${found}`);
        if (given.pictures) {
          await page.locator("details").evaluateAll((parts) => parts.forEach((part) => (part.open = false)));
          const name = `${path.split("/").filter(Boolean).join("-") || "overview"}-${width}-${colorScheme}.png`;
          await page.screenshot({ path: join(given.pictures, name) });
        }
      }
      await page.context().close();
    }
  }
  assert.deepEqual([...new Set(wrong)], []);
  return { pages: all.length };
});
