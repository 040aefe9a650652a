// Draws what dirac_field.py computed, and tells it what the learner wishes. Nothing is computed here.

const STYLE = `
.dirac { display: flex; flex-wrap: wrap; gap: 16px; align-items: flex-start; padding: 6px;
  color: var(--jp-ui-font-color1, inherit); font: 14px/1.4 var(--jp-ui-font-family, system-ui, sans-serif); }
.dirac canvas { width: min(100%, 400px); aspect-ratio: 1; touch-action: none; cursor: crosshair; border-radius: 4px; }
.dirac :focus-visible { outline: 3px solid #d55e00; outline-offset: 2px; }
.dirac form { flex: 1 1 240px; max-width: 420px; display: grid; gap: 10px; }
.dirac label { display: grid; grid-template-columns: 1fr auto; gap: 2px 8px; }
.dirac select, .dirac input { grid-column: 1 / -1; width: 100%; box-sizing: border-box; font: inherit; }
.dirac select { color: inherit; background: var(--jp-layout-color1, canvas); padding: 4px; }
.dirac .verdict { font-weight: 600; margin: 0; }
.dirac .details, .dirac .help { margin: 0; font-size: 13px; }`;

const SLIDERS = [
  ["lr_g", "Learning rate of G", 0.02, 1, 0.02],
  ["lr_d", "Learning rate of D", 0.02, 1, 0.02],
  ["gamma", "R1 weight γ", 0, 4, 0.1],
];

function floats(model, name) {
  const view = model.get(name); // a DataView that need not start on a multiple of four bytes
  return new Float32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
}

