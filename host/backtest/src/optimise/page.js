"use strict";
// The page of an optimisation; see base.js for what it is made with.
(() => {
  const summary = data("summary-data"), maps = data("map-data");
  const names = summary.axes.map((axis) => axis.name);
  const first = summary.windows[0], best = first && first.best[0];
  const number = (value) => (value === null || value === undefined ? "-" : grouped(value, 2));

  const tile = (name, value, under) => byId("tiles").append(el("div", { class: "tile" }, name, el("b", {}, value), el("small", {}, under || "")));
  tile("Passes", grouped(summary.passes, 0), grouped(summary.faulted, 0) + " faulted");
  if (summary.walk) {
    const walk = summary.walk;
    tile("Out of sample", signed(walk.profit_tested), grouped(walk.trades_tested, 0) + " trades");
    tile("Windows that earned", walk.profitable + " of " + walk.windows);
    tile("Efficiency", walk.efficiency === null ? "-" : percent(walk.efficiency * 100), "a day out of sample over one in it");
    tile("Largest drawdown", percent(walk.drawdown_percent_max), "of a test");
  } else if (best) {
    tile("Best " + summary.criterion, number(best.result), "pass " + best.pass);
    names.forEach((name, at) => tile(name, best.params[at]));
    tile("Profit", signed(best.figures.profit), best.figures.trades + " trades");
    tile("Drawdown", percent(best.figures.drawdown_percent), money(best.figures.drawdown));
    if (best.tested) tile("Profit out of sample", signed(best.tested.profit), best.tested.trades + " trades");
  } else tile("Best", "-", "no pass is worth anything");

  // Dark blue over green to yellow: read the same by everyone, and in grey.
  const stops = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
  function shade(part) {
    const at = Math.min(Math.max(part, 0), 1) * (stops.length - 1), low = Math.min(Math.floor(at), stops.length - 2);
    return "rgb(" + stops[low].map((from, n) => Math.round(from + (stops[low + 1][n] - from) * (at - low))).join(",") + ")";
  }

  let map = maps[0];
  function heat() {
    const left = 70, right = 84, bottom = 34, top = 6;
    const height = () => Math.min(560, Math.max(120, map.ys.length * 26 + top + bottom));
    let place = { width: 1, height: 1 };
    const sorted = () => map.cells.filter((cell) => cell !== null).sort((a, b) => a - b);
    // What lies far outside would leave one colour for all the rest.
    const ends = (all) => (all.length ? [all[Math.floor(all.length * 0.02)], all[all.length - 1]] : [0, 1]);
    byId("heat").replaceChildren();
    const holder = el("div");
    byId("heat").append(holder);
    const chart = canvas(holder, height(), (context, width, tall) => {
      const all = sorted(), [low, high] = ends(all);
      place = { width: (width - left - right) / map.xs.length, height: (tall - top - bottom) / map.ys.length };
      const y = (row) => tall - bottom - (row + 1) * place.height;
      const gap = place.width > 6 && place.height > 6 ? 1 : 0;
      map.cells.forEach((cell, at) => {
        const column = at % map.xs.length, row = Math.floor(at / map.xs.length);
        context.fillStyle = cell === null ? colour("soft") : shade((cell - low) / (high - low || 1));
        context.fillRect(left + column * place.width, y(row), place.width - gap + (gap ? 0 : 0.5), place.height - gap + (gap ? 0 : 0.5));
        if (cell !== null && cell === high) {
          context.strokeStyle = colour("down");
          context.lineWidth = 2;
          context.strokeRect(left + column * place.width + 1, y(row) + 1, Math.max(2, place.width - gap - 2), Math.max(2, place.height - gap - 2));
        }
      });
      context.fillStyle = colour("quiet");
      context.textAlign = "center";
      const widest = Math.max(...map.xs.map((text) => context.measureText(text).width)) + 10;
      const across = Math.max(1, Math.ceil(widest / place.width)), up = Math.max(1, Math.ceil(16 / place.height));
      map.xs.forEach((text, at) => at % across || context.fillText(text, left + (at + 0.5) * place.width, tall - bottom + 10));
      context.fillText(map.x, (left + width - right) / 2, tall - 7);
      context.textAlign = "right";
      map.ys.forEach((text, at) => at % up || context.fillText(text, left - 6, y(at) + place.height / 2));
      context.textAlign = "left";
      for (let n = 0; n <= 40; n++) {
        context.fillStyle = shade(n / 40);
        context.fillRect(width - right + 14, tall - bottom - (n + 1) * ((tall - top - bottom) / 41), 12, (tall - top - bottom) / 41 + 0.5);
      }
      context.fillStyle = colour("quiet");
      context.fillText(short(high), width - right + 31, top + 7);
      context.fillText(short(low), width - right + 31, tall - bottom - 7);
    }, "results by " + map.x + (map.y ? " and " + map.y : ""));
    chart.face.addEventListener("mousemove", (event) => {
      const column = Math.floor((event.offsetX - left) / place.width);
      const row = Math.floor((height() - bottom - event.offsetY) / place.height);
      const cell = column >= 0 && column < map.xs.length && row >= 0 && row < map.ys.length ? map.cells[row * map.xs.length + column] : undefined;
      if (cell === undefined) return hideTip();
      const where = map.x + " " + map.xs[column] + (map.y ? "\n" + map.y + " " + map.ys[row] : "");
      showTip(where + "\n" + summary.criterion + " " + number(cell), event.clientX, event.clientY);
    });
    chart.face.addEventListener("mouseleave", hideTip);
    const many = summary.windows.length > 1 ? "the mean over all windows of the best pass of each cell" : "the best pass of each cell, whatever the other parameters";
    byId("heat").append(el("p", { class: "note" }, "Colour: " + summary.criterion + " of " + many + (map.y ? "; " + map.y + " grows upwards" : "") + ". A lonely peak is luck; a broad hill is worth more."));
  }
  maps.forEach((one, at) => {
    const words = one.x + (one.y ? " × " + one.y : "");
    const button = el("button", { type: "button", class: at ? "" : "on", click: () => {
      map = one;
      for (const other of byId("pairs").children) other.className = other === button ? "on" : "";
      heat();
    } }, words);
    if (maps.length > 1) byId("pairs").append(button);
  });
  if (maps.length && map.xs.length) heat();

  const fixed = (value) => number(value);
  const count = (value) => grouped(value, 0);
  // Figures of a row of a table, in and out of sample.
  const heads = [
    { name: "result", words: fixed }, { name: "profit", words: signed, mark: goodBad }, { name: "factor", words: fixed }, { name: "payoff", words: fixed, mark: goodBad },
    { name: "recovery", words: fixed }, { name: "sharpe", words: fixed }, { name: "custom", words: fixed }, { name: "drawdown %", words: fixed }, { name: "trades", words: count },
  ];
  const cells = (result, one) => one ? [result, one.profit, one.profit_factor, one.expected_payoff, one.recovery_factor, one.sharpe, one.custom, one.drawdown_percent, one.trades] : heads.map(() => null);
  const worth = (text) => (text !== "" && isFinite(text) ? Number(text) : text);
  const tested = summary.windows.some((one) => one.tested);
  const testedHeads = [{ name: "tested", words: fixed }, { name: "profit", words: signed, mark: goodBad }, { name: "drawdown %", words: fixed }, { name: "trades", words: count }];
  const testedCells = (pass) => pass.tested ? [pass.tested_result, pass.tested.profit, pass.tested.drawdown_percent, pass.tested.trades] : testedHeads.map(() => null);
  const many = summary.windows.length > 1;
  const head = [...(many ? [{ name: "optimised", left: true }] : []), { name: "pass" }, ...names.map((name) => ({ name })), ...heads, ...(tested ? testedHeads : [])];
  const rows = summary.windows.flatMap((one) => one.best.map((pass) => [...(many ? [one.optimised] : []), pass.pass, ...pass.params.map(worth), ...cells(pass.result, pass.figures), ...(tested ? testedCells(pass) : [])]));
  rowsTable(byId("best"), head, rows, { note: "The best of each window, a thousand at most; all are in passes.csv." });

  if (byId("walk")) {
    const head = [{ name: "optimised", left: true }, { name: "tested", left: true }, { name: "passes", words: count }, ...names.map((name) => ({ name })), { name: "profit in sample", words: signed, mark: goodBad }, { name: "profit out of it", words: signed, mark: goodBad }, { name: "drawdown %", words: fixed }, { name: "trades", words: count }];
    const rows = summary.windows.map((one) => {
      const best = one.best[0], test = best && best.tested;
      return [one.optimised, one.tested, one.passes, ...names.map((_, at) => (best ? worth(best.params[at]) : null)), best ? best.figures.profit : null, test ? test.profit : null, test ? test.drawdown_percent : null, test ? test.trades : null];
    });
    const chart = el("div");
    byId("walk").append(chart);
    columns(chart, "Profit out of sample, by window", rows.map((row) => {
      const profit = row[4 + names.length] || 0;
      return { label: String(row[1]).slice(0, 10), up: Math.max(profit, 0), down: Math.min(profit, 0), tip: "tested " + row[1] + "\n" + signed(profit) };
    }));
    rowsTable(byId("walk"), head, rows);
  }

  if (byId("both")) {
    const pairs = first.best.filter((pass) => pass.tested_result !== null && pass.tested);
    const words = (pass) => names.map((name, at) => name + " " + pass.params[at]).join("\n");
    scatter(byId("both"), "Each tested pass", pairs.map((pass) => ({ x: pass.result, y: pass.tested_result, good: pass.tested.profit > 0, tip: "pass " + pass.pass + "\n" + words(pass) + "\nin sample " + number(pass.result) + "\nout of it " + number(pass.tested_result) })), { xName: "in sample (" + first.optimised + ")", yName: "out of sample (" + first.tested + ")" });
    const rank = first.rank_correlation;
    byId("both").append(el("p", { class: "note" }, rank === null ? "Too few tests to say whether the order in sample tells anything of that out of it." : "Rank correlation " + grouped(rank, 2) + ": near 1 the order in sample tells that out of it, near 0 it tells nothing."));
  }

  if (byId("carlo")) {
    const found = summary.monte_carlo;
    const head = [{ name: "", left: true }, ...found.quantiles.map((quantile) => ({ name: grouped(quantile * 100, 0) + " %", words: fixed }))];
    const rows = [["drawdown, reshuffled", ...found.shuffled_drawdown], ["drawdown %, reshuffled", ...found.shuffled_drawdown_percent], ["drawdown, resampled", ...found.resampled_drawdown], ["drawdown %, resampled", ...found.resampled_drawdown_percent], ["profit, resampled", ...found.resampled_profit]];
    rowsTable(byId("carlo"), head, rows, { note: "The " + grouped(found.trades, 0) + " trades reshuffled " + grouped(found.runs, 0) + " times, and as often resampled with replacement: " + percent(found.loss_probability * 100) + " of the resamplings lost money, " + percent(found.ruin_probability * 100) + " lost all of it. A column holds what that share of the runs does not exceed. Trades are taken to be independent of each other." });
  }

  if (byId("failed")) {
    const head = [{ name: "passes", words: count }, { name: "fault", left: true, wide: true }, { name: "first at", left: true, wide: true }];
    rowsTable(byId("failed"), head, summary.faults.map((fault) => [fault.passes, fault.fault, Object.entries(fault.first).map(([name, value]) => name + " " + value).join(", ")]));
  }
})();
