// The map of outcomes.py: a grid of squares to choose from, and beside it what the chosen square's runs made.
// Everything was sent at the start; only `cell`, the chosen square, goes back.

const STYLE = `
.outcomes { display: flex; flex-wrap: wrap; gap: 16px 28px; align-items: flex-start; padding: 6px;
  color: var(--jp-ui-font-color1, inherit); font: 14px/1.4 var(--jp-ui-font-family, system-ui, sans-serif); }
.outcomes p { margin: 0; }
.outcomes .map, .outcomes .runs { display: grid; gap: 8px; min-width: 0; }
.outcomes .map { justify-items: start; overflow-x: auto; padding: 4px; }
.outcomes .runs { flex: 1 1 316px; }
.outcomes .map table { border-collapse: collapse; font-size: 12px; font-variant-numeric: tabular-nums; }
.outcomes .map :is(td, th) { padding: 0; font-weight: 400; }
.outcomes .map tbody th { padding-right: 6px; text-align: right; }
.outcomes .map tfoot th { padding-top: 4px; }
.outcomes .map td button { display: block; width: 42px; height: 30px; padding: 0; border: 1px solid transparent;
  border-radius: 0; font: inherit; cursor: pointer; }
.outcomes .map td button.none { color: inherit; border-color: currentColor; background: repeating-linear-gradient(45deg,
  transparent 0 5px, color-mix(in srgb, currentColor 35%, transparent) 5px 6px); }
.outcomes .map td button[aria-pressed=true] { box-shadow: 0 0 0 2px #fff, 0 0 0 5px #d55e00; position: relative; z-index: 1; }
.outcomes :focus-visible { outline: 3px solid currentColor; outline-offset: 5px; }
.outcomes .legend { width: min(100%, 300px); }
.outcomes .ramp { height: 12px; }
.outcomes .ends { display: flex; justify-content: space-between; font-size: 12px; }
.outcomes .pictures { display: flex; flex-wrap: wrap; gap: 10px; }
.outcomes figure { margin: 0; font-size: 12px; text-align: center; }
.outcomes figcaption { max-width: 150px; }
.outcomes canvas { display: block; width: 150px; height: 150px; border: 1px solid currentColor; }
.outcomes .runs table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; }
.outcomes .runs :is(th, td) { padding: 1px 10px 1px 0; text-align: right; font-weight: 400; white-space: nowrap; }
.outcomes .runs thead th { border-bottom: 1px solid currentColor; }
.outcomes .numbers { overflow-x: auto; }
.outcomes .said { font-weight: 600; }`;

const OUTSIDE = 65535;
const SIZE = 150; // of a picture, in pixels of the page
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] };

