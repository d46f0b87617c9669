// Draws the page's figures for its width and its light, and again when either changes or the page is printed.
(() => {
  "use strict";
  const NARROW = 640;
  const PRINTED_WIDTH = 680;
  const PRINTED_HEIGHT = 400; // two a page
  const MODEBAR = 48; // pixels above a figure that its buttons need
  const BESIDE = 0.32; // the part of the width that a legend may take beside a figure
  const BELOW_AXIS = 76; // pixels of an axis' labels and title
  const LINE = 20; // pixels of a line of the legend,
  const SAMPLE = 52; // of the sample before a name,
  const LETTER = 6.8; // and of a letter
  const DARK = 19; // the grey of the page's ground in the dark, of 255
  // The palette's colours as they read on a dark ground.
  const BY_NIGHT = {
    "0,114,178": "74,150,230",
    "213,94,0": "255,133,51",
    "0,158,115": "38,196,150",
    "204,121,167": "232,155,198",
    "86,180,233": "150,214,255",
    "230,159,0": "245,186,60",
  };
  const NAMED = { white: "255,255,255", black: "0,0,0" };
  const night = window.matchMedia("(prefers-color-scheme: dark)");
  const slots = [...document.querySelectorAll(".figure")].map((place) => {
    const source = place.querySelector("script");
    const figure = JSON.parse(source.textContent);
    source.remove();
    return { place, figure, leastWidth: Number(place.dataset.leastWidth) };
  });

  const channels = (colour) => {
    const hex = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(colour);
    if (hex) return { rgb: hex.slice(1).map((part) => parseInt(part, 16)).join(","), alpha: 1 };
    const rgb = /^rgba?\((\d+), ?(\d+), ?(\d+)(?:, ?([\d.]+))?\)$/.exec(colour);
    if (rgb) return { rgb: rgb.slice(1, 4).join(","), alpha: rgb[4] === undefined ? 1 : Number(rgb[4]) };
    return NAMED[colour] ? { rgb: NAMED[colour], alpha: 1 } : null;
  };

  // Greys change places with their opposites; the palette gets lighter; other colours stay.
  const byNight = (colour) => {
    const found = channels(colour);
    if (!found) return colour;
    const [red, green, blue] = found.rgb.split(",").map(Number);
    const grey = Math.max(red, green, blue) - Math.min(red, green, blue) < 12;
    const level = Math.round(255 - (green * (255 - DARK)) / 255);
    const changed = grey ? `${level},${level},${level}` : BY_NIGHT[found.rgb] || found.rgb;
    return `rgba(${changed},${found.alpha})`;
  };

  const darken = (node, key) => {
    if (typeof node === "string") return /color(way)?$/i.test(key) ? byNight(node) : node;
    if (Array.isArray(node)) return node.map((entry) => darken(entry, key));
    if (node === null || typeof node !== "object") return node;
    return Object.fromEntries(
      Object.entries(node).map(([name, entry]) => [name, name === "colorscale" ? entry : darken(entry, name)]),
    );
  };

  // Parts whose own colours plotly would choose for a white ground.
  const fill = (figure) => {
    const layout = figure.layout;
    for (const control of [...(layout.sliders || []), ...(layout.updatemenus || [])]) {
      Object.assign(control, { bgcolor: "#e6e6e6", bordercolor: "#a6a6a6", activebgcolor: "#8c8c8c", ...control });
    }
    for (const trace of figure.data) {
      if (trace.type !== "table") continue;
      for (const part of [trace.header, trace.cells]) {
        part.fill = { color: "white", ...part.fill };
        part.line = { color: "#d9d9d9", ...part.line };
      }
    }
    return figure;
  };

  const inLegend = (figure) =>
    figure.layout.showlegend === false ? [] : figure.data.filter((trace) => trace.name && trace.showlegend !== false);

  // A long name in lines that a telephone has room for.
  const wrapped = (name, room) => {
    const most = Math.floor((room - SAMPLE) / LETTER);
    const lines = [""];
    for (const word of name.split(" ")) {
      const longer = `${lines.at(-1)} ${word}`.trim();
      if (lines.at(-1) && longer.length > most) lines.push(word);
      else lines[lines.length - 1] = longer;
    }
    return lines.join("<br>");
  };

  // How many lines the names take when they stand in rows, each as wide as the longest, as plotly sets them.
  const linesOf = (names, room) => {
    const columns = Math.max(1, Math.floor(room / widest(names)));
    let lines = 0;
    for (let first = 0; first < names.length; first += columns) {
      lines += Math.max(...names.slice(first, first + columns).map((name) => name.split("<br>").length));
    }
    return lines;
  };

  const widest = (names) =>
    SAMPLE + LETTER * Math.max(...names.flatMap((name) => name.split("<br>").map((line) => line.length)));

  // The title stands above the figure, as text; where room is short the legend goes below and the margins in.
  const fit = (figure, width, printed) => {
    const layout = figure.layout;
    const narrow = width < NARROW;
    const margin = { l: 76, r: 24, t: 64, b: 64, ...layout.margin };
    layout.autosize = true;
    layout.margin = { ...margin, t: Math.max(MODEBAR, margin.t - 36) };
    layout.height = layout.height || 480;
    if (printed) layout.height = Math.min(layout.height, PRINTED_HEIGHT);
    if (narrow) {
      Object.assign(layout.margin, { l: Math.min(56, margin.l), r: 12, t: Math.max(28, margin.t - 36) });
      layout.font = { ...layout.font, size: 12 };
      layout.height = Math.min(layout.height, 380);
    }
    const traces = inLegend(figure);
    if (traces.length && (narrow || widest(traces.map((trace) => trace.name)) > BESIDE * width)) {
      const room = width - layout.margin.l - layout.margin.r;
      for (const trace of traces) trace.name = wrapped(trace.name, room);
      const plot = layout.height - layout.margin.t - margin.b;
      const side = { orientation: "h", x: 0, xanchor: "left", y: -BELOW_AXIS / plot, yanchor: "top" };
      layout.legend = { ...layout.legend, ...side };
      layout.margin.b = BELOW_AXIS + linesOf(traces.map((trace) => trace.name), room) * LINE;
      layout.height = plot + layout.margin.t + layout.margin.b;
    }
    return figure;
  };

  const draw = ({ place, figure, leastWidth }, { dark, width }) => {
    const room = Math.max(width || place.parentElement.clientWidth, width ? 0 : leastWidth);
    place.style.minWidth = width ? "" : `${leastWidth}px`;
    let shown = fit(fill(structuredClone(figure)), room, Boolean(width));
    if (dark) shown = darken(shown, "");
    if (width) Object.assign(shown.layout, { width, autosize: false });
    const config = { responsive: !width, displaylogo: false, displayModeBar: width || room < NARROW ? false : "hover" };
    return Plotly.newPlot(place, { ...shown, config });
  };

  const drawAll = (how = {}) => Promise.all(slots.map((slot) => draw(slot, { dark: night.matches, ...how })));

  let narrow = window.innerWidth < NARROW;
  window.addEventListener("resize", () => {
    if (narrow === window.innerWidth < NARROW) return;
    narrow = !narrow;
    drawAll();
  });
  night.addEventListener("change", () => drawAll());
  window.addEventListener("beforeprint", () => drawAll({ dark: false, width: PRINTED_WIDTH }));
  window.addEventListener("afterprint", () => drawAll());
  drawAll().then(() => document.body.setAttribute("data-drawn", String(slots.length)));
})();
