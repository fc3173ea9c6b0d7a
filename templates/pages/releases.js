// Managed by massive-deploy: edits are overwritten by the next up
"use strict";
// When releases went live, from what each app host tells: hosts that follow each other with one release are one event.
massive.releases = (() => {
  function events(result, window) {
    const found = new Map();
    for (const { metric, values } of result) {
      for (const [, value] of values) {
        const at = Number(value);
        const name = metric.ref && metric.ref !== "HEAD" ? metric.ref : metric.release;
        if (at >= window.start && at <= window.end) found.set(`${metric.host} ${at}`, { at, host: metric.host, name, ...metric });
      }
    }
    const merged = [];
    for (const one of [...found.values()].sort((a, b) => a.at - b.at)) {
      const last = merged.at(-1);
      if (last && last.release === one.release && !last.hosts.includes(one.host)) {
        last.hosts.push(one.host);
        last.until = one.at;
      } else {
        merged.push({ at: one.at, until: one.at, release: one.release, name: one.name, hosts: [one.host] });
      }
    }
    return merged;
  }

  async function read(window) {
    return events(await massive.source.range(massive.source.data.queries.releases, window), window);
  }

  function list(events_) {
    const section = document.getElementById("releases");
    if (!section) return;
    section.hidden = !events_.length;
    section.querySelector("ul").replaceChildren(
      ...events_.toReversed().map((one) => {
        const line = document.createElement("li");
        const name = one.name === one.release ? one.release : `${one.name} (${one.release})`;
        line.textContent = `${new Date(one.at * 1000).toLocaleString()}: ${name} on ${one.hosts.join(", ")}`;
        return line;
      }),
    );
  }

  return { events, read, list };
})();
