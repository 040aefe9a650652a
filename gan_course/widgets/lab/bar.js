// The top bar: play, single steps, slow motion, reset, pace, and the count of turns; below it, what is happening.

const SPEEDS = [[0, "full speed"], [1, "1 turn/s"], [5, "5 turns/s"], [20, "20 turns/s"], [100, "100 turns/s"]];
const BREATH = 5000; // ms between two sentences for a screen reader

function makeBar(lab) {
  const { model, talk } = lab;
  const playing = () => talk.current("playing", model.get("playing"));
  const toggle = () => {
    talk.wish("playing", !playing(), { op: playing() ? "pause" : "play" });
    lab.soon("bar");
  };
  const play = makeButton("", toggle, { class: "play" });
  const step = (words, who) => makeButton(words, () => talk.ask({ op: "step", who }), { "aria-label": `Step ${words}`, title: `Play one turn of ${words}` });
  const slow = makeButton("Slow motion", () => {
    const on = slow.getAttribute("aria-pressed") !== "true";
    talk.wish("slow", on, { op: "slow", on });
    lab.soon("bar");
  });
  const next = makeButton("Next sub-step", () => talk.ask({ op: "next" }));
  const reset = makeButton("Reset", () => talk.ask({ op: "reset" }), { title: "Back to turn 0, or to the trained start" });
  const trained = makeCheck("trained start", (value) => talk.wish("trained", value, { op: "start", trained: value }));
  const pace = makeList("Pace", SPEEDS, (value) => talk.wish("speed", Number(value), { op: "speed", value: Number(value) }));
  const turn = make("output", { class: "turn" });
  const rate = make("span", { class: "rate" });
  const moment = make("p", { class: "moment" }); // in slow motion: the sub-step and its measured numbers
  const steps = make("span", { class: "group", role: "group", "aria-label": "Step" }, "Step", step("D", "d"), step("G", "g"), step("both", "both"));
  const row = make("div", { class: "row" }, play, steps, make("span", { class: "group" }, slow, next), reset, trained.element, pace.element, make("span", { class: "count" }, turn, rate));
  const element = make("div", { class: "bar" }, row, moment);

  function update() {
    const [focus, frame] = [lab.run(), lab.frameOf(lab.run())];
    const plays = playing() && !play.matches(":disabled"); // without its kernel nothing plays, whatever was last said
    setText(play, plays ? "❚❚ Pause" : "▶ Play");
    const told = model.get("slow"), on = talk.current("slow", "on" in told || "index" in told);
    slow.setAttribute("aria-pressed", on);
    setText(moment, "index" in told && on ? `${told.index} of ${told.of} · ${told.title}. ${told.caption}` : "");
    moment.hidden = !moment.textContent;
    trained.input.checked = talk.current("trained", model.get("trained"));
    const speed = talk.current("speed", model.get("speed"));
    if (![...pace.input.options].some((option) => Number(option.value) === speed)) pace.input.append(make("option", { value: speed }, `${inWords(speed)} turns/s`));
    pace.input.value = String(speed);
    if (!frame) return;
    setText(turn, focus && frame.shown < frame.turn ? `turn ${frame.shown} of ${frame.turn}` : `turn ${frame.turn}`);
    setText(rate, plays && model.get("frame").rate ? `${Math.round(model.get("frame").rate)} turns/s` : "");
  }
  return { element, update, toggle };
}

// The sentence on what happens now; and, at the panel that the learner last touched, for the top may be out of sight:
// refusals, and how far a long job has come.
function makeNews(lab) {
  const { model } = lab;
  const said = make("p", { class: "said" });
  const spoken = make("p", { class: "unseen", role: "status", "aria-live": "polite" });
  const words = make("span");
  const notice = make("div", { class: "notice" }, words, makeButton("Dismiss", () => dismiss()));
  const alert = make("div", { role: "alert" }); // what comes into it later is read out
  const share = make("progress", { max: 1, "aria-label": "Playing ahead" });
  const busy = make("div", { class: "busy" }, "Playing ahead … ", share);
  const feedback = make("div", { class: "feedback" }, alert, busy);
  const element = make("div", { class: "news" }, said, spoken, feedback);
  let dismissed = "", placed = "", worked = false, timer = null, last = -BREATH;

  function dismiss() {
    dismissed = model.get("notice");
    lab.soon("news");
  }
  function speak() {
    timer = null;
    last = performance.now();
    setText(spoken, model.get("said"));
  }
  function update() {
    setText(said, model.get("said"));
    if (timer === null && spoken.textContent !== model.get("said")) timer = setTimeout(speak, Math.max(0, last + BREATH - performance.now()));
    const text = model.get("notice");
    if (text !== dismissed) dismissed = "";
    const refused = Boolean(text) && text !== dismissed, works = model.get("busy") >= 0;
    if ((refused && text !== placed) || (works && !worked)) (lab.touched() || spoken).after(feedback);
    [placed, worked] = [text, works];
    setText(words, refused ? text : "");
    if (!refused) notice.remove();
    else if (!notice.isConnected) alert.append(notice);
    busy.hidden = !works;
    if (works) share.value = model.get("busy");
  }
  // The next refusal is a new one, though its words may be the same.
  const renew = () => (dismissed = placed = "");
  return { element, update, renew, destroy: () => clearTimeout(timer) };
}
