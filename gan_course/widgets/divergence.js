// Draws what divergence.py computed, and tells it what the learner wishes. Nothing is computed here.

const STYLE = `
.divergence { max-width: 760px; padding: 6px; color: var(--jp-ui-font-color1, inherit);
  font: 14px/1.4 var(--jp-ui-font-family, system-ui, sans-serif); }
.divergence svg { display: block; width: 100%; }
.divergence svg text { fill: currentColor; font-size: 12px; }
.divergence form { display: grid; grid-template-columns: repeat(auto-fit, minmax(210px, 1fr)); gap: 8px 24px; align-items: start; }
.divergence fieldset { border: 0; margin: 0; padding: 0; display: grid; gap: 8px; }
.divergence label { display: grid; grid-template-columns: 1fr auto; gap: 2px 8px; }
.divergence select, .divergence input { grid-column: 1 / -1; width: 100%; box-sizing: border-box; font: inherit; }
.divergence select { color: inherit; background: var(--jp-layout-color1, canvas); padding: 4px; }
.divergence :focus-visible { outline: 3px solid #d55e00; outline-offset: 2px; }
.divergence table { border-collapse: collapse; width: 100%; font-size: 13px; font-variant-numeric: tabular-nums; }
.divergence th { text-align: left; font-weight: 400; }
.divergence th, .divergence td { padding: 1px 0 1px 6px; }
.divergence td { text-align: right; white-space: nowrap; }
.divergence caption { text-align: left; font-weight: 600; }
.divergence .spoken { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }`;

const REAL = "#0072B2", FAKE = "#E69F00", DIS = "#009E73";
const LEFT = 34, RIGHT = 548; // the picture's frame, in units of the viewBox
const TOP = 22, BASE = 196; // densities, from 0 to TALLEST
const TOP_D = 262, BASE_D = 340; // D*, from 0 to 1
const TALLEST = 1.02;
const KEYS = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "PageUp", "PageDown"];
const LONGEST = 3; // a pull of more than this is drawn this long, with a double head

function shape(tag, attributes = {}, words = "") {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.textContent = words;
  return node;
}

function figures(value) {
  if (Math.abs(value) < 1e-12) return "0"; // what is left is rounding
  if (Math.abs(value) < 1e-3) return value.toExponential(0).replace("e-", "·10^−");
  return Math.abs(value) < 10 ? value.toFixed(3) : value.toFixed(1);
}

function signed(value) {
  const size = figures(Math.abs(value));
  return size === "0" ? size : (value < 0 ? "−" : "+") + size;
}

