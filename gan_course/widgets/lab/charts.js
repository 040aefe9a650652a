// Curves over the turns, of one run or of several.
//
// makeChart(host, {title, series: [{key, label, colour, dash}], floor, log}) -> {element, draw, destroy()}
//   key: a name in `curves` or `measures` of an entry of the trait `charts`; colour: a name in the palette of paint.js;
//   floor: true to mark what real data scores; log: true for powers of ten on the axis.
// draw(runs, {stageRuns, focus, floor, cursor}): the runs of the traits `charts` and `stage` (for names, parents and
//   logs); the steered one's place; the floor in `charts`; the turn looked at, or -1.

const CHART_STYLE = `
.lab-chart { margin: 0; min-width: 0; }
.lab-chart figcaption { display: flex; flex-wrap: wrap; gap: 1px 12px; align-items: baseline; margin: 0;
  font-size: 13px; }
.lab-chart .lab-key { display: inline-flex; gap: 5px; align-items: center; font-variant-numeric: tabular-nums; }
.lab-chart .lab-key canvas { width: 24px; height: 10px; }
.lab-chart > canvas { display: block; width: 100%; height: 150px; }`;

function stepFor(span, most) {
  const raw = span / most, power = 10 ** Math.floor(Math.log10(raw));
  return power * [1, 2, 5, 10].find((m) => m * power >= 0.999 * raw);
}

// Where the lines lie, all but the rarest peaks, on round numbers, so that the axis seldom moves: {low, high, ticks}.
function rangeOf(lines, extra, log) {
  const seen = [];
  for (const { y, from } of lines) for (let k = from; k < y.length; k++) if (Number.isFinite(y[k])) seen.push(y[k]);
  if (!seen.length) return null;
  const sorted = Float32Array.from(seen).sort(), cut = Math.floor(0.01 * sorted.length);
  let [low, high] = [Math.min(sorted[cut], ...extra), Math.max(sorted[sorted.length - 1 - cut], ...extra)];
  if (log) {
    low = Math.floor(Math.log10(Math.max(low, 1e-4)));
    high = Math.max(Math.ceil(Math.log10(Math.max(high, 1e-3))), low + 1);
  } else if (low > 0 && low < 0.6 * high) low = 0; // a curve far from 0 is seen better alone
  const step = log ? Math.ceil((high - low) / 4) : stepFor(high - low || Math.abs(high) || 1, 4);
  if (!log) [low, high] = [step * Math.floor(low / step + 1e-6), step * Math.ceil(high / step - 1e-6)];
  if (low === high) high = low + step;
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const plain = (t) => (Math.abs(t) >= 1e4 ? say(t) : t.toFixed(digits));
  const words = (t) => (!log ? plain(t) : Math.abs(t) > 3 ? `1e${t}` : String(+(10 ** t).toFixed(3)));
  const ticks = Array.from({ length: Math.floor((high - low) / step + 1.01) }, (_, k) => low + k * step);
  return { low, high, ticks: ticks.map((t) => [t, words(t)]) };
}