function render({ model, el }) {
  sayWhenLost(model, el);
  const canvas = make("canvas", { tabindex: 0, role: "application" });
  const verdict = make("p", { class: "verdict", "aria-live": "polite" });
  const details = make("p", { class: "details" });
  // JupyterLab takes the arrow keys of a focused element for its own, unless the element itself has this mark.
  const KEYS_OURS = { "data-lm-suppress-shortcuts": "true" };
  const select = make("select", KEYS_OURS, ...model.get("names").map((name) => make("option", { value: name }, name)));
  const form = make("form", {}, make("label", {}, "Method", select));
  const sliders = SLIDERS.map(([name, title, min, max, step]) => {
    const input = make("input", { type: "range", min, max, step, ...KEYS_OURS });
    const value = make("output");
    form.append(make("label", {}, title, value, input));
    input.addEventListener("input", () => wish(name, Number(input.value)));
    return { name, input, value };
  });
  const help = "Drag the dot, or focus the picture and press the arrow keys (with Shift: small steps), to move the start.";
  form.append(verdict, details, make("p", { class: "help" }, help));
  el.append(make("style", {}, STYLE), make("div", { class: "dirac" }, canvas, form));

  // ipywidgets sends one message at a time and, of those that wait, only the newest values.
  function wish(name, value) {
    model.set(name, value);
    model.save_changes();
    refresh();
  }
  select.addEventListener("change", () => wish("method", select.value));
  form.addEventListener("submit", (event) => event.preventDefault());

  function moveTo(theta, psi) {
    const limit = model.get("extent");
    wish("start", [theta, psi].map((v) => Math.round(100 * Math.max(-limit, Math.min(limit, v))) / 100));
  }
  let held = false;
  function follow(event) {
    const box = canvas.getBoundingClientRect();
    const span = 2 * model.get("extent");
    moveTo(((event.clientX - box.left) / box.width - 0.5) * span, (0.5 - (event.clientY - box.top) / box.height) * span);
  }
  canvas.addEventListener("pointerdown", (event) => {
    held = true;
    canvas.setPointerCapture(event.pointerId);
    follow(event);
  });
  canvas.addEventListener("pointermove", (event) => held && follow(event));
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => (held = false));
  const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] };
  canvas.addEventListener("keydown", (event) => {
    if (!(event.key in KEYS)) return;
    event.preventDefault();
    event.stopPropagation(); // else the notebook moves to the next cell
    const size = event.shiftKey ? 0.02 : 0.1;
    const [theta, psi] = model.get("start");
    moveTo(theta + size * KEYS[event.key][0], psi + size * KEYS[event.key][1]);
  });

  function draw() {
    const width = canvas.clientWidth;
    if (!width) return;
    const scale = window.devicePixelRatio || 1;
    canvas.width = canvas.height = Math.round(width * scale);
    const pen = canvas.getContext("2d");
    pen.scale(scale, scale);
    const ink = getComputedStyle(canvas).color;
    const dark = ink.match(/[\d.]+/g).slice(0, 3).reduce((sum, v) => sum + Number(v), 0) > 384; // light ink: dark theme
    const line = dark ? "#56b4e9" : "#0072b2";
    const at = (theta, psi) => [theta, -psi].map((v) => (v / model.get("extent") + 1) * (width / 2));
    pen.strokeStyle = pen.fillStyle = ink;

    pen.globalAlpha = 0.3; // axes and frame
    pen.strokeRect(0.5, 0.5, width - 1, width - 1);
    pen.beginPath();
    pen.moveTo(0, width / 2);
    pen.lineTo(width, width / 2);
    pen.moveTo(width / 2, 0);
    pen.lineTo(width / 2, width);
    pen.stroke();

    pen.globalAlpha = 0.55; // the field
    const field = floats(model, "arrows");
    const reach = Math.sqrt(2 * model.get("extent")) / (0.08 * width); // length as the root, or the slow centre vanishes
    for (let i = 0; i < field.length; i += 4) {
      const [x, y] = at(field[i], field[i + 1]);
      const speed = Math.hypot(field[i + 2], field[i + 3]);
      if (speed < 1e-9) continue;
      const [dx, dy] = [field[i + 2], -field[i + 3]].map((v) => v / Math.sqrt(speed) / reach);
      const turn = Math.atan2(dy, dx);
      pen.beginPath();
      pen.moveTo(x, y);
      pen.lineTo(x + dx, y + dy);
      for (const side of [2.6, -2.6]) {
        pen.moveTo(x + dx, y + dy);
        pen.lineTo(x + dx + 5 * Math.cos(turn + side), y + dy + 5 * Math.sin(turn + side));
      }
      pen.stroke();
    }

    pen.globalAlpha = 1; // the path, up to where it leaves all bounds
    pen.strokeStyle = pen.fillStyle = line;
    pen.lineWidth = 1.6;
    const path = floats(model, "path");
    pen.beginPath();
    let last = 0;
    for (let i = 0; i < path.length && Math.hypot(path[i], path[i + 1]) < 1e3; i += 2) {
      pen.lineTo(...at(path[i], path[i + 1]));
      last = i;
    }
    pen.stroke();
    const [endX, endY] = at(path[last], path[last + 1]);
    pen.fillRect(endX - 4, endY - 4, 8, 8);

    const [startX, startY] = at(...model.get("start"));
    pen.beginPath();
    pen.arc(startX, startY, 8, 0, 2 * Math.PI);
    pen.fillStyle = "#d55e00";
    pen.fill();
    pen.strokeStyle = ink;
    pen.stroke();
    pen.font = "13px sans-serif";
    pen.fillStyle = ink;
    pen.strokeStyle = dark ? "#111" : "#fff"; // a halo, so that the words read over the arrows
    pen.lineWidth = 4;
    for (const [words, x, y] of [["θ (generator) →", width - 108, width / 2 - 6], ["↑ ψ (discriminator)", width / 2 + 6, 16]]) {
      pen.strokeText(words, x, y);
      pen.fillText(words, x, y);
    }
  }

  function refresh() {
    const [theta, psi] = model.get("start");
    const where = `Start at theta ${theta.toFixed(2)}, psi ${psi.toFixed(2)}.`;
    canvas.setAttribute("aria-label", `Arrow field of the game, with the path of play. ${where} Arrow keys move it.`);
    select.value = model.get("method");
    for (const { name, input, value } of sliders) {
      input.value = model.get(name);
      value.textContent = model.get(name).toFixed(2);
    }
    verdict.textContent = model.get("verdict");
    details.textContent = model.get("details");
    draw();
  }

  const events = ["method", "start", "lr_g", "lr_d", "gamma", "path", "arrows", "verdict"].map((n) => `change:${n}`);
  model.on(events.join(" "), refresh);
  const size = new ResizeObserver(draw);
  size.observe(canvas);
  const theme = new MutationObserver(draw); // JupyterLab marks a change of theme on the body
  theme.observe(document.body, { attributes: true });
  refresh();
  return () => {
    model.off(events.join(" "), refresh);
    size.disconnect();
    theme.disconnect();
  };
}

export default { render };
