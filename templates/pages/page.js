// Managed by massive-deploy: edits are overwritten by the next up
"use strict";
// Puts the page together, and keeps it up to date.
(() => {
  const { source, view } = massive;
  const notice = document.getElementById("notice");
  const asked = document.getElementById("asked");
  const cards = Object.entries(source.data.panels).map(([name, panel]) => massive.chart.create(document.getElementById(name), panel));
  let timer = 0;
  let round = 0;

  function say(words) {
    notice.hidden = !words;
    notice.textContent = words;
  }

  async function draw(card, window, releases) {
    const answers = await Promise.all(card.panel.queries.map((query) => source.range(query.promql, window)));
    return () => card.show(massive.series.lines(card.panel, answers, window, view.host()), window, releases);
  }

  async function refresh() {
    clearTimeout(timer);
    const own = ++round;
    const window = view.window();
    try {
      const [alerts, releases] = await Promise.all([source.alerts(), massive.releases.read(window)]);
      if (own !== round) return;
      massive.alerts.show(alerts);
      massive.releases.list(releases);
      const left = await Promise.allSettled([
        massive.picture.refresh(alerts),
        ...cards.map(async (card) => {
          const put = await draw(card, window, releases);
          if (own === round) put();
        }),
      ]);
      if (own !== round) return;
      const failed = left.find((one) => one.status === "rejected");
      if (failed) throw failed.reason;
      say(source.snapshot?.notice || "");
      asked.textContent = source.snapshot ? `As of ${new Date(source.snapshot.at * 1000).toLocaleString()}.` : `As of ${new Date().toLocaleTimeString()}.`;
    } catch (error) {
      if (own === round) say(`Prometheus does not answer (${error.message}): what is shown may be old.`);
    }
    document.documentElement.dataset.drawn = String(own);
    again();
  }

  function again() {
    clearTimeout(timer);
    const seconds = view.seconds();
    // Nobody looks at a hidden page; it is drawn anew when it is shown.
    if (seconds && !document.hidden) timer = setTimeout(refresh, seconds * 1000);
  }

  document.querySelector("nav [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
  view.start((what = {}) => {
    if (what.colours) for (const card of cards) card.recolour();
    else refresh();
  });
  document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : view.seconds() && refresh()));
  refresh();
})();
