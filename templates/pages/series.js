// Managed by massive-deploy: edits are overwritten by the next up
"use strict";
// Prometheus' answers as lines: named, coloured, and on one grid of moments.
massive.series = (() => {
  const COLOURS = {
    light: ["#1f6fd6", "#d9480f", "#2b8a3e", "#862e9c", "#b08900", "#0b7285", "#c2255c", "#5c7a1f", "#5f3dc4", "#7a4a21", "#087f5b", "#495057"],
    dark: ["#6cb0ff", "#ff9f68", "#69db7c", "#da8cf2", "#ffd43b", "#3bc9db", "#faa2c1", "#c0eb75", "#9f8cff", "#d8a47f", "#38d9a9", "#ced4da"],
  };

  function named(legend, labels) {
    return legend.replace(/\{(\w+)\}/g, (_, label) => labels[label] ?? "").trim() || "value";
  }

  // A host has one colour on all pages; other names get theirs by their place.
  function colour(name, place, dark) {
    const colours = COLOURS[dark ? "dark" : "light"];
    const host = massive.source.data.hosts.indexOf(name);
    return colours[(host >= 0 ? host : place) % colours.length];
  }

  function moments(window) {
    const found = [];
    for (let at = window.start; at <= window.end; at += window.step) found.push(at);
    return found;
  }

  // NaN says that nothing was there to divide by: no value. Infinity stays.
  function number(text) {
    if (text === "+Inf") return Infinity;
    const value = Number(text);
    return Number.isFinite(value) ? value : null;
  }

  function lines(panel, answers, window, host) {
    let found = [];
    answers.forEach((result, index) => {
      for (const { metric, values } of result) {
        const points = new Array(Math.round((window.end - window.start) / window.step) + 1).fill(null);
        for (const [at, value] of values) points[Math.round((at - window.start) / window.step)] = number(value);
        found.push({ name: named(panel.queries[index].legend, metric), host: metric.host, query: index, points });
      }
    });
    if (host && found.some((one) => one.host === host)) found = found.filter((one) => !one.host || one.host === host);
    return found.sort((a, b) => a.query - b.query || a.name.localeCompare(b.name, "en", { numeric: true }));
  }

  function last(points) {
    for (let index = points.length - 1; index >= Math.max(0, points.length - 4); index -= 1) {
      if (points[index] !== null) return points[index];
    }
    return null;
  }

  // Each line on top of those before it.
  function piled(found) {
    const sums = new Array(found[0]?.points.length || 0).fill(0);
    return found.map((one) => one.points.map((value, index) => (value === null ? null : (sums[index] += value))));
  }

  // What never ends is drawn at the top, above all that is finite.
  function finite(columns, least) {
    const most = columns.flat().reduce((top, value) => (Number.isFinite(value) && value > top ? value : top), least);
    return columns.map((points) => points.map((value) => (value === Infinity ? (most || 1) * 1.25 : value)));
  }

  return { lines, piled, finite, moments, last, colour };
})();
