// The run as a line in time: look back, fork with one thing changed, see what was changed when; and the sheet that
// keeps all of it as a small file.

function makeTimeline(lab) {
  const { talk, model } = lab, names = lab.names();
  const slider = make("input", { type: "range", min: 0, max: 1, step: 1, "aria-label": "Turn to look at", ...KEYS_OURS });
  const where = make("output");
  const ticks = make("div", { class: "ticks", "aria-hidden": "true" });
  const log = make("ol", { class: "log", "aria-label": "Changes" });
  const none = make("p", { class: "hint" }, "No change yet. Each change of a live setting is marked here and on the curves.");
  const now = makeButton("Now", () => look(null));
  let dragging = false, logged = null;

  function look(turn) {
    talk.wish("looking", turn === null ? -1 : turn, { op: "look", turn });
    lab.soon("timeline");
  }
  const last = () => Math.max(0, ...model.get("frame").runs.map((run) => run.turn));
  const turn = () => {
    const looking = talk.current("looking", model.get("looking"));
    return looking < 0 ? last() : looking;
  };
  slider.addEventListener("input", () => look(Number(slider.value) >= last() ? null : Number(slider.value)));
  slider.addEventListener("pointerdown", () => (dragging = true)); // its end must not move under the hand
  for (const end of ["pointerup", "pointercancel"]) slider.addEventListener(end, () => (dragging = false));

  const titles = liveSettings(names).map((name) => [name, settingOf(name).title]);
  const what = makeList("with", [["", "nothing changed"], ...titles], chooseChange);
  const place = make("span", { class: "group" });
  let change = null; // the value that the fork's setting takes
  function chooseChange(name) {
    change = name ? makeValue(names, name, settingValue(lab.run().setup, name), "set to") : null;
    place.replaceChildren(...(change ? [change.element] : []));
  }
  const fork = makeButton("Fork here", () => {
    talk.ask({ op: "fork", turn: turn(), changes: change ? { [what.input.value]: change.value() } : {} });
  });

  const element = make("div", { class: "timeline" },
    make("div", { class: "row" }, make("div", { class: "track" }, slider, ticks), where, now),
    make("div", { class: "row" }, fork, what.element, place),
    none, log); // prettier-ignore

  // Every frame: where we are.
  function update() {
    const end = last(), at = turn();
    if (!dragging) {
      if (Number(slider.max) !== end) slider.max = Math.max(1, end);
      if (Number(slider.value) !== at) slider.value = at;
    }
    const frame = lab.frameOf(lab.run());
    const words = at < end ? `turn ${at} of ${end}` : `now: turn ${end}`;
    setText(where, at < end && frame && frame.shown !== at ? `${words} (kept picture: turn ${frame.shown})` : words);
    if (slider.ariaValueText !== words) slider.ariaValueText = words;
    now.disabled = at >= end;
    setText(fork, at < end ? `Fork at turn ${at}` : "Fork here");
  }

  // Now and then: the changes of the steered run.
  function list() {
    const run = lab.run(), end = Math.max(1, last());
    if (run.log !== logged) {
      logged = run.log;
      const entries = interventionsOf(run).map((entry) => ({ ...entry, tick: make("i") }));
      log.replaceChildren(...entries.map(({ turn, words }) => make("li", {}, makeButton(`turn ${turn}: ${words}`, () => look(turn)))));
      ticks.replaceChildren(...entries.map(({ tick, turn }) => ((tick.dataset.turn = turn), tick)));
      none.hidden = entries.length > 0;
    }
    for (const tick of ticks.children) tick.style.left = `${Math.min(100, (100 * tick.dataset.turn) / end)}%`;
  }
  return { element, update, list };
}

// Save and load. The file holds settings, seed and changes, not weights: it is played again, to the same end.
function makeSheet(lab) {
  const { talk, model } = lab;
  const text = make("textarea", { readonly: "", rows: 6, "aria-label": "The saved runs", ...KEYS_OURS });
  const file = make("input", { type: "file", accept: ".json,application/json", ...KEYS_OURS });
  let asked = false;
  const save = makeButton("Save as a file", () => {
    asked = true;
    talk.ask({ op: "save" });
  });
  file.addEventListener("change", async () => {
    const chosen = file.files[0];
    file.value = ""; // the same file may be chosen twice
    if (chosen) talk.ask({ op: "load", text: await chosen.text() });
  });
  const hint = make("p", { class: "hint" }, "The file holds settings, seed and changes of all runs. Loading plays them again, to the same end.");
  const element = make("div", { class: "sheet" },
    make("div", { class: "row" }, save, make("label", { class: "list" }, make("span", {}, "Load a file"), file)), hint, text); // prettier-ignore

  function update() {
    text.value = model.get("saved");
    text.hidden = !text.value;
  }
  // Of several views, only the one whose button was pressed hands out the file; after Python's answer, for what was
  // saved before may be the same text.
  function heard(ops) {
    if (!asked || !ops.some((op) => op.op === "save")) return;
    asked = false;
    const link = make("a", { download: "laboratory.json", href: URL.createObjectURL(new Blob([model.get("saved")], { type: "application/json" })) });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }
  return { element, update, heard };
}
