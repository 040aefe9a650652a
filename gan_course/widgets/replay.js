// The player's controls. Its pictures are drawn by replay_draw.js, which stands before it. The whole tape is here, so
// moving the slider asks the kernel for nothing.

const STYLE = `
.replay { display: grid; gap: 8px; max-width: 640px; padding: 6px;
  color: var(--jp-ui-font-color1, inherit); font: 14px/1.4 var(--jp-ui-font-family, system-ui, sans-serif); }
.replay canvas { width: 100%; border-radius: 4px; background: #fff; }
.replay canvas.plane { width: min(100%, 480px); aspect-ratio: 1; }
.replay canvas.line { aspect-ratio: 16 / 10; }
.replay :focus-visible { outline: 3px solid #d55e00; outline-offset: 2px; }
.replay .row { display: flex; flex-wrap: wrap; gap: 4px 14px; align-items: center; }
.replay .row input[type=range] { flex: 1 1 200px; }
.replay button { font: inherit; color: inherit; min-width: 5em; padding: 3px 10px; border: 1px solid currentColor;
  border-radius: 4px; background: var(--jp-layout-color1, canvas); cursor: pointer; }
.replay fieldset { border: 0; margin: 0; padding: 0; }
.replay legend { float: left; padding: 0; margin-right: 14px; }
.replay p { margin: 0; min-height: 2.8em; }`;

const VIEWS = [
  ["everything", "everything"],
  ["discriminator", "what the discriminator sees"],
  ["generator", "what the generator sees"],
];
const SECONDS = 6; // one pass over the tape

// Radio buttons of different widgets must not share a name, and each widget loads this file afresh: no counter will do.

function render({ model, el }) {
  const canvas = make("canvas", { role: "img", class: model.get("dim") === 2 ? "plane" : "line" });
  const play = make("button", { type: "button" }, "Play");
  const slider = make("input", { type: "range", min: 0, max: model.get("turns").length - 1, "aria-label": "Turn" });
  const readout = make("output");
  const name = `replay-view-${Math.random()}`;
  const choices = VIEWS.map(([value, words]) => {
    const input = make("input", { type: "radio", name, value });
    input.addEventListener("change", () => wish("view", value));
    return [input, make("label", {}, input, ` ${words}`)];
  });
  const labels = make("input", { type: "checkbox" });
  const told = make("label", {}, labels, " labels (only the loss reads them)");
  const words = make("p");
  const box = make("div", { class: "replay" }, canvas, make("div", { class: "row" }, play, slider, readout));
  const show = make("fieldset", {}, make("legend", {}, "Show"), make("div", { class: "row" }, ...choices.map((c) => c[1]), told));
  box.append(show, words);
  el.append(make("style", {}, STYLE), box);
  // JupyterLab would take these keys for itself and move to another cell.
  const OURS = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "PageUp", "PageDown", " ", "Enter"];
  box.addEventListener("keydown", (event) => {
    if (OURS.includes(event.key) && !event.shiftKey && !event.ctrlKey && !event.metaKey) event.stopPropagation();
  });

  let tape = unpack(model);
  let timer = null;
  let asked = 0;

  function wish(trait, value) {
    model.set(trait, value);
    model.save_changes();
  }
  function stop() {
    if (timer === null) return;
    clearInterval(timer);
    timer = null;
    model.save_changes(); // the kernel learns only where the film came to rest
    refresh();
  }
  function start() {
    const last = tape.turns.length - 1;
    if (model.get("position") >= last) model.set("position", 0);
    timer = setInterval(() => {
      if (model.get("position") >= last) return stop();
      model.set("position", model.get("position") + 1);
    }, Math.max(40, (1000 * SECONDS) / tape.turns.length));
    refresh();
  }
  play.addEventListener("click", () => (timer === null ? start() : stop()));
  slider.addEventListener("input", () => {
    stop();
    wish("position", Number(slider.value));
  });
  labels.addEventListener("change", () => wish("labels", labels.checked));

  function draw() {
    asked = 0;
    const width = canvas.clientWidth, height = canvas.clientHeight;
    if (!width || !height) return;
    const scale = window.devicePixelRatio || 1;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    const pen = canvas.getContext("2d");
    pen.scale(scale, scale);
    const how = tape.dim === 2 ? drawPlane : drawLine;
    how(pen, width, height, tape, model.get("position"), model.get("view"), model.get("labels"));
  }
  // However often this is called between two frames of the screen, one picture is drawn: that of the last call.
  function soon() {
    asked = asked || requestAnimationFrame(draw);
  }
  function refresh() {
    const i = model.get("position"), view = model.get("view");
    slider.value = i;
    slider.setAttribute("aria-valuetext", `turn ${tape.turns[i]}`);
    readout.textContent = `turn ${tape.turns[i]}`;
    play.textContent = timer === null ? "Play" : "Pause";
    for (const [input] of choices) input.checked = input.value === view;
    labels.checked = model.get("labels");
    told.hidden = view !== "discriminator";
    words.textContent = describe(tape, i, view);
    if (timer === null) canvas.setAttribute("aria-label", `View: ${VIEWS.find((v) => v[0] === view)[1]}. ${words.textContent}`);
    soon();
  }
  model.on("change:position change:view change:labels", refresh);
  const size = new ResizeObserver(soon);
  size.observe(canvas);
  refresh();
  return () => {
    clearInterval(timer);
    cancelAnimationFrame(asked);
    model.off("change:position change:view change:labels", refresh);
    size.disconnect();
  };
}

export default { render };
