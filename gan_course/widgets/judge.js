// The trial of judge.py: a pair of pictures a round, an answer, what was right; in the end the score and a sheet of
// the mistakes. Everything was sent at the start; only `chosen`, the sides that were called real, goes back.

const STYLE = `
.judge, .judge .foot { display: grid; gap: 10px; }
.judge { max-width: 620px; padding: 6px;
  color: var(--jp-ui-font-color1, inherit); font: 14px/1.4 var(--jp-ui-font-family, system-ui, sans-serif); }
.judge p, .judge h3 { margin: 0; font: inherit; }
.judge h3 { font-weight: 600; }
.judge .pair { display: flex; flex-wrap: wrap; gap: 20px; }
.judge .sheet { display: flex; flex-wrap: wrap; gap: 12px 28px; margin: 0; padding: 0; list-style: none; }
.judge .sheet li { display: flex; flex-wrap: wrap; gap: 8px; }
.judge figure { margin: 0; text-align: center; }
.judge canvas { display: block; height: auto; margin: auto; image-rendering: pixelated; border: 1px solid currentColor; }
.judge .pair canvas { width: 200px; }
.judge .sheet canvas { width: 84px; }
.judge .sheet figcaption { font-size: 12px; }
.judge button { font: inherit; color: inherit; padding: 6px 10px; border: 1px solid currentColor; border-radius: 4px;
  background: var(--jp-layout-color1, canvas); cursor: pointer; display: grid; gap: 6px; justify-self: start; }
.judge button[aria-disabled=true] { cursor: default; border-style: dotted; }
.judge button.chosen { outline: 3px solid currentColor; }
.judge .said { min-height: 1.4em; font-weight: 600; }
.judge :focus-visible { outline: 3px solid #d55e00; outline-offset: 2px; }
.judge h3:focus { outline: none; }
.judge .scale { position: relative; height: 44px; margin: 4px 1.5em 0; border-bottom: 1px solid currentColor; }
.judge .scale > * { position: absolute; }
.judge .scale .chance { left: 50%; top: 0; bottom: 0; border-left: 2px dashed currentColor; }
.judge .scale .range { top: 26px; height: 6px; background: #0072b2; border: 1px solid currentColor; }
.judge .scale .found { top: 20px; width: 4px; height: 20px; margin-left: -2px; background: currentColor; }
.judge .scale .coin { left: calc(50% + 6px); font-size: 12px; }
.judge .ends { display: flex; justify-content: space-between; font-size: 12px; }`;

const SIDES = ["left", "right"];

