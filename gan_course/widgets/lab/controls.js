// The settings of the steered run. What is live takes effect at the next turn; the rest begins the run anew.

function group(title, mark, ...children) {
  return make("fieldset", {}, make("legend", {}, title, " ", tag(mark)), ...children);
}

function makeControls(lab) {
  const { talk } = lab, names = lab.names(), fields = makeFields(lab);
  const { list, number, slider, flag } = fields;
  const LIVE = "live", ANEW = "begins anew";

  const choices = names.data.map((name) => (name === "drawing" ? [name, "draw your own …"] : name));
  const data = makeList("data", choices, (name) => {
    showSketch(name === "drawing");
    if (name !== "drawing") talk.wish("set.data", name, { op: "set", name: "data", value: name });
    lab.soon("fields");
  });
  const pencil = makeButton("Draw", () => showSketch(paper.hidden), { "aria-expanded": "false" });
  const paper = make("div", { class: "paper" });
  paper.hidden = true;
  let sketch = null, extent = "";

  function showSketch(open) {
    const run = lab.run();
    if (open && sketch === null) {
      const onUse = (points) => talk.ask({ op: "draw", points });
      sketch = makeSketch(paper, { extent: run.extent, points: run.setup.points, onUse });
      extent = run.extent.join();
    }
    paper.hidden = !open;
    pencil.setAttribute("aria-expanded", open);
    setText(pencil, open ? "Close" : "Draw");
  }

  const player = (letter, who) =>
    group(`${who} ${letter}`, LIVE, list(`opt_${letter.toLowerCase()}`, "optimiser"),
      slider(`lr_${letter.toLowerCase()}`, "learning rate"), slider(`${letter.toLowerCase()}_steps`, "steps per turn")); // prettier-ignore
  const penalties = names.penalties.map((name) => slider(PENALTY + name, name));
  const holds = group("What holds D back", LIVE, make("p", { class: "hint" }, "Weights; 0 is without."), ...penalties, slider("clip", "weight clipping"));
  holds.classList.add("holds");
  const element = make("div", { class: "controls" },
    make("div", { class: "pair" },
      group("Data", ANEW, make("div", { class: "row" }, data.element, pencil)),
      group("Loss", LIVE, list("loss", "loss"))),
    paper,
    make("div", { class: "pair" }, player("D", "Discriminator"), player("G", "Generator")),
    holds,
    make("details", {}, make("summary", KEYS_OURS, "Networks, noise and chance ", tag(ANEW)),
      make("div", { class: "pair" },
        group("D", ANEW, list("discriminator", "network"), number("d_layers", "hidden layers"), number("d_width", "width"), flag("spectral", "spectral norm")),
        group("G", ANEW, list("generator", "network"), number("g_layers", "hidden layers"), number("g_width", "width"), number("average", "averaging"))),
      group("Noise and chance", ANEW,
        make("div", { class: "pair" }, list("noise", "noise"), number("noise_dim", "dimensions"), number("batch", "batch size"), number("seed", "seed"))))); // prettier-ignore

  function update() {
    const run = lab.run();
    data.input.value = talk.current("set.data", run.setup.data);
    fields.show(run.setup);
    if (sketch !== null && run.extent.join() !== extent) {
      extent = run.extent.join();
      sketch.setExtent(run.extent);
    }
  }
  return { element, update, destroy: () => sketch !== null && sketch.destroy() };
}
