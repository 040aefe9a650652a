// The laboratory: one view of the model. It puts the parts together, and draws once a frame of the screen whatever has
// changed. Python computes everything, and sends the next picture only when the last one was drawn.

const NO_KERNEL = "This is a picture of the last state: run the cell to play.";
const NO_ANSWER = 4000; // ms, after which we take it that there is no kernel

// The panels, from top to bottom: what makes each, whether it begins unfolded, and its drawings: [part, traits, method].
const PANELS = [
  ["controls", "Controls", true, makeControls, [["fields", "stage", "update"]]],
  ["timeline", "Timeline: look back, and fork", true, makeTimeline, [["timeline", "frame looking stage", "update"], ["log", "stage charts", "list"]]],
  ["charts", "Charts", true, makeCharts, [["charts", "charts stage looking", "draw"]]],
  ["truth", "What is true", false, makeTruth, [["truth", "truth", "update"]]],
  ["graph", "The two networks, and what flows between them", false, makeWiring, [["graph", "frame stage slow", "draw"]]],
  ["arena", "Arena: games side by side", false, makeArena, []],
  ["zoo", "Failure zoo", false, makeZoo, []],
  ["sides", "Play a side yourself", false, makeSeats, [["sides", "side stage", "update"]]],
  ["sheet", "Save and load", false, makeSheet, [["sheet", "saved", "update"]]],
]; // prettier-ignore

function render({ model, el }) {
  const dirty = new Set();
  let asked = 0, due = false, visible = true, touched = null;
  const lab = {
    model,
    names: () => model.get("names"),
    run: () => model.get("stage").runs[model.get("stage").focus],
    frameOf: (run) => model.get("frame").runs.find(({ id }) => id === run.id),
    touched: () => touched && touched.querySelector("summary"), // of the panel that the learner last used
    soon(part) {
      dirty.add(part);
      asked = asked || requestAnimationFrame(draw);
    },
  };
  const wishesMoved = () => ["bar", "stages", "fields", "timeline"].forEach(lab.soon);
  lab.talk = makeTalk(model, wishesMoved, heard, () => {
    all.disabled = true;
    lab.soon("bar");
  });

  const bar = makeBar(lab), news = makeNews(lab), stages = makeStages(lab);
  const still = make("p", { class: "lost", role: "status" }, NO_KERNEL);
  const main = make("div", { class: "main" }, stages.element);
  const all = make("fieldset", {}, bar.element, news.element, main); // one switch for every control
  const lost = make("div"); // what `sayWhenLost` says
  const root = make("div", { class: "lab", role: "region", "aria-label": "Laboratory", tabindex: -1, ...KEYS_OURS }, still, lost, all);
  el.append(make("style", {}, [LAB_STYLE, STAGE_STYLE, CHART_STYLE, GRAPH_STYLE].join("\n")), root);

  const parts = new Map([ // what draws, and on the change of which traits; in this order
    ["bar", ["playing trained speed slow looking frame stage", bar.update]],
    ["news", ["said notice busy", news.update]],
    ["stages", ["stage layers", stages.update]],
    ["pictures", ["frame stage layers truth", stages.draw]],
  ]); // prettier-ignore
  const made = { stages, news };
  const shown = model.get("panels"), beside = ["controls", "zoo", "truth", "charts"].find((key) => shown.includes(key));
  for (const [key, title, open, maker, drawings] of PANELS) {
    if (!shown.includes(key)) continue;
    const part = (made[key] = maker(lab));
    const names = drawings.map(([name]) => name);
    // A lesson that asks for a few panels wants them seen.
    const panel = makePanel(title, open || shown.length <= 4, part.element, () => names.forEach(lab.soon));
    for (const [name, traits, method] of drawings) parts.set(name, [traits, () => panel.open && part[method]()]);
    if (key === beside) panel.classList.add("side");
    (key === beside ? main : all).append(panel);
  }

  function draw() {
    asked = 0;
    const now = new Set(dirty);
    dirty.clear();
    try {
      if (visible) for (const [name, [, act]] of parts) if (now.has(name)) act();
    } finally {
      acknowledge(); // else one picture that cannot be drawn would be the last
    }
  }
  function acknowledge() {
    if (due) lab.talk.drawn(model.get("frame").n);
    due = false;
  }

  const listeners = new Map(); // trait -> what to call
  for (const trait of new Set([...parts.values()].flatMap(([traits]) => traits.split(" ")))) {
    const names = [...parts].filter(([, [traits]]) => traits.split(" ").includes(trait)).map(([name]) => name);
    listeners.set(trait, () => {
      if (trait === "frame") due = true;
      names.forEach(lab.soon);
      if (trait === "frame" && document.hidden) acknowledge(); // a hidden page draws nothing, and the game goes on
    });
  }
  for (const [trait, listener] of listeners) model.on(`change:${trait}`, listener);

  function setAlive(alive) {
    still.hidden = alive;
    all.disabled = !alive;
    lab.soon("bar");
  }
  function heard(ops) {
    clearTimeout(silence);
    setAlive(true);
    if (ops.length) news.renew();
    if (made.sheet) made.sheet.heard(ops);
    lab.soon("news");
    wishesMoved();
  }
  setAlive(model.comm_live !== false);
  const silence = setTimeout(() => setAlive(false), NO_ANSWER);
  sayWhenLost(model, lost);

  for (const touch of ["focusin", "pointerdown"]) root.addEventListener(touch, ({ target }) => (touched = target.closest(".panel")));
  root.addEventListener("keydown", (event) => {
    const { key, target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || key === "Tab" || (key === "Enter" && event.shiftKey)) return;
    event.stopPropagation(); // else the notebook moves to another cell
    const writes = target.matches("select, textarea, input:not([type=range], [type=checkbox], [type=file])");
    const presses = target.matches("button, summary, input:not([type=range])"); // the space bar is theirs
    if (event.defaultPrevented || event.repeat || writes || all.disabled) return;
    if (key !== "k" && (key !== " " || presses)) return;
    event.preventDefault();
    bar.toggle();
  });

  const onHide = () => document.hidden && acknowledge();
  document.addEventListener("visibilitychange", onHide);
  const sight = new IntersectionObserver((entries) => {
    visible = entries[entries.length - 1].isIntersecting;
    if (visible) parts.forEach((_, name) => lab.soon(name)); // what was not drawn while it was out of sight
  });
  sight.observe(root);

  parts.forEach((_, name) => lab.soon(name));
  return () => {
    for (const [trait, listener] of listeners) model.off(`change:${trait}`, listener);
    document.removeEventListener("visibilitychange", onHide);
    sight.disconnect();
    clearTimeout(silence);
    cancelAnimationFrame(asked);
    for (const part of Object.values(made)) if (part.destroy) part.destroy();
    lab.talk.end();
  };
}

export default { render };
