// The game as a graph: what flows from the noise to both losses, and how each loss's gradient flows back to its player.
//
// makeGraph(host) -> {element, draw(stageRun, frameRun, slow), destroy()}. slow: the trait, {} outside slow motion.
// Each node is a button with a live picture; pressed, pointed at or focused, it says below what it is.

const GRAPH_STYLE = `
.lab-graph { min-width: 0; }
.lab-graph-grid { position: relative; display: grid; grid-template-columns: repeat(5, minmax(0, 1fr));
  gap: 21px clamp(14px, 4%, 34px); max-width: 860px; container-type: inline-size; }
.lab-graph-grid > svg { position: absolute; inset: 0; width: 100%; height: 100%; overflow: visible;
  pointer-events: none; }
.lab-graph .lab-node { position: relative; display: flex; flex-direction: column; align-items: center; gap: 2px;
  min-width: 0; margin: 0; padding: 3px 2px; color: inherit; border: 1px solid currentColor; border-radius: 6px;
  background: var(--lab-paper, var(--jp-layout-color1, canvas)); font-size: 12px; line-height: 1.25; cursor: pointer; }
.lab-node canvas { width: 100%; max-width: 84px; aspect-ratio: 1.1; border-radius: 3px; }
.lab-node .lab-title { max-width: 100%; font-weight: 600; white-space: nowrap; }
.lab-node .lab-number { max-width: 100%; overflow: hidden; text-overflow: ellipsis; white-space: nowrap;
  font-size: 11px; font-variant-numeric: tabular-nums; }
@container (max-width: 560px) { .lab-node .lab-title { font-size: 10px; } .lab-node .lab-number { font-size: 9.5px; } }
.lab-graph.lab-slow .lab-node:not(.lab-lit) { opacity: 0.5; }
.lab-graph .lab-node.lab-lit { border-width: 3px; padding: 1px 0; }
.lab-badge { position: absolute; z-index: 1; top: -17px; left: 50%; transform: translateX(-50%); display: none;
  padding: 0 7px; border-radius: 9px; color: #ffffff; font-weight: 700; white-space: nowrap; }
.lab-lit .lab-badge { display: block; }
.lab-graph-key { grid-area: 1 / 1 / 2 / 3; align-self: start; margin: 0; padding: 0; list-style: none;
  font-size: 12px; }
.lab-graph-key li { display: flex; gap: 6px; align-items: center; margin: 0 0 3px; }
.lab-graph-key svg { flex: none; width: 30px; height: 10px; }
.lab-graph-words { margin: 8px 0 0; min-height: 2.8em; font-size: 13px; }`;

const NODES = { // title, row, column
  reals: ["Real points", 1, 3], d_gradient: ["D's gradient", 1, 4], d_loss: ["D's loss", 1, 5],
  noise: ["Noise", 2, 1], generator: ["Generator", 2, 2], fakes: ["Fakes", 2, 3],
  discriminator: ["Discriminator", 2, 4], predictions: ["Predictions", 2, 5],
  g_gradient: ["G's gradient", 3, 3], g_loss: ["G's loss", 3, 5],
}; // prettier-ignore

const FLOWS = [ // from, to, in whose turns, and whether it is a gradient
  ["noise", "generator", "dg"], ["generator", "fakes", "dg"], ["fakes", "discriminator", "dg"],
  ["discriminator", "predictions", "dg"], ["reals", "discriminator", "d"],
  ["predictions", "d_loss", "d"], ["d_loss", "d_gradient", "d", true], ["d_gradient", "discriminator", "d", true],
  ["predictions", "g_loss", "g"], ["g_loss", "g_gradient", "g", true], ["g_gradient", "generator", "g", true],
]; // prettier-ignore
const FLOW_DASH = "6 4"; // of a gradient

