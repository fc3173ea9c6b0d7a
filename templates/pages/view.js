// Managed by massive-deploy: edits are overwritten by the next up
"use strict";
// What is looked at: the span of time, one host or all, how often. It is in the address, so that a link shows the same.
massive.view = (() => {
  const { data, snapshot } = massive.source;
  const RANGES = { "15m": 900, "1h": 3600, "3h": 10800, "6h": 21600, "24h": 86400, "7d": 604800, "30d": 2592000 };
  const REFRESH = { off: 0, "15 s": 15, "30 s": 30, "1 min": 60, "5 min": 300 };
  const STEPS = [1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];
  const POINTS = 240;
  const controls = document.getElementById("controls");
  const [range, host, refresh] = ["range", "host", "refresh"].map((name) => document.getElementById(name));
  const back = document.getElementById("live");
  const theme = document.getElementById("theme");
  const state = { range: "1h", host: "", refresh: "15 s", from: "", to: "" };
  let changed = () => {};

  function read() {
    const words = new URLSearchParams(location.hash.slice(1));
    for (const name of Object.keys(state)) if (words.has(name)) state[name] = words.get(name);
    if (!(state.range in RANGES)) state.range = "1h";
    if (!(state.refresh in REFRESH)) state.refresh = "15 s";
    if (!data.hosts.includes(state.host)) state.host = "";
    if (!(Number(state.from) > 0 && Number(state.to) > Number(state.from))) state.from = state.to = "";
  }

  function write() {
    const words = new URLSearchParams();
    for (const [name, value] of Object.entries(state)) if (value) words.set(name, value);
    const hash = `#${words}`;
    history.replaceState(null, "", hash);
    for (const link of document.querySelectorAll("nav a, a.stack")) link.hash = hash;
    for (const node of document.querySelectorAll(".picture .node[href]")) {
      words.set("host", node.dataset.host);
      node.setAttribute("href", `${node.getAttribute("href").split("#")[0]}#${words}`);
    }
    show();
  }

  function show() {
    host.value = state.host;
    theme.textContent = `Colours: ${massive.theme.name()}`;
    if (snapshot) return;
    range.value = state.range;
    refresh.value = state.refresh;
    back.hidden = !state.from;
  }

  function fill(select, names) {
    for (const name of names) select.append(new Option(name, name));
  }

  // Start, end and step in whole seconds on the same grid every time, so that a refresh does not shake the lines.
  function window_() {
    if (snapshot) return { start: snapshot.start, end: snapshot.end, step: snapshot.step };
    const span = state.from ? Number(state.to) - Number(state.from) : RANGES[state.range];
    const step = STEPS.find((one) => one >= data.scrape && one * POINTS >= span) || STEPS.at(-1);
    const end = Math.floor((state.from ? Number(state.to) : Date.now() / 1000) / step) * step;
    return { start: end - Math.ceil(span / step) * step, end, step };
  }

  function set(values) {
    Object.assign(state, values);
    write();
    changed();
  }

  function start(listener) {
    changed = listener;
    if (!snapshot) {
      fill(range, Object.keys(RANGES).filter((name) => RANGES[name] <= Math.max(3600, data.days * 86400)));
      fill(refresh, Object.keys(REFRESH));
      range.addEventListener("change", () => set({ range: range.value, from: "", to: "" }));
      refresh.addEventListener("change", () => set({ refresh: refresh.value }));
      back.addEventListener("click", () => set({ from: "", to: "" }));
    }
    host.addEventListener("change", () => set({ host: host.value }));
    theme.addEventListener("click", () => {
      massive.theme.next();
      show();
      changed({ colours: true });
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => changed({ colours: true }));
    controls.addEventListener("submit", (event) => event.preventDefault());
    addEventListener("hashchange", () => {
      read();
      show();
      changed();
    });
    read();
    write();
  }

  return {
    start,
    window: window_,
    host: () => state.host,
    seconds: () => (snapshot || state.from ? 0 : REFRESH[state.refresh]),
    zoom: (from, to) => !snapshot && to - from >= 60 && set({ from: String(Math.round(from)), to: String(Math.round(to)) }),
  };
})();