// The place of the last of the sorted `turns` that is not after `turn`; -1 if there is none.
function lastAt(turns, turn) {
  let [low, high] = [0, turns.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (turns[middle] <= turn) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

// One line for each run and series: turns x, values y, and `from`, the first place that is its own, not its parent's.
// Several runs and one series: a colour a run. Several of both: the series' colour. Always a dash a run.
function linesOf(runs, series, { stageRuns = [], focus = 0 }, palette) {
  const several = runs.length > 1, lines = [];
  runs.forEach((run, i) => {
    const { name = String(i + 1), parent = null } = stageRuns.find(({ id }) => id === run.id) || {};
    for (const { key, label, colour, dash = [] } of series) {
      const part = run.curves && key in run.curves ? run.curves : run.measures;
      if (!part?.[key]) continue;
      const x = floatsOf(part.turns), y = floatsOf(part[key]), forked = Boolean(parent) && several;
      lines.push({
        x, y, i, key, name, label, forked, own: i === focus, from: forked ? Math.max(0, lastAt(x, parent[1])) : 0,
        colour: several && series.length === 1 ? RUN_COLOURS[i % 6] : palette[colour],
        dash: several ? RUN_DASHES[i % 6] : dash,
      }); // prettier-ignore
    }
  });
  return lines.sort((a, b) => a.own - b.own); // the steered run lies on top
}

function strokeLine(pen, { x, y, from, colour, dash, own, forked }, atX, atY, several) {
  let drawn = false, places = 0;
  pen.beginPath();
  for (let k = from; k < x.length; k++) {
    const known = Number.isFinite(y[k]);
    if (known && drawn) pen.lineTo(atX(x[k]), atY(y[k]));
    else if (known) pen.moveTo(atX(x[k]), atY(y[k]));
    drawn = known;
    places += known;
  }
  pen.strokeStyle = pen.fillStyle = colour;
  pen.setLineDash(dash);
  pen.lineWidth = own && several ? 2.4 : 1.5;
  pen.stroke();
  if (!forked && places !== 1) return; // where a fork leaves its parent, and a first value, stand out
  pen.beginPath();
  addDot(pen, atX(x[from]), atY(y[from]), 3.2);
  pen.fill();
}

// Each run's name at the end of its line, moved apart where they would lie on each other.
function nameEnds(pen, lines, x, top, bottom, atY) {
  const ends = lines.filter(({ y }) => Number.isFinite(y[y.length - 1]))
    .map(({ y, name, colour }) => ({ name, colour, y: Math.max(top, Math.min(bottom, atY(y[y.length - 1]))) }))
    .sort((a, b) => a.y - b.y); // prettier-ignore
  ends.forEach((end, k) => (end.y = Math.max(end.y, k ? ends[k - 1].y + 11 : top)));
  for (let k = ends.length - 1, free = bottom; k >= 0; k--, free -= 11) free = ends[k].y = Math.min(ends[k].y, free);
  pen.textAlign = "left";
  pen.font = "bold 11px sans-serif";
  for (const { name, colour, y } of ends) {
    pen.fillStyle = colour;
    pen.fillText(name, x, y + 4);
  }
}

// What the lines are, with the values of `entries` at the turn looked at.
function makeKey(title, told) {
  const element = make("figcaption", {}, make("b", {}, title));
  let shown = "", values = [], at = -Infinity;
  return {
    element,
    show(entries, cursor) {
      const of = entries.map(({ label, colour, dash }) => label + colour + dash).join("|");
      const now = performance.now();
      if (of !== shown) {
        values = entries.map(() => make("span"));
        const items = entries.map(({ label, colour, dash }, k) => {
          const canvas = make("canvas", { width: 48, height: 20, "aria-hidden": "true" });
          const pen = canvas.getContext("2d");
          pen.scale(2, 2);
          pen.lineWidth = 2.2;
          pen.setLineDash(dash);
          strokeWith(pen, colour, () => (pen.moveTo(0, 5), pen.lineTo(24, 5)));
          return make("span", { class: "lab-key" }, canvas, label, values[k]);
        });
        element.replaceChildren(make("b", {}, title), ...items);
      } else if (now - at < 250) return; // nobody reads faster
      [shown, at] = [of, now];
      const known = entries.map(({ x, y }) => (x ? say(y[lastAt(x, cursor >= 0 ? cursor : Infinity)]) : ""));
      known.forEach((words, k) => (values[k].textContent = words));
      told(entries.map(({ label }, k) => `${label} ${known[k]}`.trim()).join(", "));
    },
  };
}

function makeChart(host, { title, series, floor = false, log = false }) {
  const canvas = make("canvas", { role: "img", "aria-label": `${title}: nothing yet.` });
  const key = makeKey(title, (words) => canvas.setAttribute("aria-label", `${title}: ${words || "nothing yet"}.`));
  const element = make("figure", { class: "lab-chart" }, key.element, canvas);
  host.append(element);
  const surface = makeSurface(canvas, () => last && paint(...last));
  let last = null;
  function paint(runs, options) {
    const pen = surface.pen();
    if (!pen) return;
    const { width, height, palette } = surface, { cursor = -1 } = options, several = runs.length > 1;
    const lines = linesOf(runs, series, options, palette), own = lines.filter((line) => line.own);
    const floors = own.filter((line) => floor && Number.isFinite(options.floor?.[line.key]));
    const range = rangeOf(lines, floors.map((line) => options.floor[line.key]), log); // prettier-ignore
    key.show(entriesOf(lines, own, floors.length), cursor);
    pen.font = "11px sans-serif";
    pen.fillStyle = palette.ink;
    if (!range) {
      const begun = lines.some(({ y }) => y.length);
      return pen.fillText(begun ? "Not defined for this data." : "The first value is still to come.", 42, height / 2);
    }
    const [left, right, top, bottom] = [42, width - (several ? 18 : 8), 16, height - 20];
    const most = Math.max(10, cursor, ...lines.map(({ x }) => x[x.length - 1] || 0));
    const atX = (turn) => left + (turn / most) * (right - left);
    const atTick = (tick) => bottom - ((tick - range.low) / (range.high - range.low)) * (bottom - top);
    const atY = (value) => atTick(log ? Math.log10(Math.max(value, 1e-9)) : value);

    pen.lineWidth = 0.6; // the axes
    pen.textAlign = "right";
    pen.beginPath();
    for (const [tick, words] of range.ticks) {
      pen.moveTo(left, atTick(tick));
      pen.lineTo(right, atTick(tick));
      pen.fillText(words, left - 5, atTick(tick) + 4);
    }
    pen.strokeStyle = palette.line;
    pen.stroke();
    pen.fillText("turn", right, height - 5);
    pen.textAlign = "center";
    const step = Math.max(1, stepFor(most, Math.max(2, Math.floor(width / 80))));
    for (let turn = 0; turn <= most && (!turn || atX(turn) < right - 38); turn += step)
      pen.fillText(turn >= 1e4 ? `${+(turn / 1000).toFixed(1)}k` : turn, atX(turn), height - 5);

    let free = -Infinity; // what was changed, numbered as in the list of changes
    pen.lineWidth = 1;
    pen.beginPath();
    (options.stageRuns?.[options.focus ?? 0]?.log || []).forEach(({ turn }, k) => {
      const x = Math.round(atX(turn)) + 0.5;
      pen.moveTo(x, top);
      pen.lineTo(x, bottom);
      if (x - free < 11) return; // no room for its number
      pen.fillText(k + 1, x, top - 5);
      free = x;
    });
    pen.strokeStyle = palette.muted;
    pen.stroke();

    for (const { key: name, colour } of floors) {
      pen.setLineDash([2, 3]);
      pen.lineWidth = 1.4;
      pen.beginPath();
      pen.moveTo(left, atY(options.floor[name]));
      pen.lineTo(right, atY(options.floor[name]));
      pen.strokeStyle = series.length > 1 ? colour : palette.muted;
      pen.stroke();
    }
    pen.save();
    pen.beginPath();
    pen.rect(left - 3, top - 3, right - left + 6, bottom - top + 6);
    pen.clip();
    for (const line of lines) strokeLine(pen, line, atX, atY, several);
    pen.restore();
    if (several && lines.length <= 8) nameEnds(pen, lines, right + 5, top, bottom, atY);
    if (cursor < 0) return;
    pen.beginPath(); // the turn looked at
    pen.moveTo(atX(cursor), bottom);
    pen.lineTo(atX(cursor), top - 4);
    pen.strokeStyle = pen.fillStyle = palette.ink;
    pen.setLineDash([]);
    pen.lineWidth = 1.8;
    pen.stroke();
    pen.beginPath();
    addTriangle(pen, atX(cursor), bottom + 4, 5);
    pen.fill();
  }

  // Several runs and one series: the runs' values. Else the steered run's, and under several runs each one's dash.
  function entriesOf(lines, own, floors) {
    const byRun = lines.slice().sort((a, b) => a.i - b.i), { ink, muted } = surface.palette;
    const several = new Set(byRun.map(({ i }) => i)).size > 1;
    const runs = byRun.filter(({ key: name }) => name === series[0].key);
    const entries = !several || series.length > 1 ? own.map((line) => ({ ...line, dash: several ? [] : line.dash }))
      : runs.map((line) => ({ ...line, label: line.name })); // prettier-ignore
    if (several && series.length > 1)
      for (const { name, dash } of runs) entries.push({ label: name, colour: ink, dash });
    if (floors) entries.push({ label: "real data", colour: muted, dash: [2, 3] });
    return entries;
  }

  return {
    element,
    draw(runs, options = {}) {
      last = [runs, options];
      paint(...last);
    },
    destroy() {
      surface.stop();
      element.remove();
    },
  };
}
