// Managed by massive-deploy: edits are overwritten by the next up
"use strict";
// One card of the page: a chart with its legend, or one figure with its course.
massive.chart = (() => {
  const { text, steps } = massive.units;
  const { piled, finite, moments, last, colour } = massive.series;

  function css(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  function isDark() {
    return getComputedStyle(document.documentElement).colorScheme === "dark";
  }

  function element(tag, name, content = "") {
    const made = document.createElement(tag);
    made.className = name;
    made.textContent = content;
    return made;
  }

  function state(value, limits) {
    if (value === null) return "unknown";
    const beyond = (limit) => limit !== null && (limits.below ? value <= limit : value >= limit);
    return beyond(limits.critical) ? "critical" : beyond(limits.warning) ? "warning" : "good";
  }

  // Uprights where releases went live, level lines where a figure becomes bad.
  function marks(card) {
    return (plot) => {
      const { ctx, bbox } = plot;
      const ratio = devicePixelRatio;
      const right = bbox.left + bbox.width;
      ctx.save();
      ctx.lineWidth = ratio;
      ctx.setLineDash([4 * ratio, 4 * ratio]);
      for (const [limit, name] of [[card.panel.limits.warning, "--warning"], [card.panel.limits.critical, "--critical"]]) {
        if (limit === null || card.panel.limits.below || limit > plot.scales.y.max) continue;
        const y = plot.valToPos(limit, "y", true);
        ctx.strokeStyle = css(name);
        ctx.beginPath();
        ctx.moveTo(bbox.left, y);
        ctx.lineTo(right, y);
        ctx.stroke();
      }
      ctx.font = `${11 * ratio}px system-ui, sans-serif`;
      ctx.textAlign = "left";
      ctx.textBaseline = "top";
      ctx.fillStyle = ctx.strokeStyle = css("--dim");
      let free = bbox.left;
      for (const one of card.releases) {
        const x = plot.valToPos(one.at, "x", true);
        if (x < bbox.left || x > right) continue;
        ctx.beginPath();
        ctx.moveTo(x, bbox.top - 14 * ratio);
        ctx.lineTo(x, bbox.top + bbox.height);
        ctx.stroke();
        const label = one.name === one.release ? one.name.slice(0, 7) : one.name.slice(0, 16);
        const width = ctx.measureText(label).width;
        const start = x + 3 * ratio + width > right ? x - 3 * ratio - width : x + 3 * ratio;
        if (start < free) continue;
        ctx.fillText(label, start, bbox.top - 14 * ratio);
        free = start + width + 6 * ratio;
      }
      ctx.restore();
    };
  }

  function axes(card, small) {
    if (small) return [{ show: false }, { show: false }];
    const look = { stroke: css("--dim"), grid: { stroke: css("--grid"), width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
    return [
      { ...look, size: 28, space: 64, values: clock },
      { ...look, size: 62, space: 28, incrs: steps(card.panel.unit), values: (_, splits) => splits.map((value) => text(value, card.panel.unit)) },
    ];
  }

  // Times as in this reader's place, days where the span is long.
  function clock(plot, splits) {
    const span = plot.scales.x.max - plot.scales.x.min;
    const long = { day: "numeric", month: "short", ...(span < 6 * 86400 ? { hour: "2-digit", minute: "2-digit" } : {}) };
    const form = new Intl.DateTimeFormat(undefined, { ...(span > 90000 ? long : { hour: "2-digit", minute: "2-digit" }), hour12: false });
    return splits.map((at) => form.format(new Date(at * 1000)));
  }

  function heights(panel) {
    return (_, low, high) => {
      if (panel.unit === "on/off") return [-0.1, 1.15];
      const top = Number.isFinite(high) ? high : 0;
      if (panel.unit === "ratio" && top > 0.25) return [0, Math.max(1, top)];
      return [Math.min(0, low || 0), top > 0 ? top * 1.1 : 1];
    };
  }

  function options(card, width) {
    const small = card.panel.kind === "stat";
    const dark = isDark();
    const stacked = card.panel.kind === "stacked";
    const stepped = card.panel.unit === "on/off" ? uPlot.paths.stepped({ align: 1 }) : undefined;
    card.colours = card.lines.map((one, index) => colour(one.name.split(" ")[0], index, dark));
    return {
      width,
      height: small ? 48 : 192,
      legend: { show: false },
      padding: small ? [2, 0, 2, 0] : [16, 20, 0, 0],
      cursor: small ? { show: false } : { sync: { key: "massive" }, drag: { x: true, y: false, setScale: false }, points: { size: 6 } },
      scales: { x: { time: true }, y: { range: heights(card.panel) } },
      axes: axes(card, small),
      bands: stacked ? card.lines.slice(1).map((_, index) => ({ series: [index + 2, index + 1] })) : undefined,
      series: [
        {},
        ...card.lines.map((one, index) => ({
          label: one.name,
          stroke: card.colours[index],
          width: small ? 2 : 1.75,
          fill: stacked || small ? `${card.colours[index]}40` : undefined,
          paths: stepped,
          points: { show: false },
          show: !card.off.has(one.name),
        })),
      ],
      hooks: {
        draw: small ? [] : [marks(card)],
        setCursor: [(plot) => values(card, plot.cursor.idx)],
        setSelect: [
          (plot) => {
            if (plot.select.width < 8) return;
            const ends = [plot.select.left, plot.select.left + plot.select.width].map((x) => plot.posToVal(x, "x"));
            plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
            massive.view.zoom(...ends);
          },
        ],
      },
    };
  }

  // The legend's figures: those under the pointer, or the newest.
  function values(card, index) {
    card.lines.forEach((one, place) => {
      const value = index === null || index === undefined ? last(one.points) : one.points[index];
      const shown = card.legend.children[place]?.querySelector(".value");
      if (shown) shown.textContent = text(value, card.panel.unit);
    });
  }

  function legend(card) {
    card.legend.replaceChildren(
      ...card.lines.map((one, index) => {
        const item = element("li", "");
        const swatch = element("span", "swatch");
        swatch.style.background = card.colours[index];
        item.append(swatch, element("span", "name", one.name), element("span", "value"));
        item.toggleAttribute("data-off", card.off.has(one.name));
        item.addEventListener("click", () => {
          if (!card.off.delete(one.name)) card.off.add(one.name);
          item.toggleAttribute("data-off", card.off.has(one.name));
          card.plot?.setSeries(index + 1, { show: !card.off.has(one.name) });
        });
        return item;
      }),
    );
    values(card, null);
  }

  function figure(card) {
    const shown = card.lines[0] || { points: [], name: "" };
    const value = last(shown.points);
    card.figure.dataset.state = value === null ? "unknown" : state(value, card.panel.limits);
    card.figure.replaceChildren(text(value, card.panel.unit));
    if (shown.name.startsWith("of ")) card.figure.append(element("small", "", shown.name));
  }

  function columns(card, window) {
    const drawn = card.panel.kind === "stacked" ? piled(card.lines) : card.lines.map((one) => one.points);
    return [moments(window), ...finite(drawn, card.panel.limits.critical ?? 0)];
  }

  function show(card, found, window, releases) {
    const same = card.plot && found.length === card.lines.length && found.every((one, i) => one.name === card.lines[i].name);
    card.lines = found;
    card.window = window;
    card.releases = releases;
    const known = found.some((one) => one.points.some((value) => value !== null));
    card.root.toggleAttribute("data-empty", !known);
    card.nothing.hidden = known;
    card.nothing.classList.toggle("bad", !card.panel.empty && !found.length);
    card.nothing.textContent = card.panel.empty || (found.length ? "Nothing happened in this time." : "No figures in this time.");
    if (card.panel.kind === "stat") {
      card.figure.hidden = false;
      figure(card);
    }
    if (!known) {
      clear(card);
      card.legend.replaceChildren();
      return;
    }
    if (same) {
      card.plot.setData(columns(card, window));
      values(card, card.plot.cursor.idx);
    } else {
      build(card);
    }
  }

  function clear(card) {
    card.plot?.destroy();
    card.plot = null;
  }

  function build(card) {
    clear(card);
    card.plot = new uPlot(options(card, card.place.clientWidth), columns(card, card.window), card.place);
    legend(card);
  }

  function create(root, panel) {
    const [place, legend_, nothing, figure_] = [".plot", ".legend", ".nothing", ".figure"].map((name) => root.querySelector(name));
    const card = { root, panel, place, legend: legend_, nothing, figure: figure_, lines: [], off: new Set(), releases: [], plot: null };
    new ResizeObserver(() => {
      if (card.plot && place.clientWidth && card.plot.width !== place.clientWidth) card.plot.setSize({ width: place.clientWidth, height: card.plot.height });
    }).observe(place);
    return {
      panel,
      show: (found, window, releases) => show(card, found, window, releases),
      recolour: () => card.plot && build(card),
    };
  }

  return { create, state };
})();
