// One stage, or a grid of up to six, each with its name, how it differs from the first, and buttons; and the layers.

const LAYER_NAMES = [
  ["real", "real points"], ["density", "their density"], ["fake", "fakes"], ["verdict", "what D says"],
  ["sheet", "G's sheet"], ["arrows", "pull on each fake"], ["optimal", "the best D"],
]; // prettier-ignore

function makeStages(lab) {
  const { model, talk } = lab;
  const grid = make("div", { class: "stages" });
  const layers = make("fieldset", { class: "layers" }, make("legend", {}, "Show"));
  const checks = LAYER_NAMES.map(([layer, words]) => {
    const check = makeCheck(words, (on) => {
      const others = model.get("layers").filter((name) => name !== layer);
      model.set("layers", on ? [...others, layer] : others);
      model.save_changes();
    });
    layers.append(check.element);
    return { layer, ...check };
  });
  let stages = [];

  function makeOne(small) {
    const name = make("strong"), how = make("span", { class: "how" });
    const one = { run: null, small, name, how };
    one.focus = makeButton("Steer", () => talk.wish("focus", one.run.id, { op: "focus", run: one.run.id }));
    one.close = makeButton("×", () => talk.ask({ op: "close", run: one.run.id }));
    one.swatch = make("span", { class: "swatch", "aria-hidden": "true" });
    const head = make("figcaption", {}, one.swatch, name, how, make("span", { class: "group" }, one.focus, one.close));
    one.element = make("figure", { class: "one" }, head);
    one.stage = makeStage(one.element, { small });
    return one;
  }

  function fit(runs) {
    const small = runs.length > 1;
    if (stages.length === runs.length && stages[0].small === small) return;
    const focused = grid.contains(document.activeElement);
    for (const one of stages) one.stage.destroy();
    stages = runs.map(() => makeOne(small));
    grid.replaceChildren(...stages.map((one) => one.element));
    if (focused) grid.closest(".lab").focus(); // else the keyboard would be thrown out of the widget
    grid.dataset.runs = runs.length;
  }

  // What seldom changes: names, differences, who is steered.
  function update() {
    const { runs } = model.get("stage"), focus = talk.current("focus", model.get("stage").focus);
    fit(runs);
    stages.forEach((one, i) => {
      one.run = runs[i];
      const steered = i === focus;
      one.element.classList.toggle("steered", steered && runs.length > 1);
      one.element.querySelector("figcaption").hidden = runs.length === 1;
      one.swatch.style.background = RUN_COLOURS[i % RUN_COLOURS.length];
      setText(one.name, `Run ${runs[i].name}`);
      setText(one.how, describeRun(runs[i], runs));
      setText(one.focus, steered ? "Steered" : "Steer");
      one.focus.setAttribute("aria-pressed", steered);
      one.focus.setAttribute("aria-label", `Steer run ${runs[i].name}`);
      one.close.setAttribute("aria-label", `Close run ${runs[i].name}`);
    });
    const chosen = model.get("layers");
    for (const { layer, input } of checks) input.checked = chosen.includes(layer);
  }

  function draw() {
    const chosen = model.get("layers"), focus = model.get("stage").focus;
    for (const one of stages) {
      const frame = lab.frameOf(one.run);
      if (frame) one.stage.draw(one.run, frame, chosen, one.run.id === focus ? model.get("truth") : null);
    }
  }
  const destroy = () => stages.forEach((one) => one.stage.destroy());
  return { element: make("div", { class: "stage-side" }, grid, layers), update, draw, destroy };
}
