// Play a side: which one, and for how long. Each side draws itself; see detective.js and counterfeiter.js.

const SIDES_STYLE = `
.sides { display: grid; gap: 10px; }
.sides-choice, .sides-buttons { display: flex; flex-wrap: wrap; gap: 6px 10px; align-items: center; }
.sides-body { display: flex; flex-wrap: wrap; gap: 14px; align-items: flex-start; }
.sides-picture { width: min(100%, 400px); aspect-ratio: 1; border-radius: 4px; box-sizing: border-box; touch-action: none;
  border: 1px solid var(--jp-border-color1, #888); }
.sides-picture:focus-visible { outline: 3px solid #d55e00; outline-offset: 2px; }
.sides-panel { flex: 1 1 240px; min-width: 0; max-width: 460px; display: grid; gap: 10px; }
.sides-asking, .sides-ended { display: grid; gap: 10px; justify-items: start; }
.sides-place { font-weight: 600; }
.sides-told { min-height: 1.5em; }
.sides-help { font-size: 13px; }
.sides-time { width: 100%; display: flex; gap: 8px; align-items: center; font-variant-numeric: tabular-nums; }
.sides-clock { flex: 1; height: 8px; border-radius: 4px; overflow: hidden; background: var(--jp-layout-color3, #8884); }
.sides-clock div { height: 100%; background: #009e73; }
.sides-answers { display: grid; grid-template-columns: 1fr 1fr; gap: 6px; width: 100%; }
.sides .sides-answers button { padding: 10px 6px; min-height: 44px; border-width: 2px; }
.sides .sides-fake { border-color: #e69f00; }
.sides .sides-real { border-color: #0072b2; }
.sides-roc { width: min(100%, 260px); aspect-ratio: 1; }
.sides-curves { display: grid; gap: 8px; }
.sides td { white-space: nowrap; }
.sides caption { text-align: left; font-size: 13px; }
.sides th i { display: inline-block; width: 26px; margin-right: 6px; vertical-align: middle; }
.sides-checks { display: grid; gap: 4px; }`;
const CLOCKS = [["30", "30 seconds"], ["60", "1 minute"], ["120", "2 minutes"], ["0", "no clock"]];
const SIDES = { detective: makeDetective, counterfeiter: makeCounterfeiter };

// ask(op) sends one operation. update(state, stageRun): the trait `side`, {} while nobody plays, and the steered run.
function makeSides(host, ask) {
  let shown = "none", side = null, eager = false; // eager: the learner has just begun, so the keys should work at once

  const clock = makeList("clock", CLOCKS, () => {});
  clock.input.value = "60";
  const begin = (what) => {
    eager = true;
    ask(what === "detective" ? { op: "side", what, seconds: Number(clock.input.value) } : { op: "side", what });
  };
  const buttons = {
    detective: makeButton("Be the discriminator", () => begin("detective")),
    counterfeiter: makeButton("Be the generator", () => begin("counterfeiter")),
  };
  const stop = makeButton("Stop playing", () => {
    buttons[shown].focus(); // this one will be hidden
    ask({ op: "side", what: "none" });
  });
  const idle = make("p", {}, "Be the discriminator: call points real or fake against the clock. Or be the generator: move points so that a discriminator takes them for real.");
  const board = make("div");
  board.addEventListener("keydown", (event) => {
    if (event.key === " " || event.key === "k") event.stopPropagation(); // else the game plays on, and this one ends
  });
  const element = make("div", { class: "sides" }, make("style", {}, SIDES_STYLE),
    make("div", { class: "sides-choice", role: "group", "aria-label": "Your side" }, buttons.detective, clock.element, buttons.counterfeiter, stop), idle, board);
  host.append(element);

  function show(what) {
    if (side) side.destroy();
    side = what === "none" ? null : SIDES[what](board, ask, begin);
    shown = what;
    for (const [name, button] of Object.entries(buttons)) button.setAttribute("aria-pressed", name === what);
    stop.hidden = what === "none";
    idle.hidden = what !== "none";
  }

  show("none");
  return {
    element,
    update(state, stageRun) {
      const what = state.what || "none";
      if (what !== shown) show(what);
      if (!side) return;
      side.update(state, stageRun);
      if (eager) side.focus();
      eager = false;
    },
    destroy() {
      show("none");
      element.remove();
    },
  };
}
