// Managed by massive-deploy: edits are overwritten by the next up
"use strict";
// The picture of the stack, each host and service in the colour of its state.
massive.picture = (() => {
  const { data, snapshot, instant } = massive.source;
  const MARKS = { good: "✓", warning: "!", critical: "✕", unknown: "?" };
  const WORDS = { good: "runs", warning: "worth a look", critical: "does not run", unknown: "not known" };
  const ORDER = ["good", "unknown", "warning", "critical"];

  function worst(states) {
    return ORDER[Math.max(0, ...states.map((one) => ORDER.indexOf(one)))];
  }

  // What Prometheus reads of a service, and whether its units are active.
  function service(one, up, active) {
    const seen = one.scraped ? [up.get(`${one.host} ${one.role}`)] : [];
    // A unit that systemd has forgotten has no figure at all: it does not run, if the host tells of others.
    const told = up.get(`${one.host} node_exporter`) === 1;
    for (const unit of one.units) seen.push(active.get(`${one.host} ${unit}`) ?? (told ? 0 : undefined));
    if (seen.some((value) => value === 0)) return "critical";
    return seen.some((value) => value === undefined) ? "unknown" : "good";
  }

  function firing(alerts, host) {
    const own = alerts.filter((one) => one.state === "firing" && one.labels.host === host && one.labels.severity !== "none");
    return own.map((one) => (one.labels.severity === "critical" ? "critical" : "warning"));
  }

  function states(up, active, alerts) {
    const found = {};
    const read = new Map(up.map(({ metric, value }) => [`${metric.host} ${metric.role}`, Number(value[1])]));
    const units = new Map(active.map(({ metric, value }) => [`${metric.host} ${metric.name}`, Number(value[1])]));
    for (const one of data.services) found[`${one.host} ${one.role}`] = service(one, read, units);
    for (const host of data.hosts) {
      const own = data.services.filter((one) => one.host === host).map((one) => found[`${host} ${one.role}`]);
      // One that is unknown among others that are well is a gap in the figures, no fault.
      const known = own.filter((one) => one !== "unknown");
      found[host] = worst([...(known.length ? known : ["unknown"]), ...firing(alerts, host)]);
    }
    return found;
  }

  function paint(found) {
    for (const node of document.querySelectorAll(".picture .node")) {
      const host = node.dataset.host;
      node.dataset.state = found[host] || "unknown";
      node.querySelector(".mark").textContent = MARKS[node.dataset.state];
      node.setAttribute("aria-label", `${host}: ${WORDS[node.dataset.state]}`);
      for (const dot of node.querySelectorAll(".dot")) {
        dot.dataset.state = found[`${host} ${dot.dataset.role}`] || "unknown";
        dot.querySelector("title").textContent = `${dot.dataset.role}: ${WORDS[dot.dataset.state]}`;
      }
    }
  }

  async function refresh(alerts) {
    if (!document.querySelector(".picture")) return;
    if (snapshot && Object.keys(snapshot.states).length) {
      paint(snapshot.states);
      return;
    }
    const [up, active] = await Promise.all([instant(data.queries.up), instant(data.queries.units)]);
    paint(states(up, active, alerts));
  }

  return { refresh, states };
})();