function render({ model, el }) {
  sayWhenLost(model, el);
  const ranges = model.get("ranges");
  const [low, high] = ranges.x;
  const across = (x) => LEFT + ((x - low) / (high - low)) * (RIGHT - LEFT);

  const select = make("select", {}, ...model.get("names").map((name) => make("option", { value: name }, name)));
  const controls = make("fieldset", {}, make("label", {}, "Data p", select));
  const sliders = [["mean", "Mean of q"], ["std", "Width of q (std)"]].map(([name, title]) => {
    const [min, max, step] = ranges[name];
    const input = make("input", { type: "range", min, max, step });
    const value = make("output");
    controls.append(make("label", {}, title, value, input));
    input.addEventListener("input", () => wish(name, Number(input.value)));
    return { name, input, value };
  });
  const distances = make("table");
  const pulls = make("table");
  const spoken = make("p", { class: "spoken", "aria-live": "polite" });
  const form = make("form", {}, controls, distances, pulls, spoken);
  form.addEventListener("keydown", (event) => {
    if (KEYS.includes(event.key)) event.stopPropagation(); // else JupyterLab takes the slider's keys for its own
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  select.addEventListener("change", () => wish("data", select.value));
  const svg = shape("svg", { viewBox: "0 0 588 376", role: "img" });
  el.append(make("style", {}, STYLE), make("div", { class: "divergence" }, svg, form));

  // ipywidgets sends one message at a time and, of those that wait, only the newest values.
  function wish(name, value) {
    model.set(name, value);
    model.save_changes();
    setControls();
  }

  function arrow(y, pull, name) {
    const from = across(model.get("mean"));
    const to = across(model.get("mean") + Math.max(-LONGEST, Math.min(LONGEST, pull)));
    const side = Math.sign(to - from) || 1;
    const heads = Math.abs(pull) > LONGEST ? [0, 7] : Math.abs(to - from) > 9 ? [0] : [];
    const head = (back) => `M${to - side * (back + 7)},${y - 5}L${to - side * back},${y}L${to - side * (back + 7)},${y + 5}`;
    const line = `M${from},${y}H${to}${heads.map(head).join("")}`;
    const words = { x: from - side * 8, y: y + 4, "text-anchor": side > 0 ? "end" : "start" };
    return [
      shape("path", { d: line, fill: "none", stroke: "currentColor", "stroke-width": 2 }),
      shape("circle", { cx: from, cy: y, r: 3, fill: "currentColor" }),
      shape("text", words, name),
    ];
  }

  function draw() {
    const view = model.get("curves"); // a DataView that need not start on a multiple of four bytes
    const rows = new Float32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
    const curve = (column, height) => {
      let d = "";
      for (let i = 0; i < rows.length; i += 4) d += `${i ? "L" : "M"}${across(rows[i])},${height(rows[i + column])}`;
      return d;
    };
    const density = (y) => BASE - (y / TALLEST) * (BASE - TOP);
    const chance = (y) => BASE_D - y * (BASE_D - TOP_D);
    const line = (d, colour, dash = "") =>
      shape("path", { d, fill: "none", stroke: colour, "stroke-width": 2.5, "stroke-dasharray": dash });
    const faint = (d) => shape("path", { d, stroke: "currentColor", opacity: 0.35, "stroke-dasharray": "2 3" });
    const ticks = [-6, -4, -2, 0, 2, 4, 6].map((x) =>
      shape("text", { x: across(x), y: 358, "text-anchor": "middle" }, x),
    );
    svg.replaceChildren(
      faint(`M${LEFT},${BASE}H${RIGHT}`),
      faint(`M${LEFT},${chance(0)}H${RIGHT}M${LEFT},${chance(0.5)}H${RIGHT}M${LEFT},${chance(1)}H${RIGHT}`),
      line(curve(1, density), REAL),
      line(curve(2, density), FAKE, "7 4"),
      line(curve(3, chance), DIS),
      shape("text", { x: LEFT, y: 14, style: `fill:${REAL};font-weight:600` }, "— p, data"),
      shape("text", { x: LEFT + 80, y: 14, style: `fill:${FAKE};font-weight:600` }, "- - q, generator"),
      shape("text", { x: LEFT, y: TOP_D - 6, style: `fill:${DIS};font-weight:600` }, "— D* = p / (p + q)"),
      ...["0", "½", "1"].map((words, i) =>
        shape("text", { x: LEFT - 6, y: chance(i / 2) + 4, "text-anchor": "end" }, words),
      ),
      ...ticks,
      shape("text", { x: RIGHT, y: 374, "text-anchor": "end" }, "x"),
      ...arrow(BASE + 16, model.get("pulls").minimax[0], "minimax"),
      ...arrow(BASE + 36, model.get("pulls")["non-saturating"][0], "non-saturating"),
    );
  }

  function row(...cells) {
    return make("tr", {}, make("th", { scope: "row" }, cells[0]), ...cells.slice(1).map((cell) => make("td", {}, cell)));
  }

  function setControls() {
    select.value = model.get("data");
    for (const { name, input, value } of sliders) {
      input.value = model.get(name);
      value.textContent = model.get(name).toFixed(2);
    }
  }

  let speak = 0;
  function refresh() {
    setControls();
    draw();
    const numbers = Object.entries(model.get("numbers"));
    distances.replaceChildren(
      make("caption", {}, "How far is q from p?"),
      ...numbers.map(([name, value]) => row(name, figures(value) + (name.startsWith("JS") ? " of 0.693" : ""))),
    );
    const moves = Object.entries(model.get("pulls"));
    pulls.replaceChildren(
      make("caption", {}, "Pull on G, with D* held still"),
      row("", "mean", "width"),
      ...moves.map(([name, both]) => row(name, ...both.map((pull) => signed(pull)))),
    );
    const said = [...numbers, ...moves.map(([name, both]) => [`${name} pull on the mean`, both[0]])];
    const sentence = said.map(([name, value]) => `${name} ${figures(value)}`).join("; ");
    svg.setAttribute("aria-label", `Densities p and q, the optimal discriminator, and two arrows at the mean of q. ${sentence}.`);
    clearTimeout(speak); // a reader of screens hears where a drag ended, not its every step
    speak = setTimeout(() => (spoken.textContent = sentence), 600);
  }

  const events = ["data", "mean", "std", "curves", "numbers", "pulls"].map((name) => `change:${name}`).join(" ");
  model.on(events, refresh);
  refresh();
  return () => {
    model.off(events, refresh);
    clearTimeout(speak);
  };
}

export default { render };
