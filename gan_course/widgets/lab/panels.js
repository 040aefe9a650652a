// The panels round the stage that have no file of their own. Each can be folded away.

// What is folded draws nothing; `opened` is called when it is unfolded.
function makePanel(title, open, body, opened) {
  const element = make("details", { class: "panel" }, make("summary", { ...KEYS_OURS }, title), body);
  element.open = open;
  element.addEventListener("toggle", () => element.open && opened());
  return element;
}

// Of one run, two curves share a chart; of several, each has its own. `modal`: only where the data have modes.
const CHARTS = [
  { title: "Losses", series: [{ key: "d_loss", label: "D", colour: "dis", dash: [5, 3] }, { key: "g_loss", label: "G", colour: "gen" }], of: "one" },
  { title: "D's loss", series: [{ key: "d_loss", label: "D", colour: "dis" }], of: "several" },
  { title: "G's loss", series: [{ key: "g_loss", label: "G", colour: "gen" }], of: "several" },
  { title: "JS to the data, nats", series: [{ key: "js", label: "JS", colour: "gen" }], floor: true },
  { title: "KL, nats", series: [{ key: "kl", label: "data ‖ fakes", colour: "gen" }, { key: "reverse_kl", label: "fakes ‖ data", colour: "theory", dash: [5, 3] }], floor: true, log: true, of: "one" },
  { title: "KL(data ‖ fakes), nats", series: [{ key: "kl", label: "KL", colour: "gen" }], floor: true, log: true, of: "several" },
  { title: "KL(fakes ‖ data), nats", series: [{ key: "reverse_kl", label: "KL", colour: "gen" }], floor: true, log: true, of: "several" },
  { title: "Wasserstein distance", series: [{ key: "w1", label: "W1", colour: "gen" }], floor: true },
  { title: "Modes covered", series: [{ key: "modes", label: "modes", colour: "gen" }], modal: true },
  { title: "Good fakes", series: [{ key: "quality", label: "share", colour: "gen" }], floor: true, modal: true },
]; // prettier-ignore

function makeCharts(lab) {
  const { model } = lab;
  const element = make("div", { class: "charts" });
  const charts = CHARTS.map(({ modal = false, of = "any", ...options }) => ({ modal, of, chart: makeChart(element, options) }));
  function draw() {
    const { runs, floor } = model.get("charts"), { runs: stageRuns, focus } = model.get("stage");
    const cursor = lab.talk.current("looking", model.get("looking")), hasModes = model.get("truth").modes_total != null;
    const not = runs.length > 1 ? "one" : "several";
    for (const { modal, of, chart } of charts) {
      chart.element.hidden = of === not || (modal && !hasModes);
      if (!chart.element.hidden) chart.draw(runs, { stageRuns, focus, floor, cursor });
    }
  }
  return { element, draw, destroy: () => charts.forEach(({ chart }) => chart.destroy()) };
}

function makeWiring(lab) {
  const { model } = lab;
  const element = make("div"), graph = makeGraph(element);
  function draw() {
    const run = lab.run(), frame = lab.frameOf(run);
    if (frame) graph.draw(run, frame, model.get("slow"));
  }
  return { element, draw, destroy: graph.destroy };
}

function makeSeats(lab) {
  const { model, talk } = lab;
  const element = make("div");
  // Of where a dragged point is, only the last place counts.
  const sides = makeSides(element, (op) => talk.ask(op, op.op === "drag" ? `drag.${op.i}` : null));
  return { element, update: () => sides.update(model.get("side"), lab.run()), destroy: sides.destroy };
}

const TRUTHS = [
  ["js", "JS divergence, nats", "0 where fakes and data are spread alike, at most 0.693"],
  ["kl", "KL(data ‖ fakes), nats", "large where the fakes miss data"],
  ["reverse_kl", "KL(fakes ‖ data), nats", "large where fakes lie and no data does"],
  ["w1", "Wasserstein distance", "how far the fakes would have to be carried"],
  ["modes", "modes covered", "clusters of the data that fakes reach"],
  ["quality", "good fakes", "share within three widths of a cluster"],
];

