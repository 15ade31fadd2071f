"use strict";
// What every page has: its data, words for numbers and times, tables, and the ground that charts are drawn on. Text gets into
// the page through textContent alone.

const byId = (id) => document.getElementById(id);
const data = (id) => JSON.parse(byId(id).textContent);

function el(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name === "click") made.addEventListener("click", value);
    else made.setAttribute(name, value);
  }
  for (const child of children) made.append(child);
  return made;
}

// Words for numbers; all times are UTC and in microseconds since 1970, as in the data.
const grouped = (value, digits) => Number(value).toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
const money = (value) => grouped(value, 2);
const signed = (value) => (value > 0 ? "+" : "") + money(value);
const percent = (value) => grouped(value, 2) + " %";
function short(value) {
  const size = Math.abs(value);
  if (size >= 1e9) return grouped(value / 1e9, 1) + "G";
  if (size >= 1e6) return grouped(value / 1e6, 1) + "M";
  if (size >= 1e4) return grouped(value / 1e3, 0) + "k";
  return String(Number(value.toPrecision(6)));
}
const iso = (us) => new Date(us / 1000).toISOString();
const dayOf = (us) => iso(us).slice(0, 10);
const minuteOf = (us) => iso(us).slice(0, 16).replace("T", " ");
const secondOf = (us) => iso(us).slice(0, 19).replace("T", " ");
function lasted(seconds) {
  const days = Math.floor(seconds / 86400), rest = Math.round(seconds % 86400);
  const two = (n) => String(n).padStart(2, "0");
  return (days ? days + " d " : "") + two(Math.floor(rest / 3600)) + ":" + two(Math.floor(rest / 60) % 60) + ":" + two(rest % 60);
}

// Colours come from the style sheet, by their names there.
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
const drawn = [];
function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  drawn.forEach((draw) => draw());
}

const tip = byId("tip");
function showTip(text, x, y) {
  tip.textContent = text;
  tip.hidden = false;
  const { offsetWidth: width, offsetHeight: height } = tip;
  tip.style.left = Math.max(4, x + 14 + width > innerWidth ? x - 14 - width : x + 14) + "px";
  tip.style.top = Math.max(4, Math.min(y + 12, innerHeight - height - 4)) + "px";
}
const hideTip = () => (tip.hidden = true);

// A canvas as wide as its place, sharp on any screen, drawn again when size or theme change. `draw` gets (context, width,
// height) in CSS pixels; what comes back draws it again.
function canvas(place, height, draw, name) {
  const face = el("canvas", { role: "img", "aria-label": name || "chart" });
  place.classList.add("chart");
  place.append(face);
  const again = () => {
    const width = place.clientWidth, scale = window.devicePixelRatio || 1;
    if (!width) return;
    face.width = Math.round(width * scale);
    face.height = Math.round(height * scale);
    face.style.height = height + "px";
    const context = face.getContext("2d");
    context.scale(scale, scale);
    context.font = "11px " + getComputedStyle(document.body).fontFamily;
    context.textBaseline = "middle";
    draw(context, width, height);
  };
  drawn.push(again);
  new ResizeObserver(again).observe(place);
  again();
  return { face, again };
}

// Round numbers between low and high, about `count` of them.
function ticks(low, high, count) {
  const raw = (high - low) / Math.max(1, count);
  if (!(raw > 0)) return [low];
  const power = Math.pow(10, Math.floor(Math.log10(raw)));
  const step = [1, 2, 2.5, 5, 10].map((n) => n * power).find((n) => n >= raw * 0.999);
  const all = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high + step * 1e-9; n++) all.push(n * step);
  return all;
}

// A scale from values to pixels.
function scale(low, high, from, to) {
  const at = (value) => from + ((value - low) / (high - low || 1)) * (to - from);
  at.back = (pixel) => low + ((pixel - from) / (to - from || 1)) * (high - low);
  return at;
}

function grid(context, values, y, left, right, words) {
  context.lineWidth = 1;
  context.textAlign = "left";
  for (const value of values) {
    const at = Math.round(y(value)) + 0.5;
    context.strokeStyle = colour("line");
    context.beginPath();
    context.moveTo(left, at);
    context.lineTo(right, at);
    context.stroke();
    context.fillStyle = colour("quiet");
    context.fillText((words || short)(value), right + 6, at);
  }
}

