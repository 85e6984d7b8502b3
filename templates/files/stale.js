/* Greys the page once it has expired, where no server does it. */
(() => {
  const html = document.documentElement, until = Date.parse(html.dataset.until);
  const look = () => {
    if (html.className == "fresh" && Date.now() > until) {
      html.className = "stale";
      const title = document.querySelector("title"), icon = document.querySelector("link[rel=icon]");
      document.title = title.dataset.stale;
      icon.href = icon.dataset.stale;
    }
  };
  look();
  setInterval(look, 5000);
})();
