// Pages stand without this: it puts times into the reader's zone, and shows what changes without a reload.
"use strict";

(() => {
  /** The reader's zone for what was written in UTC; the title keeps UTC. */
  const dated = new Intl.DateTimeFormat([], { dateStyle: "medium", timeStyle: "short" });
  const exact = new Intl.DateTimeFormat([], { dateStyle: "medium", timeStyle: "long" });

  function ago(at) {
    const seconds = Math.floor((Date.now() - at) / 1000);
    if (seconds < 45) return "just now";
    if (seconds < 3570) return `${Math.floor((seconds + 30) / 60)} min ago`;
    if (seconds < 129600) return `${Math.floor((seconds + 1800) / 3600)} h ago`;
    const days = Math.floor((seconds + 43200) / 86400);
    return `${days} day${days === 1 ? "" : "s"} ago`;
  }

  function localise(root) {
    for (const time of root.querySelectorAll("time[datetime]")) {
      const at = Date.parse(time.dateTime);
      if (Number.isNaN(at)) continue;
      const utc = time.dataset.utc ?? time.title;
      time.dataset.utc = utc;
      const words = time.classList.contains("ago") ? ago(at) : dated.format(at);
      if (time.textContent !== words) time.textContent = words;
      const title = `${exact.format(at)} (${utc})`;
      if (time.title !== title) time.title = title;
    }
  }

  /** Makes `now` what `next` is, and leaves alone what the reader is at: a form that was begun, an opened part. */
  function morph(now, next) {
    if (now.nodeType !== next.nodeType || now.nodeName !== next.nodeName || now.id !== next.id) {
      now.replaceWith(next.cloneNode(true));
      return;
    }
    if (now.nodeType === Node.TEXT_NODE) {
      if (now.data !== next.data) now.data = next.data;
      return;
    }
    if (now.nodeType !== Node.ELEMENT_NODE) return;
    if (now.nodeName === "FORM" && (now.contains(document.activeElement) || now.dataset.begun)) return;
    for (const { name, value } of [...next.attributes]) {
      if (now.getAttribute(name) !== value) now.setAttribute(name, value);
    }
    for (const { name } of [...now.attributes]) {
      if (!next.hasAttribute(name) && !(now.nodeName === "DETAILS" && name === "open")) now.removeAttribute(name);
    }
    const wanted = [...next.childNodes];
    const there = [...now.childNodes];
    wanted.forEach((child, place) => {
      if (place < there.length) morph(there[place], child);
      else now.append(child.cloneNode(true));
    });
    there.slice(wanted.length).forEach((child) => child.remove());
  }

  const live = document.getElementById("live");

  function say(state, words) {
    if (live.dataset.state === state) return;
    live.dataset.state = state;
    live.textContent = words;
  }

  let asking = false;
  let again = false;

  async function refresh() {
    if (asking) {
      again = true;
      return;
    }
    asking = true;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (answer.redirected || !answer.ok) throw new Error(String(answer.status));
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      localise(page);
      for (const id of ["sections", "main"]) {
        const [now, next] = [document.getElementById(id), page.getElementById(id)];
        if (now && next) morph(now, next);
      }
      document.title = page.title;
      heard();
    } catch {
      lost();
    } finally {
      asking = false;
      if (again) {
        again = false;
        refresh();
      }
    }
  }

  /** Nothing heard for this long: what is shown may be old. */
  const SILENCE = 25000;
  let last = Date.now();
  let since = null;

  function heard() {
    last = Date.now();
    since = null;
    say("on", "Live");
  }

  function lost() {
    since ??= last;
    say("lost", `Connection lost. As of ${exact.format(since)}.`);
  }

  function listen() {
    const source = new EventSource("/live");
    source.addEventListener("open", () => {
      heard();
      refresh();
    });
    source.addEventListener("moment", () => {
      heard();
      refresh();
    });
    source.addEventListener("beat", heard);
    source.addEventListener("error", () => {
      lost();
      // A browser gives up where it was refused; this page does not.
      if (source.readyState === EventSource.CLOSED) setTimeout(listen, 5000);
    });
  }

  document.addEventListener("input", (event) => {
    const form = event.target.closest?.("form");
    if (form) form.dataset.begun = "1";
  });
  document.addEventListener("submit", (event) => {
    // A second click on the way is no second wish.
    for (const button of event.target.querySelectorAll("button")) setTimeout(() => (button.disabled = true));
  });
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });

  localise(document);
  setInterval(() => {
    localise(document);
    if (Date.now() - last > SILENCE) lost();
  }, 10000);
  if (live && "EventSource" in window && document.getElementById("sections")) listen();
})();
