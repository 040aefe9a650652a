// Be the generator: drag points to where a living discriminator believes in them. State: `Counterfeiter.state()`.

const GRASP = 40; // CSS pixels within which a point is taken hold of: room for a finger
const ECHO = 500; // ms for which a point stays where it was put, until Python's answer has it there, too

function makeCounterfeiter(host, ask, begin) {
  let state = null, real = null, chosen = 0, held = null, speaking = null;
  const mine = new Map(); // point -> {x, y, at}
  const heat = makeHeat(), pullScale = makePullScale();

  const canvas = make("canvas", { class: "sides-picture", tabindex: 0, role: "application", ...KEYS_OURS, "aria-label":
    "Your points on the discriminator's field. N and P choose the next and the previous point; arrow keys move it, with Shift in small steps." });
  const arrows = makeCheck("arrows: where G's loss would move each point", draw);
  const data = makeCheck("the real data (which no generator sees)", draw);
  const step = (by) => () => choose(chosen + by);
  const buttons = make("div", { class: "sides-buttons" }, makeButton("Previous point", step(-1)), makeButton("Next point", step(1)),
    makeButton("Begin again", () => begin("counterfeiter")));
  const fooled = make("p", { class: "sides-place" }), mean = make("meter", { min: 0, max: 1, "aria-label": "D's mean probability of real at your points" });
  const belief = make("span"), rate = make("p"), distance = make("p");
  const spoken = make("p", { class: "unseen", role: "status" });
  const help = make("p", { class: "sides-help" },
    "You are the generator. Drag the triangles to where D says real (blue), away from where it says fake (orange). D learns all the while, so what fools it now will not fool it for long. You do not see the data: nor does a generator.");
  const panel = make("div", { class: "sides-panel" }, help, fooled, make("p", {}, mean, belief), rate, distance, buttons,
    make("div", { class: "sides-checks" }, arrows.element, data.element), spoken);
  const element = make("div", { class: "sides-body" }, canvas, panel);
  host.append(element);
  const surface = makeSurface(canvas, draw);

  function points() {
    const xy = floatsOf(state.points).slice(), now = performance.now();
    for (const [i, { x, y, at }] of mine) {
      if (now - at > ECHO && !(held && held.i === i)) mine.delete(i);
      else [xy[2 * i], xy[2 * i + 1]] = [x, y];
    }
    return xy;
  }

  function moveTo(i, x, y) {
    [x, y] = [x, y].map((v) => Math.max(state.extent[0], Math.min(state.extent[1], v)));
    mine.set(i, { x, y, at: performance.now() });
    ask({ op: "drag", i, x, y });
    draw();
  }

  function choose(i) {
    const n = bytesOf(state.p).length;
    chosen = (i + n) % n;
    draw();
    speakSoon();
  }

  // Not at each of many key presses, and with D's answer to the last one.
  function speakSoon() {
    clearTimeout(speaking);
    speaking = setTimeout(() => {
      const xy = points().slice(2 * chosen, 2 * chosen + 2), p = bytesOf(state.p);
      const where = [...xy].map((v) => v.toFixed(2)).join(", ");
      setText(spoken, `Point ${chosen + 1} of ${p.length} at ${where}: D says ${Math.round(p[chosen] / 2.55)} % real. ${state.said}`);
    }, 600);
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (!state) return;
    const [x, y] = dataAt(canvas, state.extent, event), xy = points();
    let [i, near] = [-1, (GRASP * (state.extent[1] - state.extent[0])) / surface.width];
    for (let k = 0; k < xy.length / 2; k++) {
      const far = Math.hypot(xy[2 * k] - x, xy[2 * k + 1] - y);
      if (far < near) [i, near] = [k, far];
    }
    if (i < 0) return;
    canvas.setPointerCapture(event.pointerId);
    held = { i, dx: xy[2 * i] - x, dy: xy[2 * i + 1] - y }; // so that it does not jump under the finger
    chosen = i;
    draw();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!held) return;
    const [x, y] = dataAt(canvas, state.extent, event);
    moveTo(held.i, x + held.dx, y + held.dy);
  });
  for (const end of ["pointerup", "pointercancel"])
    canvas.addEventListener(end, () => {
      if (held) speakSoon();
      held = null;
    });
  canvas.addEventListener("keydown", (event) => {
    const move = ARROW_KEYS[event.key], turn = { n: 1, p: -1 }[event.key.toLowerCase()];
    if (!state || (!move && !turn) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation(); // else the notebook moves to the next cell
    if (turn) return choose(chosen + turn);
    const size = (state.extent[1] - state.extent[0]) * (event.shiftKey ? 0.005 : 0.025), xy = points();
    moveTo(chosen, xy[2 * chosen] + size * move[0], xy[2 * chosen + 1] + size * move[1]);
    speakSoon();
  });
  for (const change of ["focus", "blur"]) canvas.addEventListener(change, draw);

  function draw() {
    const pen = state && surface.pen();
    if (!pen) return;
    const { width: size, palette } = surface, [low, high] = state.extent, unit = size / (high - low);
    const xy = points(), p = bytesOf(state.p);
    const at = (k) => placeOf(state.extent, size, xy[2 * k], xy[2 * k + 1]);
    heat.set(bytesOf(state.verdict), palette);
    heat.paint(pen, size);
    if (data.input.checked && real) {
      pen.fillStyle = palette.real;
      pen.globalAlpha = 0.6;
      pen.beginPath();
      for (let k = 0; k < real.length; k += 2) addDot(pen, ...placeOf(state.extent, size, real[k], real[k + 1]), 2);
      pen.fill();
      pen.globalAlpha = 1;
    }
    if (arrows.input.checked) {
      const pull = floatsOf(state.pull);
      pen.strokeStyle = palette.gen;
      pen.lineWidth = 2;
      pen.beginPath();
      addPulls(pen, xy, pull, low, unit, size, pullScale(pull, surface), 34);
      pen.stroke();
    }
    for (let k = 0; k < p.length; k++) {
      pen.fillStyle = palette.fake;
      [pen.strokeStyle, pen.lineWidth] = [palette.ink, 1.2];
      pen.beginPath();
      addTriangle(pen, ...at(k), 8);
      pen.fill();
      pen.stroke();
      if (p[k] < 128) continue;
      [pen.strokeStyle, pen.lineWidth] = [palette.real, 2.5]; // D takes it for real
      pen.beginPath();
      addDot(pen, ...at(k), 12);
      pen.stroke();
    }
    if (!held && !canvas.matches(":focus")) return;
    const [x, y] = at(chosen);
    [pen.strokeStyle, pen.lineWidth] = [palette.ink, 3];
    pen.beginPath();
    addDot(pen, x, y, 16);
    pen.stroke();
  }

  function update(next, stageRun) {
    state = next;
    real = stageRun ? floatsOf(stageRun.real) : null;
    const n = bytesOf(state.p).length, percent = (share) => `${Math.round(100 * share)} %`;
    chosen = Math.min(chosen, n - 1);
    setText(fooled, `D takes ${state.fooled} of your ${n} points for real (ringed).`);
    mean.value = state.mean;
    setText(belief, ` mean verdict ${percent(state.mean)} real`);
    setText(rate, `D is right on ${percent(state.right)} of real and fake points; at 50 % it cannot tell.`);
    setText(distance, `Wasserstein distance to the data ${state.w1.toFixed(2)}; ${n} real points drawn by chance have ${state.floor.toFixed(2)}.`);
    draw();
  }

  return {
    update,
    focus: () => canvas.focus(),
    destroy() {
      clearTimeout(speaking);
      surface.stop();
      element.remove();
    },
  };
}
