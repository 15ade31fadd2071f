// Panes above each other over one axis of frames. A frame that has no tick is not there, so nights and weekends take no room.
//
// `frames`: { times, length, name }; `panes`: [{ name, height, range(from, to) -> [low, high], draw(context, view), words(value),
// read(frame) -> [[text, colour]] }]. `view` has x(frame), y(value), foot (the pane's lower edge), from, to, width (of a frame in pixels) and columns(), which
// gives for each pixel the frames below it: [pixel, first, last]. Drag to look closer, double click to see all again.
function timeline(place, frames, panes, options) {
  const right = 66, bottom = 20, gap = 8, count = frames.times.length;
  const height = panes.reduce((sum, pane) => sum + pane.height + gap, 0) + bottom;
  let from = 0, to = Math.max(count, 1), width = 0, over = null, dragged = null;
  const bar = el("div", { class: "bar" }), reading = el("span"), span = el("span");
  const button = (name, title, click) => el("button", { type: "button", title, click }, name);
  const move = (share) => show(from + (to - from) * share, to + (to - from) * share);
  const zoom = (share, at) => show(at - (at - from) * share, at + (to - at) * share);
  bar.append(span, el("span", { class: "grow" }), button("‹", "Earlier", () => move(-0.5)), button("›", "Later", () => move(0.5)),
    button("+", "Closer", () => zoom(0.5, (from + to) / 2)), button("−", "Farther", () => zoom(2, (from + to) / 2)), button("All", "Everything", () => show(0, count)));
  place.append(bar);
  const frame = el("div", { tabindex: "0", "aria-label": "Chart; arrow keys move it, + and - zoom" });
  place.append(frame);

  function show(newFrom, newTo) {
    const wide = Math.min(Math.max(newTo - newFrom, Math.min(10, count)), Math.max(count, 1));
    from = Math.min(Math.max(0, newFrom), Math.max(0, count - wide));
    to = from + wide;
    face.again();
    hover.again();
  }
  const x = (at) => ((at - from) / (to - from)) * (width - right);
  const frameAt = (pixel) => Math.min(count - 1, Math.max(0, Math.floor(from + (pixel / (width - right)) * (to - from))));
  function columnsOf() {
    const all = [], pixels = Math.max(1, Math.floor(width - right));
    let last = -1;
    for (let pixel = 0; pixel < pixels; pixel++) {
      const first = Math.max(last + 1, Math.floor(from + (pixel / pixels) * (to - from)));
      const end = Math.min(count - 1, Math.ceil(from + ((pixel + 1) / pixels) * (to - from)) - 1);
      if (end < first) continue;
      all.push([pixel, first, end]);
      last = end;
    }
    return all;
  }
  function axis(context) {
    const days = (frames.times[frameAt(width - right - 1)] - frames.times[frameAt(0)]) / 86400e6;
    const word = days < 2.5 ? (us) => minuteOf(us).slice(5) : days < 320 ? (us) => dayOf(us).slice(5) : (us) => dayOf(us).slice(0, 7);
    const inDay = days < 2.5;
    context.fillStyle = colour("quiet");
    context.textAlign = "center";
    let free = 34, before = null;
    for (let at = Math.max(1, Math.ceil(from)); at < Math.min(to, count); at++) {
      const label = word(frames.times[at]), place = x(at);
      // A date stands where it begins.
      const begins = inDay ? true : label !== word(frames.times[at - 1]);
      if (begins && place > free && place < width - right - 30 && label !== before) {
        context.strokeStyle = colour("line");
        context.beginPath();
        context.moveTo(Math.round(place) + 0.5, 0);
        context.lineTo(Math.round(place) + 0.5, height - bottom);
        context.stroke();
        context.fillText(label, place, height - bottom / 2);
        [free, before] = [place + (inDay ? 110 : 74), label];
      }
    }
  }
  function draw(context, newWidth) {
    width = newWidth;
    if (!count) {
      context.fillStyle = colour("quiet");
      context.fillText("no ticks", 10, 20);
      return;
    }
    span.textContent = minuteOf(frames.times[frameAt(0)]) + " to " + minuteOf(frames.times[frameAt(width - right - 1)]) + " UTC, " + frames.name;
    axis(context);
    const view = { x, from: Math.floor(from), to: Math.min(count, Math.ceil(to)), width: (width - right) / (to - from), columns: columnsOf(), right: width - right };
    let top = 0;
    for (const pane of panes) {
      const range = pane.range(view.from, view.to), wide = range[1] - range[0] || Math.abs(range[1]) * 0.01 || 1;
      const pad = pane.flat ? 0 : wide * 0.06;
      view.y = scale(range[1] + pad, range[0] - pad, top + 4, top + pane.height - 4);
      grid(context, ticks(range[0], range[0] + wide, Math.max(2, pane.height / 45)), view.y, 0, width - right, pane.words);
      view.foot = top + pane.height;
      context.save();
      context.beginPath();
      context.rect(0, top, width - right, pane.height);
      context.clip();
      pane.draw(context, view);
      context.restore();
      context.textAlign = "left";
      context.fillStyle = colour("card");
      context.globalAlpha = 0.8;
      context.fillRect(2, top + 3, context.measureText(pane.name).width + 8, 14);
      context.globalAlpha = 1;
      context.fillStyle = colour("quiet");
      context.fillText(pane.name, 6, top + 10);
      top += pane.height;
      context.strokeStyle = colour("line");
      context.strokeRect(0.5, top - pane.height + 0.5, width - right - 1, pane.height - 1);
      top += gap;
    }
  }
  function drawHover(context) {
    context.clearRect(0, 0, width, height);
    if (over === null || !count) return;
    const at = frameAt(over), line = Math.round(x(at + 0.5)) + 0.5;
    if (dragged !== null) {
      context.fillStyle = colour("band");
      context.fillRect(Math.min(dragged, over), 0, Math.abs(over - dragged), height - bottom);
    }
    context.strokeStyle = colour("quiet");
    context.setLineDash([3, 3]);
    context.beginPath();
    context.moveTo(line, 0);
    context.lineTo(line, height - bottom);
    context.stroke();
    context.setLineDash([]);
    context.textAlign = "left";
    let top = 0;
    for (const pane of panes) {
      context.font = "11px " + getComputedStyle(document.body).fontFamily;
      let left = 6 + context.measureText(pane.name).width + 12;
      for (const [text, name] of pane.read(at)) {
        const wide = context.measureText(text).width;
        context.fillStyle = colour("card");
        context.globalAlpha = 0.85;
        context.fillRect(left - 3, top + 3, wide + 6, 14);
        context.globalAlpha = 1;
        context.fillStyle = colour(name || "text");
        context.fillText(text, left, top + 10);
        left += wide + 12;
      }
      top += pane.height + gap;
    }
    const label = minuteOf(frames.times[at]), wide = context.measureText(label).width + 10;
    const left = Math.min(Math.max(line - wide / 2, 0), width - right - wide);
    context.fillStyle = colour("text");
    context.fillRect(left, height - bottom + 2, wide, 16);
    context.fillStyle = colour("card");
    context.fillText(label, left + 5, height - bottom + 10);
  }
  const face = canvas(frame, height, draw, "prices, equity and drawdown over time");
  const hover = canvas(frame, height, drawHover, "reading");
  hover.face.style.position = "absolute";
  hover.face.style.inset = "0 auto auto 0";
  hover.face.style.cursor = "crosshair";
  const moved = (event) => {
    over = Math.min(event.offsetX, width - right);
    hover.again();
    if (options && options.tip) {
      const text = options.tip(event.offsetX, event.offsetY, x);
      if (text) showTip(text, event.clientX, event.clientY);
      else hideTip();
    }
  };
  hover.face.addEventListener("pointermove", moved);
  hover.face.addEventListener("pointerleave", () => {
    if (dragged === null) over = null;
    hideTip();
    hover.again();
  });
  hover.face.addEventListener("pointerdown", (event) => {
    dragged = event.offsetX;
    hover.face.setPointerCapture(event.pointerId);
  });
  hover.face.addEventListener("pointerup", (event) => {
    const [a, b] = [Math.min(dragged, event.offsetX), Math.max(dragged, event.offsetX)];
    dragged = null;
    if (b - a > 6) show(from + (a / (width - right)) * (to - from), from + (b / (width - right)) * (to - from));
    else hover.again();
  });
  hover.face.addEventListener("dblclick", () => show(0, count));
  hover.face.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    zoom(event.deltaY > 0 ? 1.25 : 0.8, from + (event.offsetX / (width - right)) * (to - from));
  }, { passive: false });
  frame.addEventListener("keydown", (event) => {
    const act = { ArrowLeft: () => move(-0.2), ArrowRight: () => move(0.2), "+": () => zoom(0.7, (from + to) / 2), "-": () => zoom(1.4, (from + to) / 2) }[event.key];
    if (act) {
      event.preventDefault();
      act();
    }
  });
  place.append(el("p", { class: "note" }, "Drag to look closer, double click for everything, Ctrl and the wheel to zoom. Frames keep their highest and lowest, so no extreme is lost at any width."));
  return { again: () => show(from, to) };
}