// [what stands under its picture, what it says when asked] for each node.
function wordsOf(run, frame) {
  const { setup } = run, [real, fake] = frame.said.map((p) => p.toFixed(2)), [d, g] = frame.losses.map(say);
  const right = `${Math.round(100 * frame.right)} %`, noise = `${run.z_dim}-D ${setup.noise}`;
  const net = (kind, layers, width) => (setup[kind] === "layers" ? `${layers} × ${width} units` : setup[kind]);
  const G = net("generator", setup.g_layers, setup.g_width), D = net("discriminator", setup.d_layers, setup.d_width);
  return {
    noise: [noise, `Noise: 200 draws, ${noise}. They stay the same, so that you can follow each fake.`],
    generator: [G, `Generator, ${G}: it bends the noise into the plane. Many fakes lie where its sheet is strong.`],
    fakes: [`D: ${fake}`, `Fakes: 200 points that G makes of the noise. D gives them ${fake} on average.`],
    reals: [`D: ${real}`, `Real points: ${setup.data}. D gives them ${real} on average.`],
    discriminator: [D, `Discriminator, ${D}: blue where it says real, orange where it says fake.`],
    predictions: [`${right} right`, `Predictions: ${right} right. Blue: called real; orange: fake; cross: wrong.`],
    d_loss: [setup.loss, `D's loss: ${d} (${setup.loss}). It falls when D tells real from fake better.`],
    g_loss: [setup.loss, `G's loss: ${g} (${setup.loss}). It falls when D takes the fakes for real.`],
    d_gradient: ["norm", `D's gradient: norm ${say(frame.d_gradient)}. How strongly D's loss pulls at D's weights.`],
    g_gradient: [`norm ${say(frame.g_gradient)}`, `G's gradient: norm ${say(frame.g_gradient)} at G's weights. ` +
      "It comes through D: the arrows say where each fake would have to go to please D more."],
  }; // prettier-ignore
}

// The line from one node's box to another's, {x, y, w, h}; `shift` sets two flows of one line apart.
function flowPath(from, a, b, shift) {
  const [ax, ay, bx, by] = [a.x + a.w / 2, a.y + a.h / 2, b.x + b.w / 2, b.y + b.h / 2];
  if (from === "g_gradient") return `M${a.x} ${ay}H${bx + 12}Q${bx} ${ay} ${bx} ${ay - 12}V${b.y + b.h + 7}`;
  if (from === "reals") {
    const middle = (a.x + a.w + b.x) / 2, end = b.y + 0.25 * b.h;
    return `M${a.x + a.w} ${ay}C${middle + 8} ${ay} ${middle - 8} ${end} ${b.x - 7} ${end}`;
  }
  if (Math.abs(ax - bx) < 2) return by > ay ? `M${ax} ${a.y + a.h}V${b.y - 7}` : `M${ax} ${a.y}V${b.y + b.h + 7}`;
  return bx > ax ? `M${a.x + a.w} ${ay + shift}H${b.x - 7}` : `M${a.x} ${ay + shift}H${b.x + b.w + 7}`;
}

