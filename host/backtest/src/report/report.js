"use strict";
// The charts and tables of a backtest's report.
(() => {
  const R = data("report");
  const F = R.frames;
  const symbolName = (at) => R.symbols[at].name;
  const price = (value, at) => grouped(value, R.symbols[at].digits);
  const lots = (value) => String(Number(value.toFixed(8)));

  // Prices, the strategy's own plots, equity, drawdown, load.
  const plotColour = (at) => "p" + ((at % 6) + 1);
  function pricePane(which) {
    const bars = F.bars[which], digits = R.symbols[which].digits;
    const trades = R.trades.rows.filter((row) => row[2] === which).map((row) => ({
      in: frameOf(row[0]), out: frameOf(row[1]), buy: row[3] === "buy", open: row[5], close: row[6], net: row[12],
    }));
    const span = [lowest(bars.low, 0, F.times.length), highest(bars.high, 0, F.times.length)];
    const fits = (plot) => {
      const [low, high] = [lowest(plot.low, 0, F.times.length), highest(plot.high, 0, F.times.length)], wide = span[1] - span[0];
      return low > span[0] - wide && high < span[1] + wide;
    };
    const over = R.plots.filter(fits);
    return {
      name: symbolName(which), height: 330, words: (value) => grouped(value, digits), over,
      range: (from, to) => {
        let [low, high] = [lowest(bars.low, from, to), highest(bars.high, from, to)];
        for (const plot of over) [low, high] = [Math.min(low, lowest(plot.low, from, to)), Math.max(high, highest(plot.high, from, to))];
        return low <= high ? [low, high] : span;
      },
      draw: (context, view) => {
        drawCandles(context, view, bars);
        if (view.width < 3) drawLine(context, view, bars.close, "quiet", { wide: 1 });
        over.forEach((plot) => drawLine(context, view, plot.last, plotColour(R.plots.indexOf(plot))));
        drawTrades(context, view, trades);
      },
      read: (at) => {
        if (bars.close[at] === null) return [["no tick", "quiet"]];
        const words = ["O " + price(bars.open[at], which), "H " + price(bars.high[at], which), "L " + price(bars.low[at], which), "C " + price(bars.close[at], which)];
        const plots = over.filter((plot) => plot.last[at] !== null).map((plot) => [plot.name + " " + grouped(plot.last[at], digits), plotColour(R.plots.indexOf(plot))]);
        return [[words.join("  "), "text"], ...plots.slice(0, 4)];
      },
    };
  }
  function frameOf(time) {
    let low = 0, high = F.times.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (F.times[middle] <= time) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
  // Entries point the way of the trade, exits are dots, and the line between them says how it went.
  function drawTrades(context, view, trades) {
    const seen = trades.filter((trade) => trade.out >= view.from - 1 && trade.in <= view.to);
    const crowded = seen.length > 400, foot = view.foot;
    for (const trade of seen) {
      const [x1, x2] = [view.x(trade.in + 0.5), view.x(trade.out + 0.5)], [y1, y2] = [view.y(trade.open), view.y(trade.close)];
      context.strokeStyle = context.fillStyle = colour(trade.net >= 0 ? "up" : "down");
      context.globalAlpha = crowded ? 0.7 : 0.9;
      context.lineWidth = crowded ? 1.2 : 1.4;
      context.setLineDash(crowded ? [] : [4, 3]);
      context.beginPath();
      context.moveTo(x1, y1);
      context.lineTo(x2, y2);
      context.stroke();
      context.setLineDash([]);
      context.globalAlpha = 1;
      if (crowded) {
        // Where they ended, along the lower edge, too.
        context.fillRect(x2, foot - 6, 1, 6);
        continue;
      }
      const way = trade.buy ? 1 : -1;
      context.fillStyle = colour(trade.buy ? "accent" : "p2");
      context.beginPath();
      context.moveTo(x1, y1);
      context.lineTo(x1 - 4.5, y1 + 9 * way);
      context.lineTo(x1 + 4.5, y1 + 9 * way);
      context.fill();
      context.fillStyle = colour(trade.net >= 0 ? "up" : "down");
      context.beginPath();
      context.arc(x2, y2, 3, 0, 7);
      context.fill();
    }
    context.lineWidth = 1;
  }
  const equityPane = {
    name: "Equity and balance, " + R.currency, height: 190, words: (value) => grouped(value, 0),
    range: (from, to) => [Math.min(lowest(F.equity_low, from, to), lowest(F.balance, from, to)), Math.max(highest(F.equity_high, from, to), highest(F.balance, from, to))],
    draw: (context, view) => {
      drawBand(context, view, F.equity_low, F.equity_high, "band");
      drawLine(context, view, F.balance, "balance", { steps: true, dash: [5, 3] });
      drawLine(context, view, F.equity, "equity", { wide: 1.6 });
    },
    read: (at) => [["equity " + money(F.equity[at]), "equity"], ["balance " + money(F.balance[at]), "balance"]],
  };
  const fallPane = {
    name: "Drawdown of equity, %", height: 90, flat: true, words: (value) => grouped(value, 1),
    range: (from, to) => [-Math.max(highest(F.fall, from, to) * 1.08, 0.01), 0],
    draw: (context, view) => {
      context.fillStyle = colour("fall");
      context.globalAlpha = 0.55;
      for (const [pixel, first, last] of view.columns) {
        const deep = highest(F.fall, first, last + 1);
        context.fillRect(pixel, view.y(0), view.width > 1 ? Math.ceil(view.width) : 1, view.y(-deep) - view.y(0));
      }
      context.globalAlpha = 1;
    },
    read: (at) => [["−" + grouped(F.fall[at], 2) + " %", "fall"]],
  };
  const loadPane = {
    name: "Deposit load, %", height: 64, flat: true, words: (value) => grouped(Math.abs(value), 1),
    range: (from, to) => [0, Math.max(highest(F.load, from, to) * 1.1, 0.01)],
    draw: (context, view) => drawBand(context, view, F.load.map(() => 0), F.load, "band"),
    read: (at) => [[grouped(F.load[at], 2) + " %", "quiet"]],
  };
  function plotPane(plot) {
    return {
      name: plot.name, height: 90,
      range: (from, to) => {
        const [low, high] = [lowest(plot.low, from, to), highest(plot.high, from, to)];
        return low <= high ? [low, high] : [0, 1];
      },
      draw: (context, view) => {
        drawBand(context, view, plot.low, plot.high, "band");
        drawLine(context, view, plot.last, plotColour(R.plots.indexOf(plot)));
      },
      read: (at) => (plot.last[at] === null ? [] : [[short(plot.last[at]), plotColour(R.plots.indexOf(plot))]]),
    };
  }
  function chart(which) {
    const place = byId("timeline");
    place.replaceChildren();
    if (F.bars.length > 1) {
      const names = F.bars.map((bars, at) => el("button", { type: "button", class: at === which ? "on" : "", click: () => chart(at) }, symbolName(at)));
      place.append(el("div", { class: "bar" }, ...names));
    }
    const prices = pricePane(which);
    const legend = [["▲ buy", "accent"], ["▼ sell", "p2"], ["● won", "up"], ["● lost", "down"], ...prices.over.map((plot) => ["— " + plot.name, plotColour(R.plots.indexOf(plot))])];
    const bar = el("div", { class: "bar" }, ...legend.map(([text, name]) => {
      const word = el("span", {}, text);
      word.style.color = "var(--" + name + ")";
      return word;
    }));
    place.append(bar);
    const own = R.plots.filter((plot) => !prices.over.includes(plot)).map(plotPane);
    timeline(place, F, [prices, ...own, equityPane, fallPane, loadPane]);
  }
  chart(0);

  // When: entries and profits by hour, weekday, month.
  const hours = R.by_hour.map((_, at) => String(at).padStart(2, "0"));
  const weekdays = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
  const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  for (const [slots, labels, what] of [[R.by_hour, hours, "hour"], [R.by_weekday, weekdays, "weekday"], [R.by_month, months, "month"]]) {
    const both = byId("when").appendChild(el("div"));
    const place = () => both.appendChild(el("div"));
    columns(place(), "Entries by " + what, slots.map((slot, at) => ({ label: labels[at], up: slot.entries, tip: labels[at] + ": " + slot.entries + (slot.entries === 1 ? " entry" : " entries") })), { colour: "accent", height: 130 });
    columns(place(), "Profit and loss by " + what, slots.map((slot, at) => ({
      label: labels[at], up: slot.profit, down: slot.loss, tip: labels[at] + "\nprofit " + signed(slot.profit) + "\nloss " + signed(slot.loss) + "\ntogether " + signed(slot.profit + slot.loss),
    })));
  }

  // How trades went on their way.
  const told = (row) => symbolName(row[2]) + " " + row[3] + " " + lots(row[4]) + "\n" + secondOf(row[0]) + " to " + secondOf(row[1]) + "\nnet " + signed(row[12]) + (row[14] ? "\n" + row[14] : "");
  const points = (of) => R.trades.rows.map((row) => ({ x: of(row), y: row[12], good: row[12] >= 0, tip: told(row) }));
  const spots = byId("spots");
  const spot = (title, of, options) => scatter(spots.appendChild(el("div")), title, points(of), { yName: "net, " + R.currency, ...options });
  spot("Most ahead (MFE) and result", (row) => row[7], { xName: "MFE, " + R.currency });
  spot("Most behind (MAE) and result", (row) => row[8], { xName: "MAE, " + R.currency });
  spot("Holding time and result", (row) => (row[1] - row[0]) / 1e6, {
    xName: "held", logarithmic: true,
    xWords: (s) => (s < 60 ? s + " s" : s < 3600 ? s / 60 + " min" : s < 86400 ? s / 3600 + " h" : s / 86400 + " d"),
  });
  columns(spots.appendChild(el("div")), "How many trades ended where", R.distribution.map((bin) => ({
    label: String(Number(bin.from.toPrecision(2))), up: bin.count, colour: bin.to <= 0 ? "down" : "up", tip: signed(bin.from) + " to " + signed(bin.to) + " " + R.currency + ": " + bin.count,
  })), { height: 230 });

  // Tables.
  const cut = (list) => (list.left_out ? grouped(list.left_out, 0) + " rows between the first and the last " + grouped(list.rows.length / 2, 0) + " are left out of this page, not of the figures; the CSV file has every deal." : "");
  const time = { name: "Time", left: true, words: secondOf };
  const symbol = { name: "Symbol", left: true, words: (at) => (at === null ? "" : symbolName(at)) };
  const cash = (name) => ({ name, words: money, mark: goodBad });
  const cost = (name) => ({ name, words: (value) => (value ? money(value) : "") });
  const quote = (name, which) => ({ name, words: (value, row) => price(value, row[which]) });
  const text = (name) => ({ name, left: true, wide: true });
  rowsTable(byId("trades-table"), [
    { ...time, name: "Opened" }, { ...time, name: "Closed" }, symbol, { name: "Side", left: true }, { name: "Lots", words: lots },
    { name: "Open", words: (value, row) => price(value, row[2]) }, { name: "Close", words: (value, row) => price(value, row[2]) },
    { name: "MFE", words: money }, { name: "MAE", words: money }, { name: "Profit", words: money }, cost("Commission"), cost("Swap"), cash("Net"), { name: "Exit", left: true }, text("Tag"),
  ], R.trades.rows, { note: cut(R.trades) });
  rowsTable(byId("deals-table"), [
    time, { name: "Deal" }, { name: "Order" }, symbol, { name: "Side", left: true }, { name: "Entry", left: true }, { name: "Lots", words: lots },
    quote("Price", 3), cost("Commission"), cost("Swap"), { name: "Profit", words: (value) => (value ? money(value) : ""), mark: goodBad }, { name: "Balance", words: money }, { name: "Why", left: true }, text("Tag"),
  ], R.deals.rows, { note: cut(R.deals) });
  rowsTable(byId("orders-table"), [
    { ...time, name: "Placed" }, { name: "Order" }, symbol, { name: "Type", left: true }, { name: "Filled / lots", left: true },
    quote("Price", 2), quote("S/L", 2), quote("T/P", 2), { ...time, name: "Done" }, { name: "State", left: true }, text("Tag"),
  ], R.orders.rows, { note: cut(R.orders) });
  rowsTable(byId("said-table"), [time, { name: "Kind", left: true }, symbol, { name: "What", left: true }, { name: "Confidence", words: (value) => grouped(value, 0) + " %" }, text("Text")], R.said.rows, { note: cut(R.said) });
})();
