// Keeps the page live: the server tells when something changed, the page is fetched, and
// the parts that differ are put in. Without it everything works by links and forms.
(() => {
  const $ = (q, n = document) => n.querySelector(q), all = (q, n = document) => [...n.querySelectorAll(q)];
  const main = $("main"), live = $("#live"), is = main.dataset, now = Date.now, on = (e, f) => addEventListener(e, f);
  const byID = (id, n = document) => id && $("#" + CSS.escape(id), n), focused = () => document.activeElement;
  let skew = Date.parse(is.now) - now(), lost = 0, busy, source, raw, pressed;

  const groups = ".columns, .left, .aside";
  const parts = (n) => [...n.children].flatMap((c) => (c.matches(groups) ? parts(c) : [c]));
  const plain = (n) => { n = n.cloneNode(true); all("[data-t]", n).forEach((t) => (t.textContent = "")); return n.outerHTML; };
  const index = (n) => new Map(parts(n).map((p) => [p.id, plain(p)]));

  const short = (ms) => {
    const s = Math.max(0, (ms / 1e3) | 0), m = (s / 60) | 0, h = (m / 60) | 0;
    return s < 60 ? s + " s" : s < 120 ? `1 min ${s - 60} s` : m < 60 ? m + " min" : h < 48 ? `${h} h ${m % 60} min` : `${(h / 24) | 0} d ${h % 24} h`;
  };
  const clock = (t) => new Date(t).toISOString().slice(11, 16) + " UTC. ";
  const tell = (text, off = false) => { live.firstChild.data = text; live.classList.toggle("off", off); };
  const fine = () => tell("Live. " + (is.judged && "Judged up to " + clock(is.judged)));
  const tick = () => {
    for (const t of all("[data-t]", main)) {
      const d = Date.parse(t.dateTime) - now() - skew, text = t.dataset.t === "for" ? short(-d) : d < 0 ? short(-d) + " late" : "in " + short(d);
      if (t.textContent !== text) t.textContent = text;
    }
    if (lost) tell("Not live since " + clock(lost + skew), true);
  };
  const fail = () => { lost ||= now(); tick(); };

  const typing = (n) => n?.matches?.("input, textarea, select");
  const held = (f) => f.matches("[data-keep], :has(input:focus, textarea:focus, select:focus)");
  // put replaces a part and keeps what is the reader's: what is open, what was typed, the focus.
  const put = (old, next) => {
    for (const d of all("details[id]", old)) { const n = byID(d.id, next); if (n) n.open = d.open; }
    const f = focused(), had = old.contains(f), href = had && f.getAttribute("href"), { selectionStart: a, selectionEnd: b } = f;
    for (const x of all("form[id]", old).filter(held)) { const n = byID(x.id, next); n ? n.replaceWith(x) : next.append(x); }
    old.replaceWith(next);
    if (!had) return;
    (f.isConnected ? f : byID(f.id, next) || (href && $(`a[href="${CSS.escape(href)}"]`, next)) || main).focus({ preventScroll: true });
    if (a != null) f.setSelectionRange(a, b);
  };
  const merge = (old, next, fresh) => {
    let at = old.firstElementChild;
    const kept = new Set();
    for (const n of [...next.children]) {
      let o = byID(n.id, old);
      if (o?.matches(groups)) merge(o, n, fresh);
      else if (o && raw.get(n.id) !== fresh.get(n.id)) { if (o === at) at = n; put(o, n); o = n; }
      o ||= n;
      if (o !== at) old.insertBefore(o, at);
      at = o.nextElementSibling;
      kept.add(o);
    }
    for (const c of [...old.children]) if (!kept.has(c) && !all("form", c).some(held)) c.remove();
  };
  const ready = () => { all("[data-copy]").forEach((b) => (b.hidden = !navigator.clipboard)); tick(); };
  const place = (p) => p.getBoundingClientRect();
  const swap = (doc) => {
    const next = $("main", doc), top = parts(main).find((p) => place(p).bottom > 0), y = top && place(top).top;
    if (next.dataset.build !== is.build && !all("form").some(held)) return location.reload();
    const fresh = index(next);
    merge(main, next, fresh);
    raw = fresh;
    Object.assign(is, next.dataset);
    skew = Date.parse(is.now) - now();
    document.title = doc.title;
    $("#icon").href = $("#icon", doc).href;
    const same = byID(top?.id);
    if (same && scrollY) scrollBy(0, place(same).top - y);
    ready();
  };

  // What is under a finger does not move away from it.
  for (const e of ["down", "up", "cancel"]) on("pointer" + e, () => setTimeout(() => (pressed = e === "down")));

  const load = async () => {
    if (busy || pressed || (!getSelection().isCollapsed && !typing(focused()))) return void setTimeout(load, 1e3);
    busy = true;
    try {
      const r = await fetch(is.page);
      if (r.status === 401) { source.close(); lost = 0; return tell("You are signed out. ", true); }
      if (!r.ok) throw r;
      swap(new DOMParser().parseFromString(await r.text(), "text/html"));
      lost = 0;
      fine();
    } catch { fail(); setTimeout(load, 5e3); } finally { busy = false; }
  };
  const open = () => {
    source?.close();
    source = new EventSource("/live");
    source.addEventListener("state", (e) => {
      const s = JSON.parse(e.data);
      lost || s.seq !== is.seq || s.judged !== is.judged ? load() : fine();
    });
    source.onerror = () => {
      fail();
      if (source.readyState === 2) setTimeout(() => document.hidden || open(), 5e3);
    };
  };
  on("visibilitychange", () => (document.hidden ? source.close() : open()));

  on("input", (e) => e.target.form && (e.target.form.dataset.keep = ""));
  on("submit", (e) => e.target.method === "post" && setTimeout(() => all("button", e.target).forEach((b) => (b.disabled = true))));
  on("click", async (e) => {
    const b = e.target.closest("[data-copy]");
    if (!b) return;
    await navigator.clipboard.writeText($("code", b.parentNode).textContent);
    b.textContent = "Copied";
    setTimeout(() => (b.textContent = "Copy"), 2e3);
  });

  const show = (n) => { for (; n; n = n.parentElement) if (n.matches("details")) n.open = true; };
  const say = () => { const f = byID("do-say"); if (f) { show(f); $("textarea", f).focus(); } return f; };
  const cards = () => all("[data-incident]"), here = () => focused().closest("[data-incident]") || (cards().length === 1 && cards()[0]);
  const step = (by) => {
    const list = cards(), to = list[list.indexOf(here()) + by];
    to && $("a, button", to).focus();
  };
  const keys = {
    j: () => step(1), k: () => step(-1), "?": () => $("#keys").showModal(),
    a: () => here() && $("form[data-ack]", here())?.requestSubmit(),
    s: () => say() || (here() && (location = $("h2 a", here()).href + "#do-say")),
  };
  on("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.repeat || typing(e.target) || $("dialog[open]") || !keys[e.key]) return;
    e.preventDefault();
    keys[e.key]();
  });
  const land = () => (location.hash === "#do-say" ? say() : show(byID(location.hash.slice(1))));
  on("hashchange", land);
  if (/[?&]did=/.test(location.search)) history.replaceState(null, "", is.page + location.hash);
  raw = index(main); ready(); on("load", land); open(); setInterval(tick, 1e3);
})();