function makeTruth(lab) {
  const { model } = lab;
  const rows = TRUTHS.map(([key, title, meaning]) => {
    const [now, best] = [make("td"), make("td")];
    return { key, now, best, row: make("tr", {}, make("th", { scope: "row" }, title, make("small", {}, meaning)), now, best) };
  });
  const heads = ["", "the fakes", "real data"].map((words) => make("th", { scope: "col" }, words));
  const element = make("div", {}, make("table", {}, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...rows.map((r) => r.row))),
    make("p", { class: "hint" }, "“Real data” is the floor: what as many real points would score.")); // prettier-ignore
  function update() {
    const { numbers, floor, modes_total: total } = model.get("truth");
    if (!numbers) return;
    for (const { key, row, now, best } of rows) {
      row.hidden = total == null && (key === "modes" || key === "quality");
      setText(now, key === "modes" && total != null ? `${say(numbers[key])} of ${total}` : say(numbers[key]));
      setText(best, say(floor[key]));
    }
  }
  return { element, update };
}

function makeZoo(lab) {
  const { talk } = lab;
  const cards = lab.names().zoo.map(({ key, title, story, cure }) => {
    const ill = makeButton(`Fall ill: ${title}`, () => talk.ask({ op: "ill", key }));
    return make("li", {}, ill, make("p", {}, story), ...(cure ? [make("p", { class: "hint" }, `The cure: ${cure}`)] : []));
  });
  const cure = makeButton("Cure it", () => talk.ask({ op: "cure" }));
  const hint = make("p", { class: "hint" }, "One click begins a seeded run that falls ill, in place of the present ones.");
  return { element: make("div", { class: "zoo" }, hint, make("ul", {}, ...cards), make("div", { class: "row" }, cure, "gives the patient its cure, and lets it work.")) };
}

const PRESETS = [
  ["Six losses", (names) => names.loss.slice(0, 6).map((loss) => ({ loss }))],
  ["Five D steps, or one", () => [{ d_steps: 1 }, { d_steps: 5 }]],
  ["Learning rates", () => [[0.005, 0.005], [0.02, 0.005], [0.005, 0.02], [0.001, 0.001], [0.02, 0.02], [0.05, 0.05]].map(([lr_d, lr_g]) => ({ lr_d, lr_g }))],
  ["Penalties", (names) => [{}, ...names.penalties.slice(0, 5).map((name) => ({ [name]: 1 }))].map((penalties) => ({ penalties }))],
]; // prettier-ignore

// The i-th value to compare: names as they are listed; numbers from the present one on, each twice the last.
function offerOf(names, name, value, i) {
  const { choices, flag } = settingOf(name);
  if (choices) return names[choices][i % names[choices].length];
  return flag ? i % 2 === 1 : Math.min(limitsOf(names, name)[1], i ? (value || 0.5) * 2 ** i : value);
}

// The same data and seed under up to six rules, from turn 0, in step.
function makeArena(lab) {
  const { talk } = lab, names = lab.names();
  const start = (changes) => talk.ask({ op: "arena", changes });
  const presets = PRESETS.map(([title, changes]) => makeButton(title, () => start(changes(names))));
  const mayDiffer = settingsOf(names).filter((name) => name !== "data" && name !== "seed");
  const what = makeList("setting", mayDiffer.map((name) => [name, settingOf(name).title]), offer);
  const place = make("span", { class: "group values", role: "group", "aria-label": "Values to compare" });
  let values = [];
  function offer(name) {
    values = [];
    add(name);
    add(name);
  }
  function add(name) {
    const i = values.length;
    values.push(makeValue(names, name, offerOf(names, name, settingValue(lab.run().setup, name), i), `value ${i + 1}`));
    show();
  }
  function show() {
    place.replaceChildren(...values.map((value) => value.element));
    more.disabled = values.length >= 6;
  }
  const more = makeButton("One more", () => add(what.input.value));
  const go = makeButton("Start these", () => start(values.map((value) => ({ [what.input.value]: value.value() }))));
  what.input.value = "lr_d";
  offer("lr_d");
  const hint = make("p", { class: "hint" }, "Games with the same data and seed, from turn 0 and in step, in place of the present ones. Then press Play.");
  const own = make("div", { class: "row" }, "Your own: ", what.element, place, more, go);
  return { element: make("div", { class: "arena" }, hint, make("div", { class: "row" }, ...presets), own) };
}