function render({ model, el }) {
  const [high, wide] = model.get("size");
  const realIs = model.get("real_is");
  const rounds = realIs.length;
  const view = model.get("pixels");
  const grey = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  const box = make("div", { class: "judge", role: "group", "aria-label": "You are the judge: which picture is real?" });
  const head = make("h3", { tabindex: -1 });
  const pair = make("div", { class: "pair" });
  const said = make("p", { class: "said", role: "status" }); // it stays, so that a screen reader hears it change
  const foot = make("div", { class: "foot" });
  box.append(head, pair, said, foot);
  el.append(make("style", {}, STYLE), box);
  let round = model.get("chosen").length; // the round on the screen; once answered, it stays until "Next"

  // The picture on one side of one round. A canvas has as many pixels as the picture: the style enlarges them.
  function picture(which, side, words) {
    const canvas = make("canvas", { width: wide, height: high, role: "img", "aria-label": words });
    const image = new ImageData(wide, high);
    const from = (2 * which + side) * high * wide;
    for (let i = 0; i < high * wide; i++) image.data.set([...Array(3).fill(grey[from + i]), 255], 4 * i);
    canvas.getContext("2d").putImageData(image, 0, 0);
    return canvas;
  }

  function button(words, act, ...content) {
    // JupyterLab takes the arrow keys of a focused element for its own, unless the element itself has this mark.
    const node = make("button", { type: "button", "aria-label": words, "data-lm-suppress-shortcuts": "true" }, ...content);
    node.addEventListener("click", act);
    return node;
  }

  function answer(side) {
    const chosen = model.get("chosen");
    if (chosen.length > round) return; // this round has its answer
    model.set("chosen", [...chosen, side]);
    model.save_changes();
  }

  function next() {
    round = model.get("chosen").length;
    draw();
    (pair.querySelector("button") ?? head).focus();
  }

  function draw() {
    if (round >= rounds) return drawResult();
    const done = model.get("chosen").length > round;
    const mine = model.get("chosen")[round];
    const both = SIDES.map((name, side) => {
      const what = realIs[round] === side ? "real" : "made";
      const words = done ? `The ${name} picture was ${what}` : `The ${name} picture is real`;
      const caption = make("span", {}, done ? `${name}: ${what}` : name);
      const one = button(words, () => answer(side), picture(round, side, `${name} picture`), caption);
      if (done) one.setAttribute("aria-disabled", "true");
      if (done && mine === side) one.classList.add("chosen");
      return one;
    });
    head.textContent = `Pair ${round + 1} of ${rounds}: which one is real?`;
    pair.replaceChildren(...both);
    said.textContent = done ? `${mine === realIs[round] ? "✔ Right" : "✘ Wrong"}: the ${SIDES[realIs[round]]} one is real.` : "";
    const on = round + 1 === rounds ? "See your score" : "Next pair";
    foot.replaceChildren(done ? button(on, next, on) : make("p", {}, "Click it, or press the left or right arrow key."));
  }

  function drawResult() {
    const chosen = model.get("chosen");
    const wrong = realIs.map((_, k) => k).filter((k) => chosen[k] !== realIs[k]);
    const score = rounds - wrong.length;
    head.textContent = "Your score";
    said.textContent = model.get("verdicts")[score];
    pair.replaceChildren();
    const [from, to] = model.get("intervals")[score].map((share) => 100 * share);
    const words = `Scale of right answers: yours ${Math.round((100 * score) / rounds)} percent, a coin's 50 percent.`;
    const scale = make("div", { class: "scale", role: "img", "aria-label": words },
      make("div", { class: "chance" }), make("span", { class: "coin" }, "a coin"),
      make("div", { class: "range", style: `left: ${from}%; width: ${to - from}%` }),
      make("div", { class: "found", style: `left: ${(100 * score) / rounds}%` }));
    const ends = make("div", { class: "ends", "aria-hidden": "true" }, ...["0 % right", "100 % right"].map((end) => make("span", {}, end)));
    const sheet = make("ul", { class: "sheet" });
    for (const k of wrong) {
      const both = [[chosen[k], "made, taken for real"], [realIs[k], "the real one"]].map(([side, what]) =>
        make("figure", {}, picture(k, side, `Pair ${k + 1}: ${what}`), make("figcaption", {}, what)));
      sheet.append(make("li", {}, ...both));
    }
    const title = wrong.length ? `Where you were wrong: ${wrong.length} of ${rounds} pairs` : "You made no mistake.";
    foot.replaceChildren(scale, ends, make("h3", {}, title), sheet);
  }

  box.addEventListener("keydown", (event) => {
    const side = ["ArrowLeft", "ArrowRight"].indexOf(event.key);
    if (side < 0) return;
    event.preventDefault();
    event.stopPropagation(); // else the notebook moves to another cell
    if (!event.repeat && round < rounds) answer(side);
  });

  function answered() {
    const hadFocus = box.contains(document.activeElement);
    if (model.get("chosen").length < round) round = model.get("chosen").length;
    draw();
    if (hadFocus) foot.querySelector("button")?.focus(); // so that Enter or Space goes on
  }
  model.on("change:chosen", answered);
  draw();
  return () => model.off("change:chosen", answered);
}

export default { render };