// Columns above and below 0. `all`: [{ label, up, down, tip, colour }], up >= 0 and down <= 0.
function columns(place, title, all, options) {
  const { height = 170, words = short } = options || {};
  place.append(el("h3", {}, title));
  const bottom = 18;
  let step = 1, left = 2;
  const chart = canvas(place, height, (context, width) => {
    const high = Math.max(0, ...all.map((one) => one.up)), low = Math.min(0, ...all.map((one) => one.down || 0));
    const pad = (high - low) * 0.06 || 1;
    const y = scale(high + (high ? pad : 0), low - (low ? pad : 0), 6, height - bottom);
    const lines = ticks(low, high, 4);
    // Room for the widest amount, minus sign and all.
    const right = 14 + Math.max(36, ...lines.map((line) => context.measureText(words(line)).width));
    grid(context, lines, y, left, width - right, words);
    step = (width - right - left) / all.length;
    const wide = Math.max(1, Math.min(step * 0.72, 34));
    all.forEach((one, at) => {
      const x = left + step * (at + 0.5);
      context.fillStyle = colour(one.colour || (options && options.colour) || "up");
      context.fillRect(x - wide / 2, y(one.up), wide, y(0) - y(one.up));
      context.fillStyle = colour("down");
      context.fillRect(x - wide / 2, y(0), wide, y(one.down || 0) - y(0));
    });
    context.strokeStyle = colour("quiet");
    context.beginPath();
    context.moveTo(left, Math.round(y(0)) + 0.5);
    context.lineTo(width - right, Math.round(y(0)) + 0.5);
    context.stroke();
    context.fillStyle = colour("quiet");
    context.textAlign = "center";
    const widest = Math.max(...all.map((one) => context.measureText(one.label).width)) + 8;
    const every = Math.max(1, Math.ceil(widest / step));
    all.forEach((one, at) => at % every || context.fillText(one.label, left + step * (at + 0.5), height - bottom / 2));
  }, title);
  chart.face.addEventListener("mousemove", (event) => {
    const one = all[Math.floor((event.offsetX - left) / step)];
    if (one) showTip(one.tip || one.label, event.clientX, event.clientY);
    else hideTip();
  });
  chart.face.addEventListener("mouseleave", hideTip);
}

// Points, green above 0 and red below. `points`: [{ x, y, tip, good }].
function scatter(place, title, points, options) {
  const { height = 230, xWords = short, yWords = short, xName = "", yName = "", logarithmic = false } = options || {};
  place.append(el("h3", {}, title));
  const right = 56, bottom = 32, left = 4;
  const along = (value) => (logarithmic ? Math.log10(Math.max(value, 1)) : value);
  let placed = [];
  const chart = canvas(place, height, (context, width) => {
    const span = (values) => {
      const low = values.reduce((a, b) => Math.min(a, b), Infinity), high = values.reduce((a, b) => Math.max(a, b), -Infinity);
      const pad = (high - low) * 0.05 || Math.abs(high) * 0.05 || 1;
      return points.length ? [low - pad, high + pad] : [0, 1];
    };
    const [xLow, xHigh] = span(points.map((point) => along(point.x))), [yLow, yHigh] = span(points.map((point) => point.y));
    const x = scale(xLow, xHigh, left + 4, width - right), y = scale(yHigh, yLow, 6, height - bottom);
    grid(context, ticks(yLow, yHigh, 5), y, left, width - right, yWords);
    context.textAlign = "center";
    context.fillStyle = colour("quiet");
    const marks = logarithmic ? [1, 10, 60, 600, 3600, 14400, 86400, 604800, 2592000, 31536000].filter((n) => along(n) > xLow && along(n) < xHigh) : ticks(xLow, xHigh, Math.max(2, width / 110));
    for (const mark of marks) context.fillText(xWords(mark), x(along(mark)), height - bottom + 10);
    context.fillText(xName, (left + width - right) / 2, height - 7);
    context.globalAlpha = points.length > 2000 ? 0.35 : 0.65;
    const radius = points.length > 2000 ? 1.4 : 2.4;
    placed = points.map((point) => {
      const at = { x: x(along(point.x)), y: y(point.y), tip: point.tip };
      context.fillStyle = colour(point.good ? "up" : "down");
      context.beginPath();
      context.arc(at.x, at.y, radius, 0, 7);
      context.fill();
      return at;
    });
    context.globalAlpha = 1;
    context.textAlign = "left";
    context.fillStyle = colour("quiet");
    context.fillText(yName, left + 2, 10);
  }, title);
  chart.face.addEventListener("mousemove", (event) => {
    let best = null, near = 100;
    for (const point of placed) {
      const distance = (point.x - event.offsetX) ** 2 + (point.y - event.offsetY) ** 2;
      if (distance < near) [best, near] = [point, distance];
    }
    if (best) showTip(best.tip, event.clientX, event.clientY);
    else hideTip();
  });
  chart.face.addEventListener("mouseleave", hideTip);
}

