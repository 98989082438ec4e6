// Beyond a token: signing in, being led back, only looking, signing out, and a sign-in that ends while a page stands open.
import assert from "node:assert/strict";
import { act, isLive, stay, stayed, until, walk } from "./harness.mjs";

async function signIn(page, token) {
  await page.locator("input[name=password]").fill(token);
  await page.locator("input[name=password]").press("Enter");
}

await walk(async ({ open, given, forgive }) => {
  forgive(/status of 40[013]/);
  const page = await open();
  await page.goto("/alerts?severity=out");
  await page.waitForURL(/\/login/);
  await signIn(page, "not it");
  await page.locator("[role=alert]").waitFor();
  await signIn(page, given.act);
  await page.waitForURL((url) => url.pathname === "/alerts" && url.searchParams.get("severity") === "out");
  await isLive(page);

  const looker = await open();
  await looker.goto("/");
  await signIn(looker, given.look);
  await looker.waitForURL((url) => url.pathname === "/");
  await isLive(looker);
  for (const path of ["/", "/alerts", "/deliveries", "/sources", "/products/default/74"]) {
    await looker.goto(path);
    assert.equal(await looker.locator('main form[action^="/do/"]').count(), 0, path);
  }
  await page.goto("/products/default/74");
  assert.ok((await page.locator('main form[action^="/do/"]').count()) > 0);

  // The sign-in ends elsewhere: an open page says so, and does not go round in circles.
  await stay(page);
  const twin = await page.context().newPage();
  await twin.goto("/");
  await twin.getByRole("button", { name: "Sign out" }).click();
  await twin.waitForURL(/\/login/);
  await act("stock", { pid: 42, quantity: 1 });
  await until(page, "the page says that it is signed out", () => /You are signed out/.test(document.getElementById("banner").textContent));
  await stayed(page);
  let asked = 0;
  page.on("request", () => (asked += 1));
  await act("stock", { pid: 42, quantity: 3 });
  await page.waitForTimeout(1500);
  assert.ok(asked <= 1, `asked ${asked} times more`);
  await page.getByRole("link", { name: "Sign in again" }).click();
  await signIn(page, given.act);
  await page.waitForURL(/\/products\/default\/74$/);
});
