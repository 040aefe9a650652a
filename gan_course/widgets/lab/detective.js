// Be the discriminator: one point after another against the clock, then three ROC curves. State: `Detective.state()`.

const ANSWERS = ["Surely fake", "Perhaps fake", "Perhaps real", "Surely real"];
const CURVES = [["you", "you"], ["network", "network"], ["best", "best possible"]];
const NEAR = 8; // known points that describe a place in words

function makeDetective(host, ask, begin) {
  let state = null, waiting = false, deadline = Infinity, warned = false, extent = [-1, 1];

  const canvas = make("canvas", { class: "sides-picture", tabindex: 0, role: "application", ...KEYS_OURS, "aria-label":
    "Known points and the one to judge. Keys: 1 surely fake, 2 perhaps fake, 3 perhaps real, 4 surely real." });
  const time = make("output", { role: "timer", "aria-live": "off", "aria-label": "Time left" });
  const sand = make("div"), glass = make("div", { class: "sides-clock", "aria-hidden": "true" }, sand);
  const place = make("p", { class: "sides-place" });
  const buttons = ANSWERS.map((words, sure) =>
    makeButton(`${sure + 1} ${words}`, () => answer(sure), { class: sure < 2 ? "sides-fake" : "sides-real", "aria-keyshortcuts": sure + 1 }));
  const stop = makeButton("End the round", () => ask({ op: "answer", sure: null }));
  const told = make("p", { class: "sides-told" });
  const spoken = make("p", { class: "unseen", role: "status" });
  const asking = make("div", { class: "sides-asking" }, make("div", { class: "sides-time" }, time, glass), place,
    make("div", { class: "sides-answers", role: "group", "aria-label": "Your answer" }, ...buttons), told, stop);

  const chart = make("canvas", { class: "sides-roc", role: "img" });
  const rows = make("tbody"), said = make("p");
  const again = makeButton("Play again", () => begin("detective"));
  const heads = ["", "AUC", "right", "long-run AUC"].map((words) => make("th", { scope: "col" }, words));
  const table = make("table", {}, make("caption", {}, "On the points that you judged"), make("thead", {}, make("tr", {}, ...heads)), rows);
  const curves = make("div", { class: "sides-curves" }, chart, table);
  const ended = make("div", { class: "sides-ended" }, curves, said, again);
  const help = make("p", { class: "sides-help" }, "Blue dots are known real points, orange triangles known fakes. Is the circled point real or fake? Keys 1 to 4.");
  const element = make("div", { class: "sides-body" }, canvas, make("div", { class: "sides-panel" }, help, asking, ended, spoken));
  host.append(element);
  const surface = makeSurface(canvas, draw), paper = makeSurface(chart, drawCurves);

  function answer(sure) {
    if (!state || !state.point || waiting) return;
    waiting = true; // until Python shows the next point: a second press is not about this one
    ask({ op: "answer", sure });
  }
  element.addEventListener("keydown", (event) => {
    const sure = ["1", "2", "3", "4"].indexOf(event.key);
    if (sure < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation(); // else the notebook makes a heading of the cell
    if (!event.repeat) answer(sure);
  });

  const tick = setInterval(() => {
    if (!state || !state.point || deadline === Infinity) return;
    const left = Math.max(0, deadline - performance.now()) / 1000;
    setText(time, `${Math.floor(left / 60)}:${String(Math.floor(left % 60)).padStart(2, "0")}`);
    sand.style.width = `${(100 * left) / state.seconds}%`;
    if (left < 10 && !warned) {
      warned = true;
      setText(spoken, "Ten seconds left.");
    }
    if (left > 0) return;
    deadline = Infinity; // say it once
    ask({ op: "answer", sure: null });
  }, 100);

  // What eyes see round the point, for ears.
  function around([x, y]) {
    const known = [];
    for (const [bytes, real] of [[state.known_real, 1], [state.known_fake, 0]]) {
      const xy = floatsOf(bytes);
      for (let k = 0; k < xy.length; k += 2) known.push([Math.hypot(xy[k] - x, xy[k + 1] - y), real]);
    }
    for (const [u, v, real] of state.answers) known.push([Math.hypot(u - x, v - y), real]);
    known.sort((a, b) => a[0] - b[0]);
    const reals = known.slice(0, NEAR).filter(([, real]) => real).length;
    return `at ${x.toFixed(2)}, ${y.toFixed(2)}; of the ${NEAR} nearest known points ${reals} are real`;
  }

  function draw() {
    const pen = surface.pen();
    if (!pen || !state) return;
    const { width: size, palette } = surface;
    const at = (x, y) => placeOf(extent, size, x, y).map((v) => Math.max(4, Math.min(size - 4, v))); // strays: at the edge
    pen.fillStyle = palette.paper;
    pen.fillRect(0, 0, size, size);
    pen.globalAlpha = 0.6;
    for (const [bytes, colour, add, r] of [[state.known_real, palette.real, addDot, 3.5], [state.known_fake, palette.fake, addTriangle, 5]]) {
      const xy = floatsOf(bytes);
      pen.fillStyle = colour;
      pen.beginPath();
      for (let k = 0; k < xy.length; k += 2) add(pen, ...at(xy[k], xy[k + 1]), r);
      pen.fill();
    }
    pen.globalAlpha = 1;
    for (const [x, y, real, sure] of state.answers) {
      pen.fillStyle = real ? palette.real : palette.fake;
      pen.beginPath();
      (real ? addDot : addTriangle)(pen, ...at(x, y), real ? 4.5 : 6);
      pen.fill();
      if (sure >= 2 === Boolean(real)) continue;
      pen.strokeStyle = palette.ink; // a mistake
      pen.lineWidth = 1.5;
      pen.beginPath();
      addCross(pen, ...at(x, y), 7);
      pen.stroke();
    }
    if (!state.point) return;
    const [x, y] = at(...state.point);
    for (const [colour, wide] of [[palette.paper, 7], [palette.ink, 3]]) {
      pen.strokeStyle = pen.fillStyle = colour;
      pen.lineWidth = wide;
      pen.beginPath();
      addDot(pen, x, y, 12);
      pen.stroke();
      pen.beginPath();
      addDot(pen, x, y, colour === palette.ink ? 3 : 5);
      pen.fill();
    }
  }

  const lookOf = (who, palette) => ({ you: [palette.ink, 3, []], network: [palette.dis, 2.5, []], best: [palette.theory, 2.5, [6, 4]] })[who];

  function drawCurves() {
    const pen = paper.pen();
    if (!pen || !state || !state.result || !state.result.roc) return;
    const { width: size, palette } = paper, left = 34, inner = size - left - 8;
    const at = ([x, y]) => [left + inner * x, 8 + inner * (1 - y)];
    pen.font = "12px system-ui, sans-serif";
    pen.fillStyle = palette.ink;
    pen.textAlign = "center";
    pen.fillText("share of fakes called real", left + inner / 2, size - 6);
    pen.save();
    pen.translate(12, 8 + inner / 2);
    pen.rotate(-Math.PI / 2);
    pen.fillText("share of reals called real", 0, 0);
    pen.restore();
    pen.strokeStyle = palette.line;
    pen.strokeRect(left, 8, inner, inner);
    const stroke = (points) => {
      pen.beginPath();
      for (const p of points) pen.lineTo(...at(p));
      pen.stroke();
    };
    pen.setLineDash([2, 4]);
    stroke([[0, 0], [1, 1]]);
    for (const [who] of [...CURVES].reverse()) {
      const points = state.result.roc[who];
      const [colour, wide, dash] = lookOf(who, palette);
      [pen.strokeStyle, pen.fillStyle, pen.lineWidth] = [colour, colour, wide];
      pen.setLineDash(dash);
      stroke(points);
      if (who !== "you") continue;
      pen.beginPath();
      for (const p of points) addDot(pen, ...at(p), 4.5);
      pen.fill();
    }
    [...rows.querySelectorAll("i")].forEach((mark, i) => {
      const [colour, wide, dash] = lookOf(CURVES[i][0], palette);
      mark.style.borderTop = `${wide}px ${dash.length ? "dashed" : "solid"} ${colour}`;
    });
  }

  function showResult({ said: words, roc, auc, right, long_run: longRun }) {
    setText(said, words);
    curves.hidden = !roc;
    if (!roc) return;
    chart.setAttribute("aria-label", `ROC curves. ${words}`);
    rows.replaceChildren(...CURVES.map(([who, name]) => make("tr", {},
      make("th", { scope: "row" }, make("i"), name),
      make("td", {}, auc[who].toFixed(2)),
      make("td", {}, `${Math.round(100 * right[who])} %`),
      make("td", {}, longRun[who] === undefined ? "–" : longRun[who].toFixed(2)))));
    drawCurves();
  }

  function update(next) {
    if (next === state) return; // the stage changed, not the round: `left` is of the past
    const before = state;
    state = next;
    waiting = false;
    extent = state.extent;
    if (!before || state.done < before.done || !state.done) warned = false;
    deadline = state.left === null ? Infinity : performance.now() + 1000 * state.left;
    const busy = Boolean(state.point), had = element.contains(element.getRootNode().activeElement);
    glass.hidden = time.hidden = state.left === null;
    const last = state.answers.at(-1);
    const verdict = last ? `${last[3] >= 2 === Boolean(last[2]) ? "Right" : "No"}: that was ${last[2] ? "real" : "fake"}. ` : "";
    setText(place, `Point ${Math.min(state.done + 1, state.n)} of ${state.n} · ${state.right} of ${state.done} right`);
    setText(told, state.notice || verdict);
    asking.hidden = help.hidden = !busy;
    ended.hidden = busy;
    if (busy) setText(spoken, `${verdict}Point ${state.done + 1} of ${state.n}, ${around(state.point)}.`);
    else if (!before || before.point) {
      showResult(state.result);
      setText(spoken, `${state.notice} The round is over. ${state.result.said}`);
      if (had) again.focus();
    }
    draw();
  }

  return {
    update,
    focus: () => canvas.focus(),
    destroy() {
      clearInterval(tick);
      surface.stop();
      paper.stop();
      element.remove();
    },
  };
}