function makeSvg(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

let graphs = 0; // so that each has arrow heads of its own: those of a hidden graph would not be drawn

function makeGraph(host) {
  const own = `lab-graph-${++graphs}`;
  const flows = makeSvg("svg", { "aria-hidden": "true" }), grid = make("div", { class: "lab-graph-grid" }, flows);
  const key = make("ul", { class: "lab-graph-key" }), words = make("p", { class: "lab-graph-words" });
  const element = make("div", { class: "lab-graph", role: "group", "aria-label": "The game as a graph" }, grid, words);
  const picture = makeThumbnails(), nodes = {};
  let last = null, chosen = null, painted = 0, told = -Infinity, timer = 0, palette = null;

  grid.append(key);
  for (const [id, [title, row, column]] of Object.entries(NODES)) {
    const canvas = make("canvas", { "aria-hidden": "true" }), number = make("span", { class: "lab-number" });
    const badge = make("span", { class: "lab-badge", "aria-hidden": "true" });
    const button = make("button", { ...KEYS_OURS, type: "button", class: "lab-node", "data-node": id });
    button.style.gridArea = `${row} / ${column}`;
    button.append(badge, make("span", { class: "lab-title" }, title), canvas, number);
    for (const event of ["focus", "click", "pointerenter"]) button.addEventListener(event, () => choose(id));
    grid.append(button);
    const surface = makeSurface(canvas, () => last && picture(id, surface, ...last));
    nodes[id] = { button, number, badge, surface };
  }
  host.append(element);

  function drawFlows() {
    palette = nodes.fakes.surface.palette;
    const colours = { d: palette.dis, g: palette.gen };
    const box = ({ offsetLeft: x, offsetTop: y, offsetWidth: w, offsetHeight: h }) => ({ x, y, w, h });
    const boxes = Object.fromEntries(Object.entries(nodes).map(([id, { button }]) => [id, box(button)]));
    const heads = Object.entries(colours).map(([player, fill]) => makeSvg("marker", {
      id: `${own}-${player}`, viewBox: "0 0 8 8", refX: 1, refY: 4, markerWidth: 9, markerHeight: 9,
      markerUnits: "userSpaceOnUse", orient: "auto",
    }, makeSvg("path", { d: "M0 0L8 4L0 8Z", fill }))); // prettier-ignore
    const lines = FLOWS.flatMap(([from, to, players, gradient]) => [...players].map((player) => makeSvg("path", {
      d: flowPath(from, boxes[from], boxes[to], players === "dg" ? { d: -5, g: 5 }[player] : 0),
      fill: "none", stroke: colours[player], "stroke-dasharray": gradient ? FLOW_DASH : "none",
      "marker-end": `url(#${own}-${player})`, "data-player": player, "data-ends": `${from} ${to}`,
    }))); // prettier-ignore
    const { g_loss: a, g_gradient: b } = boxes;
    const note = makeSvg("text", {
      x: (a.x + b.x + b.w) / 2, y: a.y + a.h / 2 + 16, "text-anchor": "middle", "font-size": 12, fill: palette.ink,
    }, "back through D"); // prettier-ignore
    flows.replaceChildren(makeSvg("defs", {}, ...heads), ...lines, note);
    const entries = [
      ["D's turn", palette.dis], ["G's turn", palette.gen], ["gradients, on their way back", palette.ink, FLOW_DASH],
    ]; // prettier-ignore
    key.replaceChildren(...entries.map(([name, stroke, dash = "none"]) => {
      const line = makeSvg("path", { d: "M0 5H30", fill: "none", stroke, "stroke-width": 3, "stroke-dasharray": dash });
      return make("li", {}, makeSvg("svg", { viewBox: "0 0 30 10", "aria-hidden": "true" }, line), name);
    }));
    if (last) light(last[2]);
  }

  // Slow motion: what moves has a thick border, its number and thick lines; the rest is faint.
  function light(slow) {
    const on = Boolean(slow.lit), lit = new Set(slow.lit || []);
    element.classList.toggle("lab-slow", on);
    for (const [id, { button, badge }] of Object.entries(nodes)) {
      button.classList.toggle("lab-lit", lit.has(id));
      badge.textContent = lit.has(id) ? `▸ step ${slow.index}` : "";
      badge.style.background = slow.player === "d" ? "#00734f" : "#b34700"; // dark enough for white words
    }
    for (const line of flows.querySelectorAll("[data-player]")) {
      const flowing = !on || line.dataset.player === slow.player;
      const moving = on && flowing && line.dataset.ends.split(" ").every((id) => lit.has(id));
      line.setAttribute("stroke-width", moving ? 4.5 : 2);
      line.setAttribute("opacity", flowing ? 1 : 0.15);
    }
  }

  function choose(id) {
    chosen = id;
    tell();
  }

  function tell() {
    if (!last) return;
    const [run, frame, slow] = last, about = wordsOf(run, frame), lit = new Set(slow.lit || []);
    told = performance.now();
    words.textContent = chosen ? about[chosen][1] : "Press a node to read what it is, and its numbers.";
    for (const [id, { button }] of Object.entries(nodes)) {
      const moves = lit.has(id) ? ` It moves in step ${slow.index} of ${slow.of}.` : "";
      button.setAttribute("aria-label", about[id][1] + moves);
    }
  }

  function paint() {
    [timer, painted] = [0, performance.now()];
    const about = wordsOf(...last);
    for (const [id, { surface, number }] of Object.entries(nodes)) {
      picture(id, surface, ...last);
      if (number.textContent !== about[id][0]) number.textContent = about[id][0];
    }
    if (painted - told > 1000) tell(); // no screen reader follows faster
  }

  const size = new ResizeObserver(drawFlows);
  size.observe(grid);
  return {
    element,
    draw(run, frame, slow = {}) {
      const step = last && last[2].index;
      last = [run, frame, slow];
      if (palette !== nodes.fakes.surface.palette) drawFlows();
      else if (step !== slow.index) light(slow);
      const wait = 125 - (performance.now() - painted); // eight pictures a second are enough
      if (wait <= 0) paint();
      else if (!timer) timer = setTimeout(paint, wait);
    },
    destroy() {
      clearTimeout(timer);
      size.disconnect();
      for (const { surface } of Object.values(nodes)) surface.stop();
      element.remove();
    },
  };
}
