// Managed by massive-deploy: edits are overwritten by the next up
"use strict";
massive.units = (() => {
  const BINARY = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  const DECIMAL = ["", " k", " M", " G"];

  // Three digits say enough.
  function digits(value) {
    const size = Math.abs(value);
    if (size === 0) return "0";
    if (size < 0.001) return value.toExponential(1);
    return String(Number(value.toPrecision(size >= 1000 ? 4 : 3)));
  }

  function scaled(value, base, names) {
    let step = 0;
    while (Math.abs(value) >= base && step < names.length - 1) {
      value /= base;
      step += 1;
    }
    return [digits(value), names[step]];
  }

  function span(value) {
    const size = Math.abs(value);
    if (size === 0) return "0 s";
    if (size < 0.001) return `${digits(value * 1e6)} µs`;
    if (size < 1) return `${digits(value * 1e3)} ms`;
    if (size < 120) return `${digits(value)} s`;
    if (size < 7200) return `${digits(value / 60)} min`;
    if (size < 172800) return `${digits(value / 3600)} h`;
    return `${digits(value / 86400)} d`;
  }

  // Text for people; null is "nothing known".
  function text(value, unit) {
    if (value === null || value === undefined || Number.isNaN(value)) return "–";
    if (value === Infinity) return "∞";
    if (unit === "on/off") return value === 1 ? "on" : value === 0 ? "off" : digits(value);
    if (unit === "ratio") return `${digits(value * 100)} %`;
    if (unit === "seconds") return span(value);
    if (unit === "bytes" || unit === "bytes/s") {
      const [number, name] = scaled(value, 1024, BINARY);
      return `${number} ${name}${unit === "bytes/s" ? "/s" : ""}`;
    }
    const [number, name] = scaled(value, 1000, DECIMAL);
    return `${number}${name}${unit === "per second" ? "/s" : ""}`;
  }

  // Steps between the lines of an axis, where the usual ones would give odd texts.
  function steps(unit) {
    if (unit === "bytes" || unit === "bytes/s") return Array.from({ length: 50 }, (_, power) => 2 ** power);
    if (unit === "on/off") return [1];
    return undefined;
  }

  return { text, steps };
})();
