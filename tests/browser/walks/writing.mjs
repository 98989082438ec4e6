// What the shop does meanwhile neither doubles nor greys a form that is being written in, though what stands before it goes.
import assert from "node:assert/strict";
import { act, isLive, stay, stayed, until, walk } from "./harness.mjs";

await walk(async ({ open }) => {
  const page = await open();
  await act("stock", { pid: 42, quantity: 1 });
  await page.goto("/products/default/42");
  await isLive(page);
  await stay(page);
  await until(page, "it can be taken on", () => document.querySelector('main form[action="/do/ack"]'));
  await page.locator("main summary", { hasText: "Silence this product" }).click();
  const form = page.locator('main form[action="/do/silence"]');
  await form.locator("[name=comment]").pressSequentially("half-wri");
  await act("stock", { pid: 42, quantity: 50 });
  await until(page, "nothing is to be taken on any more", () => !document.querySelector('main form[action="/do/ack"]'));
  const comment = form.locator("[name=comment]");
  assert.equal(await form.count(), 1, "one form, and not two");
  assert.equal(await page.locator("[data-gone]").count(), 0, "and it is not marked as gone");
  await page.keyboard.type("tten");
  assert.equal(await comment.inputValue(), "half-written");
  assert.equal(await page.locator("main details[open]", { has: page.locator('form[action="/do/silence"]') }).count(), 1);

  // The same while the box before it comes back, and the keyboard is elsewhere.
  await comment.blur();
  await act("stock", { pid: 42, quantity: 0 });
  await until(page, "it can be taken on again", () => document.querySelector('main form[action="/do/ack"]'));
  assert.equal(await form.count(), 1);
  assert.equal(await comment.inputValue(), "half-written");
  await stayed(page);
});