function render({ model, el }) {
  const [x, y, score] = model.get("names");
  const [xs, ys, cells] = ["xs", "ys", "cells"].map((name) => model.get(name));
  const view = model.get("points"); // a DataView that need not start on a multiple of two bytes
  const places = new Uint16Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
  const sets = model.get("lines").length + 1; // the runs, and the real points
  const each = places.length / sets;

  const squares = cells.map((row, j) => row.map((cell, i) => {
    const words = `${x} ${xs[i]}, ${y} ${ys[j]}: ${cell.colour ? `${score} ${cell.words}` : cell.words}`;
    // JupyterLab takes the arrow keys of a focused element for its own, unless the element itself has this mark.
    const node = make("button", { type: "button", "aria-label": words, title: words, "data-lm-suppress-shortcuts": "true" });
    node.textContent = cell.colour ? cell.words : cell.runs.length ? "×" : "";
    if (cell.colour) Object.assign(node.style, { background: cell.colour, color: cell.light ? "#000" : "#fff" });
    else node.className = "none";
    node.addEventListener("click", () => choose(i, j));
    node.addEventListener("keydown", (event) => {
      if (!(event.key in STEPS)) return;
      event.preventDefault();
      event.stopPropagation(); // else the notebook moves to another cell
      const [right, up] = STEPS[event.key];
      choose(Math.max(0, Math.min(xs.length - 1, i + right)), Math.max(0, Math.min(ys.length - 1, j + up)));
    });
    return node;
  }));
  const body = make("tbody");
  for (let j = ys.length - 1; j >= 0; j--) { // small values of y at the bottom, as on an axis
    body.append(make("tr", {}, make("th", { scope: "row" }, ys[j]), ...squares[j].map((square) => make("td", {}, square))));
  }
  const foot = make("tfoot", {}, make("tr", {}, make("td"), ...xs.map((value) => make("th", { scope: "col" }, value))));
  const table = make("table", { "aria-label": `${score} over ${x} and ${y}` }, body, foot);

  const ramp = make("div", { class: "ramp" });
  ramp.style.background = `linear-gradient(to right, ${model.get("legend").map(([colour]) => colour).join(", ")})`;
  const ends = make("div", { class: "ends" }, ...model.get("legend").map(([, value]) => make("span", {}, value)));
  const legend = make("div", { class: "legend" }, make("p", {}, `Colour: mean ${score}`), ramp, ends);
  const help = make("p", {}, "Click a square, or use the arrow keys. Hatched: no finite score.");
  const map = make("div", { class: "map" }, make("p", {}, `↑ ${y}`), table, make("p", {}, `→ ${x}`), legend, help);

  const said = make("p", { class: "said", role: "status" });
  const pictures = make("div", { class: "pictures" });
  const numbers = make("div", { class: "numbers" });
  const box = make("div", { class: "outcomes" }, map, make("div", { class: "runs" }, said, pictures, numbers));
  el.append(make("style", {}, STYLE), box);

  function choose(i, j) {
    model.set("cell", [i, j]);
    model.save_changes();
    squares[j][i].focus();
  }

  // The points of one set in the frame: real ones are blue dots, made ones orange triangles.
  function scatter(set, name) {
    const scale = window.devicePixelRatio || 1;
    const own = places.subarray(set * each, (set + 1) * each);
    let outside = 0;
    const canvas = make("canvas", { width: Math.round(SIZE * scale), height: Math.round(SIZE * scale), role: "img" });
    const pen = canvas.getContext("2d");
    pen.scale(scale, scale);
    pen.fillStyle = "#fff"; // paper in both themes: the colours were chosen on white
    pen.fillRect(0, 0, SIZE, SIZE);
    const real = set === sets - 1;
    pen.fillStyle = real ? "#0072B2" : "#E69F00";
    pen.globalAlpha = real ? 0.55 : 0.9;
    for (let i = 0; i < own.length; i += 2) {
      if (own[i] === OUTSIDE) {
        outside += 1;
        continue;
      }
      const left = (own[i] / (OUTSIDE - 1)) * SIZE;
      const top = (1 - own[i + 1] / (OUTSIDE - 1)) * SIZE;
      pen.beginPath();
      if (real) pen.arc(left, top, 1.8, 0, 2 * Math.PI);
      else for (const [a, b] of [[-2.2, 1.6], [2.2, 1.6], [0, -2.4]]) pen.lineTo(left + a, top + b);
      pen.fill();
    }
    const lost = outside ? `, ${outside} of ${own.length / 2} points outside the frame` : "";
    canvas.setAttribute("aria-label", `Points of ${name}${lost}`);
    return make("figure", {}, canvas, make("figcaption", {}, `${name}${lost}`));
  }

  function draw() {
    const [i, j] = model.get("cell");
    squares.forEach((row, b) => row.forEach((square, a) => {
      const here = a === i && b === j;
      square.setAttribute("aria-pressed", here);
      square.tabIndex = here ? 0 : -1; // Tab comes to the map once, and the arrow keys move in it
    }));
    const cell = cells[j][i];
    said.textContent = squares[j][i].getAttribute("aria-label");
    pictures.replaceChildren(scatter(sets - 1, "real"), ...cell.runs.map((run, k) => scatter(run, `run ${k + 1}`)));
    const head = make("tr", {}, ...["run", ...model.get("columns")].map((name) => make("th", { scope: "col" }, name)));
    const rows = cell.runs.map((run, k) =>
      make("tr", {}, make("th", { scope: "row" }, String(k + 1)), ...model.get("lines")[run].map((value) => make("td", {}, value))));
    numbers.replaceChildren(make("table", { "aria-label": "The runs of this square" }, make("thead", {}, head), make("tbody", {}, ...rows)));
  }

  model.on("change:cell", draw);
  draw();
  return () => model.off("change:cell", draw);
}

export default { render };
