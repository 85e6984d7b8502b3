/* Tells the reader's own time beside UTC. Nothing rests on it. */
(() => {
  const show = (d, more) => d.toLocaleString(document.documentElement.lang, { ...more, hour: "2-digit", minute: "2-digit", timeZoneName: "short", hourCycle: "h23" });
  for (const t of document.querySelectorAll("time[datetime*=T]")) {
    const d = new Date(t.dateTime);
    if (d.getTimezoneOffset()) {
      t.title = show(d, { day: "numeric", month: "short" });
      if (t.className) t.append(" (" + show(d) + ")");
    }
  }
})();
