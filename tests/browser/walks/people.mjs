// People take an alert on, silence one, end both, and send again what was given up; the pages that others look at say so at once.
import assert from "node:assert/strict";
import { act, isLive, stay, stayed, until, walk } from "./harness.mjs";

await walk(async ({ open, forgive }) => {
  forgive(/status of 400 .*do\/silence/);
  const page = await open();
  const other = await open();
  await other.goto("/alerts");
  await isLive(other);
  await stay(other);

  await act("stock", { pid: 42, quantity: 1 });
  await page.goto("/alerts");
  const row = page.locator("main tr", { hasText: "DS-64" }).first();
  await row.waitFor();
  await isLive(page);
  await row.locator("summary", { hasText: "Take on" }).click();
  const ack = row.locator('form[action="/do/ack"]');
  await ack.locator("input[name=by]").fill("Ayşe");
  // What happens meanwhile takes nothing away from who is writing.
  await act("stock", { pid: 71, quantity: 0 });
  await until(page, "the other alert is there", () => /Storage Box 5 TB/.test(document.querySelector("main").textContent));
  assert.equal(await ack.locator("input[name=by]").inputValue(), "Ayşe");
  assert.equal(await row.locator("details[open]").count(), 1);
  await ack.locator("input[name=note]").fill("PO <b>4711</b>");
  await ack.getByRole("button", { name: "Take it on" }).click();
  await page.locator(".notice", { hasText: "Taken on" }).waitFor();
  assert.equal(new URL(page.url()).searchParams.has("notice"), false, "a reload does not say it again");
  assert.match(await page.locator("main tr", { hasText: "DS-64" }).first().innerText(), /Ayşe.*PO <b>4711<\/b>/s);
  await until(other, "who looks on sees it", () => /Ayşe/.test(document.querySelector("main").textContent));
  await stayed(other);

  // Sent twice is done once.
  await page.goBack();
  const again = page.locator("main tr", { hasText: "DS-64" }).first();
  await again.getByRole("button", { name: "No longer taken on" }).click();
  await page.locator(".notice", { hasText: "No longer" }).waitFor();

  const box = page.locator("main tr", { hasText: "Storage Box 5 TB" }).first();
  await box.locator("summary", { hasText: "Silence" }).click();
  const form = box.locator('form[action="/do/silence"]');
  for (const [name, value] of [["ends", "soonish"], ["by", "Jo"], ["comment", "phased out"]]) {
    await form.locator(`[name=${name}]`).fill(value);
  }
  await form.getByRole("button").last().click();
  // With a mistake it comes back, at the field to mend; nothing there is live, and nothing says that it should be.
  const wrong = page.locator('main form[action="/do/silence"] [name=ends]');
  await page.locator("main [role=alert]", { hasText: "It is not silenced yet" }).first().waitFor();
  assert.equal(await wrong.evaluate((field) => field === document.activeElement), true, "the field to mend has the focus");
  await page.locator("a.skip").focus();
  await page.keyboard.press("Enter");
  assert.equal(await wrong.inputValue(), "soonish");
  assert.equal(await page.evaluate(() => document.getElementById("live").dataset.state), undefined);
  assert.equal(await page.locator("#banner").isHidden(), true);
  await wrong.fill("2h");
  await page.locator('main form[action="/do/silence"]').getByRole("button").last().click();
  await page.locator(".notice", { hasText: "Silenced" }).waitFor();
  await until(other, "who looks on sees it", () => /phased out/.test(document.querySelector("main").textContent));

  // What nobody took is given up, and sent again once they do.
  await act("break");
  await act("stock", { pid: 72, quantity: 0 });
  await page.goto("/deliveries");
  await isLive(page);
  await until(page, "a message was given up", () => document.querySelector('main form[action="/do/replay"]'));
  await act("mend");
  await page.locator('main form[action="/do/replay"] button').first().click();
  await page.locator(".notice", { hasText: "sent again" }).waitFor();
  await isLive(page);
  await until(page, "nothing is given up any more", () => !document.querySelector('main form[action="/do/replay"]'));
});