// Ways to draw a column of numbers in a pane; gaps (null) stay gaps.
function lowest(values, from, to) {
  let low = Infinity;
  for (let at = from; at < to; at++) if (values[at] !== null && values[at] < low) low = values[at];
  return low;
}
function highest(values, from, to) {
  let high = -Infinity;
  for (let at = from; at < to; at++) if (values[at] !== null && values[at] > high) high = values[at];
  return high;
}
// From the lowest to the highest of each pixel's frames.
function drawBand(context, view, lows, highs, name) {
  context.fillStyle = colour(name);
  for (const [pixel, first, last] of view.columns) {
    const low = lowest(lows, first, last + 1), high = highest(highs, first, last + 1);
    if (low > high) continue;
    const top = view.y(high), wide = view.width > 1 ? Math.ceil(view.width) : 1;
    context.fillRect(pixel, top, wide, Math.max(1, view.y(low) - top));
  }
}
function drawLine(context, view, values, name, options) {
  const { dash = [], steps = false, wide = 1.3 } = options || {};
  context.strokeStyle = colour(name);
  context.lineWidth = wide;
  context.setLineDash(dash);
  context.lineJoin = "round";
  context.beginPath();
  let pen = false, before = 0;
  for (const [pixel, first, last] of view.columns) {
    let value = null;
    for (let at = last; at >= first && value === null; at--) value = values[at];
    if (value === null) continue;
    const left = view.width > 1 ? view.x(last + 0.5) : pixel + 0.5, top = view.y(value);
    if (!pen) context.moveTo(left, top);
    else {
      if (steps) context.lineTo(left, before);
      context.lineTo(left, top);
    }
    [pen, before] = [true, top];
  }
  context.stroke();
  context.setLineDash([]);
  context.lineWidth = 1;
}
function drawCandles(context, view, bars) {
  if (view.width < 3) {
    drawBand(context, view, bars.low, bars.high, "balance");
    return;
  }
  const wide = Math.max(1, Math.floor(view.width * 0.7));
  for (let at = view.from; at < view.to; at++) {
    if (bars.open[at] === null) continue;
    const up = bars.close[at] >= bars.open[at], middle = view.x(at + 0.5);
    context.fillStyle = colour(up ? "up" : "down");
    const high = view.y(bars.high[at]), top = view.y(Math.max(bars.open[at], bars.close[at])), foot = view.y(Math.min(bars.open[at], bars.close[at]));
    context.fillRect(Math.round(middle), high, 1, Math.max(1, view.y(bars.low[at]) - high));
    context.fillRect(Math.round(middle - wide / 2), top, wide, Math.max(1, foot - top));
  }
}
