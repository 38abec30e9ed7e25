"use strict";
// Reads days off the first chart and enlarges a stretch of it. The page is complete without this script.
(() => {
  const held = JSON.parse(document.getElementById("figures").textContent);
  const readout = document.getElementById("readout");
  const figure = document.querySelector(".story .chart");
  if (!held || !figure || !readout) return;
  const NS = "http://www.w3.org/2000/svg", PAPER = "var(--paper)", MUTED = "var(--muted)";
  const number = new Intl.NumberFormat(held.locale, { notation: "compact", compactDisplay: "long", maximumSignificantDigits: 4 });
  const stamp = text => Date.parse(text.length > 10 ? text + "Z" : text + "T00:00:00Z");
  const days = [...new Set(held.series.flatMap(s => s.points.map(p => p[0])))].sort();
  const stamps = days.map(stamp);
  const half = stamps.length > 1 ? (stamps[1] - stamps[0]) / 2 : 43200000;
  let peer = 0;
  const lines = held.series.map(s => {
    const of = new Map(s.points.filter(p => p[1] !== null));
    const colour = s.role === "subject" ? "var(--subject)" : s.role === "total" ? MUTED : `var(--peer${1 + peer++ % 4})`;
    return { name: s.name, role: s.role, colour, values: days.map(d => of.has(d) ? of.get(d) : null) };
  });
  let range = [0, days.length - 1], at = -1, pressed = null, reset = null;

  const part = (name, attributes, parent, text) => {
    const e = document.createElementNS(NS, name);
    for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
    if (text !== undefined) e.textContent = text;
    parent.append(e);
    return e;
  };
  const shown = () => [...figure.querySelectorAll(".plot")].find(p => p.offsetParent !== null);
  const geometry = plot => held.plots.find(g => plot.classList.contains(g.scale) && plot.classList.contains(g.size));
  const span = () => [stamps[range[0]] - half, stamps[range[1]] + half];
  const across = (g, t) => { const [a, b] = span(); return g.left + g.width * (t - a) / (b - a); };

  function nearest(event) {
    const plot = shown(), svg = plot.querySelector("svg"), g = geometry(plot), box = svg.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width * svg.viewBox.baseVal.width, [a, b] = span();
    const t = a + (x - g.left) / g.width * (b - a);
    let best = range[0];
    for (let i = range[0]; i <= range[1]; i++) if (Math.abs(stamps[i] - t) < Math.abs(stamps[best] - t)) best = i;
    return best;
  }

  function read(i) {
    at = Math.max(range[0], Math.min(range[1], i));
    const known = lines.filter(l => l.values[at] !== null);
    readout.textContent = `${days[at].replace("T", " ")}: ` + known.map(l => `${l.name} ${number.format(l.values[at])}`).join("; ");
    figure.querySelectorAll(".guide").forEach(e => e.remove());
    const plot = shown(), g = geometry(plot), x = across(g, stamps[at]), svg = plot.querySelector("svg");
    part("line", { class: "guide", x1: x, x2: x, y1: g.top, y2: g.top + g.height, stroke: "var(--ink)", "pointer-events": "none" }, svg);
  }

  // Draws the enlarged stretch over the drawing that the page came with, in the same frame.
  function enlarge() {
    figure.querySelectorAll(".enlarged, .guide").forEach(e => e.remove());
    const whole = range[0] === 0 && range[1] === days.length - 1;
    if (reset) { reset.remove(); reset = null; }
    if (whole) { readout.textContent = held.texts.hint; return; }
    for (const plot of figure.querySelectorAll(".plot")) {
      const g = geometry(plot), svg = plot.querySelector("svg"), log = g.scale === "log";
      const box = part("g", { class: "enlarged", "aria-hidden": "true" }, svg);
      const view = svg.viewBox.baseVal;
      part("rect", { x: 0, y: 0, width: view.width, height: view.height, fill: PAPER }, box);
      const drawn = lines.filter(l => log || l.role !== "total");
      const values = drawn.flatMap(l => l.values.slice(range[0], range[1] + 1)).filter(v => v !== null && (!log || v > 0));
      if (!values.length) continue;
      const low = log ? Math.min(...values) / 1.3 : Math.min(0, ...values), high = Math.max(...values) * (log ? 1.3 : 1.06) || 1;
      const up = v => g.top + g.height * (1 - (log ? Math.log(v / low) / Math.log(high / low) : (v - low) / (high - low)));
      for (let k = 0; k <= 4; k++) {
        const v = log ? low * (high / low) ** (k / 4) : low + (high - low) * k / 4, y = up(v);
        part("line", { x1: g.left, x2: g.left + g.width, y1: y, y2: y, stroke: "var(--grid)" }, box);
        part("text", { x: g.left - 6, y: y + 4, "text-anchor": "end", "font-size": 11, fill: MUTED }, box, number.format(v));
      }
      const step = Math.max(1, Math.ceil((range[1] - range[0]) / (g.size === "wide" ? 6 : 3)));
      for (let i = range[0]; i <= range[1]; i += step)
        part("text", { x: across(g, stamps[i]), y: g.top + g.height + 18, "text-anchor": "middle", "font-size": 11, fill: MUTED }, box, days[i].slice(5, 16).replace("T", " "));
      for (const line of [...drawn].reverse()) {
        let path = "", open = false;
        for (let i = range[0]; i <= range[1]; i++) {
          const v = line.values[i];
          if (v === null || (log && v <= 0)) { open = false; continue; }
          path += `${open ? "L" : "M"}${across(g, stamps[i]).toFixed(1)} ${up(v).toFixed(1)}`;
          open = true;
        }
        part("path", { d: path, fill: "none", stroke: line.colour, "stroke-width": line.role === "subject" ? 2.8 : 1.3, "stroke-dasharray": line.role === "total" ? "3 3" : "none" }, box);
        const last = line.values.slice(range[0], range[1] + 1).reduce((k, v, i) => v === null ? k : i, -1);
        if (last >= 0) part("text", { x: g.left + g.width + 6, y: up(line.values[range[0] + last]) + 4, "font-size": 11, fill: line.colour }, box, line.name.slice(0, g.label));
      }
    }
    reset = document.createElement("button");
    reset.type = "button";
    reset.className = "reset";
    reset.textContent = held.texts.reset;
    reset.addEventListener("click", () => { range = [0, days.length - 1]; enlarge(); figure.focus(); });
    readout.before(reset);
    readout.textContent = held.texts.zoomed.replace("{start}", days[range[0]]).replace("{end}", days[range[1]]);
  }

  figure.tabIndex = 0;
  figure.addEventListener("pointermove", event => { if (event.target.closest("svg")) read(nearest(event)); });
  figure.addEventListener("pointerdown", event => { if (event.target.closest("svg")) pressed = nearest(event); });
  figure.addEventListener("pointerup", event => {
    if (pressed === null) return;
    const other = nearest(event), ends = [Math.min(pressed, other), Math.max(pressed, other)];
    pressed = null;
    if (ends[1] - ends[0] >= 2) { range = ends; enlarge(); }
  });
  figure.addEventListener("keydown", event => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step) { read((at < 0 ? range[0] : at) + step); event.preventDefault(); }
    if (event.key === "Escape" && reset) { range = [0, days.length - 1]; enlarge(); }
  });
  readout.textContent = held.texts.hint;
})();
