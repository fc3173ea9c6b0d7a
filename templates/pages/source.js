// Managed by massive-deploy: edits are overwritten by the next up
"use strict";
// Where the figures come from: Prometheus, which serves this page; or what it said when the page was written.
massive.source = (() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const snapshot = data.snapshot;
  const AT_ONCE = 6;
  const waiting = [];
  let running = 0;

  // A browser opens six connections to a server; more requests than that would only queue where they cannot be ended.
  function turn(work) {
    return new Promise((resolve, reject) => {
      waiting.push(() => work().then(resolve, reject));
      next();
    });
  }
  function next() {
    if (running >= AT_ONCE || !waiting.length) return;
    running += 1;
    waiting.shift()().finally(() => {
      running -= 1;
      next();
    });
  }

  async function ask(path, words) {
    const answer = await fetch(`../api/v1/${path}?${new URLSearchParams(words)}`, { signal: AbortSignal.timeout(30000) });
    const body = await answer.json();
    if (body.status !== "success") throw new Error(body.error || `HTTP ${answer.status}`);
    return body.data;
  }

  // A span of at least four scrapes, so that one that fails leaves no gap.
  function filled(promql, step) {
    return promql.replaceAll("$range", `${Math.max(4 * data.scrape, step)}s`);
  }

  const live = {
    range: (promql, window) =>
      turn(async () => {
        const words = { query: filled(promql, window.step), start: window.start, end: window.end, step: window.step };
        return (await ask("query_range", words)).result;
      }),
    instant: (promql) => turn(async () => (await ask("query", { query: filled(promql, data.scrape) })).result),
    alerts: () => turn(async () => (await ask("alerts", {})).alerts),
  };
  const kept = snapshot && {
    range: async (promql) => snapshot.ranges[filled(promql, snapshot.step)] || [],
    instant: async (promql) => snapshot.instants[promql] || [],
    alerts: async () => snapshot.alerts,
  };
  return { data, snapshot, ...(kept || live) };
})();
