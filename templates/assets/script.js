// Pages stand without this: it puts times into the reader's zone, shows what changes without a reload, and says so when it cannot.
"use strict";

(() => {
  /** Nothing heard for this long: what is shown may be old. The server beats each 10 seconds. */
  const SILENCE = 25000;
  /** An answer that takes longer is none. */
  const PATIENCE = 20000;
  /** How often a page that nobody sees is made anew, for its title. */
  const UNSEEN = 60000;
  /** How long a figure that changed is marked. */
  const MARKED = 3000;
  /** A pause in typing: what is typed till then is one wish. */
  const PAUSE = 250;

  const element = (id) => document.getElementById(id);

  // ---- Times

  /** The reader's zone for what was written in UTC; the title keeps UTC. */
  const dated = new Intl.DateTimeFormat([], { dateStyle: "medium", timeStyle: "short" });
  const exact = new Intl.DateTimeFormat([], { dateStyle: "medium", timeStyle: "long" });
  const clock = new Intl.DateTimeFormat([], { timeStyle: "short" });
  /** How far the server's clock is before this one's. */
  let ahead = 0;
  const present = () => Date.now() + ahead;

  function ago(at) {
    const seconds = Math.floor((present() - at) / 1000);
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
      time.dataset.utc ??= time.title;
      const words = time.classList.contains("ago") ? ago(at) : time.classList.contains("at") ? dated.format(at) : null;
      if (words !== null && time.textContent !== words) time.textContent = words;
      const title = `${exact.format(at)} (${time.dataset.utc})`;
      if (time.title !== title) time.title = title;
    }
  }

  // ---- Making the page what the server says now

  /** Whether somebody wrote or chose something in this form that the server does not know. */
  function isBegun(form) {
    return [...form.elements].some((field) => {
      if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
      if (field.options) {
        const first = Math.max([...field.options].findIndex((option) => option.defaultSelected), 0);
        return field.selectedIndex >= 0 && field.selectedIndex !== first;
      }
      return field.type !== "hidden" && field.defaultValue !== undefined && field.value !== field.defaultValue;
    });
  }

  /** Whether a reader is at this form. What a filter says stands in the address, too. */
  const isInUse = (form) => form.contains(document.activeElement) || (!form.matches("[data-auto]") && isBegun(form));

  function mark(text) {
    const figure = text.parentElement?.closest(".num, .level, .tile b, .badge, [data-figure]");
    // A row without a name may be another's place now: what it said before says nothing.
    if (!figure || text.parentElement.closest("time, tr:not([id])")) return;
    figure.dataset.changed = "";
    setTimeout(() => delete figure.dataset.changed, MARKED);
  }

  /** What only this page knows of an element, and the server does not. */
  const OWN = ["data-changed", "data-gone", "data-utc"];

  class Morph {
    constructor(now, next, marks) {
      const named = (root) => [...root.querySelectorAll("[id]")].map((one) => [one.id, one]);
      this.kept = new Map(named(now));
      this.wanted = new Map(named(next));
      this.marks = marks;
    }

    /** The element of that name, wherever it stood; so a row that moves keeps what is open and written in it. */
    same(child) {
      const kept = child.id ? this.kept.get(child.id) : undefined;
      return kept?.nodeName === child.nodeName ? kept : undefined;
    }

    isWanted(node) {
      const wanted = node.id ? this.wanted.get(node.id) : undefined;
      return wanted?.nodeName === node.nodeName;
    }

    holdsUse(node) {
      if (node.nodeType !== Node.ELEMENT_NODE) return false;
      if (node.dataset.keep !== undefined) return true;
      const forms = node.matches("form") ? [node] : [...node.querySelectorAll("form")];
      return forms.some((form) => isBegun(form) && !this.isMoving(form, node));
    }

    /** Whether the new page has it, or what is around it within the node, in another place: it goes there as it is. */
    isMoving(form, node) {
      for (let one = form; node.contains(one); one = one.parentElement) if (this.isWanted(one)) return true;
      return false;
    }

    /** Takes a node out, unless somebody is writing in it: then it stays, and is marked. */
    drop(node) {
      if (!this.holdsUse(node)) node.remove();
      else if (node.dataset.keep === undefined) node.dataset.gone = "";
    }

    node(now, next) {
      if (now.nodeType === Node.TEXT_NODE) {
        if (now.data === next.data) return;
        const isFigure = this.marks && /\d/.test(now.data + next.data);
        now.data = next.data;
        if (isFigure) mark(now);
        return;
      }
      if (now.nodeType !== Node.ELEMENT_NODE) return;
      if (now.nodeName === "FORM" && isInUse(now)) {
        // Its key may be too old by the time that it is sent; what its writer saw stays what they saw.
        for (const field of next.querySelectorAll('input[type="hidden"]:not([name="held"], [name="open"])')) {
          const same = now.querySelector(`input[type="hidden"][name="${CSS.escape(field.name)}"]`);
          if (same) same.value = field.value;
        }
        return;
      }
      this.attributes(now, next);
      this.children(now, next);
    }

    attributes(now, next) {
      const isOwn = (name) => OWN.includes(name) || (name === "open" && now.nodeName === "DETAILS");
      for (const { name, value } of next.attributes) {
        if (!isOwn(name) && now.getAttribute(name) !== value) now.setAttribute(name, value);
      }
      for (const { name } of [...now.attributes]) {
        if (!isOwn(name) && !next.hasAttribute(name)) now.removeAttribute(name);
      }
      if (now.dataset.gone !== undefined) delete now.dataset.gone;
    }

    /** First each child gets its place, then its content: what an element brings along from elsewhere is there by then. */
    children(now, next) {
      const pairs = [];
      let at = now.firstChild;
      for (const child of next.childNodes) {
        while (at?.id && !this.isWanted(at)) {
          const gone = at;
          at = at.nextSibling;
          this.drop(gone);
        }
        let match = this.same(child);
        if (!match && !child.id) {
          // What is not to be found again further on makes room for what stands behind it.
          while (at && !at.id && !isAlike(at, child) && !comesLater(at, child)) {
            const gone = at;
            at = at.nextSibling;
            this.drop(gone);
          }
          if (at && isAlike(at, child)) match = at;
        }
        if (match && match === at) at = at.nextSibling;
        else if (match && !match.contains(now)) move(now, match, at);
        else match = now.insertBefore(document.importNode(child, false), at);
        pairs.push([match, child]);
      }
      while (at) {
        const gone = at;
        at = at.nextSibling;
        if (!this.isWanted(gone)) this.drop(gone);
      }
      for (const [match, child] of pairs) this.node(match, child);
    }
  }

  /** Whether two nodes without names are the same part of the page: the same kind of element in its first class. */
  const isAlike = (one, other) =>
    one.nodeName === other.nodeName && !one.id && !other.id && one.classList?.[0] === other.classList?.[0];

  function comesLater(node, child) {
    if (node.nodeType === Node.TEXT_NODE) return false;
    for (let later = child.nextSibling; later; later = later.nextSibling) if (isAlike(node, later)) return true;
    return false;
  }

  function move(parent, node, before) {
    // Where a browser can, an element keeps its focus and its scrolling on the way.
    if (parent.moveBefore && node.isConnected) {
      parent.moveBefore(node, before);
      return;
    }
    const focused = node.contains(document.activeElement) ? document.activeElement : null;
    parent.insertBefore(node, before);
    focused?.focus({ preventScroll: true });
  }

  // ---- What the reader is told of the page itself

  const live = element("live");
  const banner = element("banner");
  const news = element("news");
  /** "on", "lost" or "out" (of the sign-in). */
  let state = "";
  /** When the server made what is shown. */
  let shown = present();

  /** Says it to who does not see it. */
  function announce(words) {
    if (news.textContent !== words) news.textContent = words;
  }

  function become(next, sign, words, link) {
    if (state === next) return;
    state = next;
    live.dataset.state = next;
    live.textContent = sign;
    if (!words) {
      if (!banner.hidden) announce("Connected again.");
      banner.hidden = true;
      return;
    }
    const since = document.createElement("time");
    since.className = "ago";
    since.dateTime = new Date(shown).toISOString();
    since.textContent = ago(shown);
    const line = document.createElement("p");
    line.append(`${words} What is shown is as of ${clock.format(shown)}, `, since, ". ", link ?? "");
    banner.replaceChildren(line);
    banner.hidden = false;
    announce(words);
  }

  function lost(words = "The connection is lost; this page looks again by itself.") {
    become("lost", "Not live", words);
  }

  function signedOut() {
    const link = document.createElement("a");
    link.href = `/login?to=${encodeURIComponent(location.pathname + location.search)}`;
    link.textContent = "Sign in again";
    hush();
    become("out", "Signed out", "You are signed out.", link);
  }

  /** When the server made that page; its clock is the one that counts. */
  function made(page, arrived) {
    const at = Date.parse(page.querySelector("#foot time")?.dateTime);
    if (Number.isNaN(at)) return;
    shown = at;
    ahead = Math.abs(at - arrived) > 5000 ? at - arrived : 0;
  }

  /** What a page says in its shortest form. */
  const gist = () => (document.querySelector("main [data-said]") ?? document.querySelector("h1"))?.textContent.trim();

  function show(page, { marks, anew }) {
    const before = gist();
    const focused = document.activeElement;
    localise(page);
    for (const id of ["sections", "main", "foot"]) {
      const [now, next] = [element(id), page.getElementById(id)];
      if (!now || !next) continue;
      new Morph(now, next, marks).node(now, next);
    }
    if (anew) for (const form of document.querySelectorAll("form[data-auto]")) sync(form, page);
    document.title = page.title;
    // What the keyboard was at is gone: it goes on from the content, not from the window's top.
    if (focused !== document.body && !focused?.isConnected) element("main").focus({ preventScroll: true });
    const after = gist();
    if (after && after !== before) announce(after);
  }

  /** Makes the fields of a filter say what the address says. */
  function sync(form, page) {
    for (const field of page.querySelectorAll("form[data-auto] :is(input, select)[name]")) {
      const same = form.elements.namedItem(field.name);
      if (same && "value" in same && same.type !== "hidden") same.value = field.value;
    }
  }

  // ---- Asking the server

  /** What came of a form is no page to ask for once more: a reader may be writing in it, and nothing else is there. */
  const isAnswer = location.pathname.startsWith("/do/");
  let asking = false;
  let again = null;

  /** Fetches this very page once more and shows it. `marks`: what differs is news, not another question's answer. */
  async function look(wish = { marks: true, anew: false }) {
    if (isAnswer) return;
    if (asking) {
      again = wish;
      return;
    }
    asking = true;
    const address = location.href;
    try {
      const answer = await fetch(address.split("#")[0], {
        headers: { Accept: "text/html" },
        redirect: "manual",
        cache: "no-store",
        signal: AbortSignal.timeout(PATIENCE),
      });
      const arrived = Date.now();
      if (answer.type === "opaqueredirect" || answer.status === 401) signedOut();
      else if (answer.status === 404) lost("This page is no longer there.");
      else if (!answer.ok && !wish.marks) location.reload();
      else if (!answer.ok) lost(`The monitor does not answer as it should (${answer.status}); this page looks again by itself.`);
      else {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        // Meanwhile the reader asked for something else: that is fetched next.
        if (address === location.href) {
          made(page, arrived);
          show(page, wish);
        }
        heard();
        if (state !== "on") become("on", "Live");
      }
    } catch {
      lost();
    } finally {
      asking = false;
      const next = again ?? (address === location.href ? null : { marks: false, anew: false });
      again = null;
      if (next) look(next);
    }
  }

  // ---- Being told by the server

  let source = null;
  let retry = 0;
  let failures = 0;
  let last = Date.now();

  const heard = () => (last = Date.now());

  function hush() {
    source?.close();
    source = null;
    clearTimeout(retry);
  }

  function listen() {
    hush();
    // A browser keeps few connections to one server for all its tabs: those that nobody sees go without.
    if (document.hidden) return;
    const own = new EventSource("/live");
    source = own;
    own.addEventListener("open", () => {
      failures = 0;
      look();
    });
    own.addEventListener("moment", () => look());
    own.addEventListener("beat", () => (state === "lost" ? look() : heard()));
    own.addEventListener("error", () => {
      if (source !== own) return;
      hush();
      // Streams end now and then, and a server may have no place for one: whether that is a loss, the page itself says.
      const wait = Math.min(1000 * 2 ** failures, 15000) * (0.6 + 0.4 * Math.random());
      failures += 1;
      look().then(() => {
        if (state !== "out") retry = setTimeout(listen, wait);
      });
    });
  }

  function wake() {
    failures = 0;
    if (state === "out") state = "";
    listen();
  }

  function beat() {
    localise(document);
    if (document.hidden) {
      if (Date.now() - last > UNSEEN && state !== "out") look();
    } else if (Date.now() - last > SILENCE && state !== "out") {
      // Asleep for a while, or a line that nobody closed.
      lost("Nothing was heard for a while; this page looks again by itself.");
      heard();
      look();
      listen();
    }
  }

  // ---- Forms

  let typing = 0;
  let typed = 0;

  /** Puts what a filter says into the address and shows it; one burst of typing is one step back. */
  function filter(form) {
    clearTimeout(typing);
    const address = new URL(form.action);
    address.search = new URLSearchParams([...new FormData(form)].filter(([, value]) => value !== ""));
    if (address.href === location.href) return;
    if (Date.now() - typed < 2000) history.replaceState(null, "", address);
    else history.pushState(null, "", address);
    typed = Date.now();
    look({ marks: false, anew: false });
  }

  document.addEventListener("input", (event) => {
    const form = event.target.form;
    if (!form?.matches("form[data-auto]")) return;
    clearTimeout(typing);
    typing = setTimeout(() => filter(form), event.target.matches("input:not([type=checkbox], [type=radio])") ? PAUSE : 0);
  });
  document.addEventListener("submit", (event) => {
    if (event.target.matches("form[data-auto]")) {
      event.preventDefault();
      filter(event.target);
      return;
    }
    // A second click on the way is no second wish.
    for (const button of event.target.querySelectorAll("button")) setTimeout(() => (button.disabled = true));
  });
  window.addEventListener("popstate", () => look({ marks: false, anew: true }));

  // ---- From here on

  // The pictures are drawn by the server, in the zone that it is told here.
  const zone = dated.resolvedOptions().timeZone;
  if (/^[\w+/-]+$/.test(zone ?? "")) document.cookie = `zone=${zone}; path=/; max-age=31536000; samesite=lax`;

  // What came of a form is said once, not again at each reload.
  const own = new URL(location.href);
  if (own.searchParams.has("notice")) {
    own.searchParams.delete("notice");
    history.replaceState(history.state, "", own);
  }
  const arrived = performance.getEntriesByType("navigation")[0]?.responseEnd ?? performance.now();
  made(document, performance.timeOrigin + arrived);
  localise(document);
  if (!live || isAnswer || !("EventSource" in window)) return;

  setInterval(beat, 5000);
  document.addEventListener("visibilitychange", () => (document.hidden ? hush() : wake()));
  window.addEventListener("online", wake);
  window.addEventListener("offline", () => look());
  window.addEventListener("pagehide", hush);
  window.addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    for (const button of document.querySelectorAll("form button:disabled")) button.disabled = false;
    wake();
  });
  listen();
})();