// A table by pages, sorted by a click on a head, searched by its box. `head`: [{ name, left, words(value, row), mark(value) }];
// `rows`: arrays of values in the head's order.
function rowsTable(place, head, rows, options) {
  const { size = 25, search = true, note = "" } = options || {};
  let shown = rows, page = 0, by = -1, down = false;
  const body = el("tbody"), state = el("span"), box = el("input", { type: "search", placeholder: "Search", "aria-label": "Search" });
  const word = (column, row, at) => (row[at] === null || row[at] === undefined ? "" : column.words ? column.words(row[at], row) : String(row[at]));
  const back = el("button", { type: "button", click: () => turn(-1) }, "‹"), on = el("button", { type: "button", click: () => turn(1) }, "›");
  function turn(by) {
    page += by;
    fill();
  }
  function fill() {
    const pages = Math.max(1, Math.ceil(shown.length / size));
    page = Math.min(Math.max(page, 0), pages - 1);
    const cells = (row) => head.map((column, at) => {
      const text = word(column, row, at);
      const mark = column.mark && row[at] !== null ? column.mark(row[at]) : "";
      const cell = el("td", { class: [column.left ? "left" : "", column.wide ? "words" : "", mark].join(" ").trim() }, text);
      if (column.wide) cell.title = text;
      return cell;
    });
    body.replaceChildren(...shown.slice(page * size, (page + 1) * size).map((row) => el("tr", {}, ...cells(row))));
    state.textContent = grouped(shown.length, 0) + (shown.length === 1 ? " row" : " rows") + (pages > 1 ? ", page " + (page + 1) + " of " + pages : "");
    back.disabled = page === 0;
    on.disabled = page === pages - 1;
    back.hidden = on.hidden = pages === 1;
  }
  function choose() {
    const wanted = box.value.toLowerCase();
    shown = wanted ? rows.filter((row) => head.some((column, at) => word(column, row, at).toLowerCase().includes(wanted))) : rows.slice();
    if (by >= 0) {
      const order = (a, b) => (a === b ? 0 : a === null || a === undefined ? -1 : b === null || b === undefined ? 1 : a < b ? -1 : 1);
      shown.sort((a, b) => order(a[by], b[by]) * (down ? -1 : 1));
    }
    page = 0;
    fill();
  }
  box.addEventListener("input", choose);
  const heads = head.map((column, at) => {
    const sort = el("button", { type: "button", title: "Sort", click: () => {
      [by, down] = [at, by === at && !down];
      choose();
    } }, column.name);
    return el("th", { scope: "col", class: column.left ? "left" : "" }, sort);
  });
  const bar = el("div", { class: "bar" }, state, el("span", { class: "grow" }), back, on);
  if (search && rows.length > 8) bar.append(box);
  if (rows.length > 8) place.append(bar);
  place.append(el("div", { class: "scroll" }, el("table", { class: "rows" }, el("thead", {}, el("tr", {}, ...heads)), body)));
  if (note) place.append(el("p", { class: "note" }, note));
  fill();
}
const goodBad = (value) => (value > 0 ? "good" : value < 0 ? "bad" : "");

document.documentElement.dataset.theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
byId("theme").addEventListener("click", () => setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));
for (const section of document.querySelectorAll("main > section")) {
  const link = el("a", {}, section.querySelector("h2").textContent);
  link.href = "#" + section.id;
  byId("contents").append(link);
}
