// Buttons, lists, sliders and number fields. The bound ones send {op: "set"} and show what the talk says is current;
// an event changes no element but its own, so a flood of them costs nothing: the rest is drawn once a frame.

// JupyterLab takes letters, arrows and Enter of a focused element for its own, unless the element itself has this mark.
const KEYS_OURS = { "data-lm-suppress-shortcuts": "true" };
const tag = (words) => make("span", { class: "tag" }, words);

function setText(node, words) {
  if (node.textContent !== words) node.textContent = words;
}

function makeButton(words, act, attributes = {}) {
  const button = make("button", { type: "button", ...KEYS_OURS, ...attributes }, words);
  button.addEventListener("click", act);
  return button;
}

function makeCheck(words, act, attributes = {}) {
  const input = make("input", { type: "checkbox", ...KEYS_OURS, ...attributes });
  input.addEventListener("change", () => act(input.checked));
  return { input, element: make("label", { class: "check" }, input, " ", words) };
}

// options: texts, or [value, text]. The name is said by itself: a label round a list has all its options in its text.
function makeList(title, options, act, attributes = {}) {
  const entries = options.map((option) => (Array.isArray(option) ? option : [option, option]));
  const input = make("select", { "aria-label": title, ...KEYS_OURS, ...attributes }, ...entries.map(([value, words]) => make("option", { value }, words)));
  input.addEventListener("change", () => act(input.value));
  return { input, element: make("label", { class: "list" }, make("span", {}, title), input) };
}

function makeNumber(title, limits, act, attributes = {}) {
  const [min, max] = limits;
  const input = make("input", { type: "number", min, max, step: "any", ...KEYS_OURS, ...attributes });
  input.addEventListener("keydown", (event) => { // one up or down would be far too much for a learning rate
    if (input.step === "any" && (event.key === "ArrowUp" || event.key === "ArrowDown")) event.preventDefault();
  }); // prettier-ignore
  input.addEventListener("change", () => input.value !== "" && act(Number(input.value)));
  return { input, element: make("label", { class: "number" }, make("span", {}, title), input) };
}

// The controls of one run. lab: {talk, soon, names()}; each maker takes a setting's name and a short title for it.
function makeFields(lab) {
  const shown = []; // {name, show(value)}
  const wish = (name, value) => {
    lab.talk.wish(`set.${name}`, value, { op: "set", name, value });
    lab.soon("fields");
  };
  const keep = (name, show, element) => {
    shown.push({ name, show });
    return element;
  };
  // What a screen reader says names the player, too, which a sighted learner reads off the heading.
  const full = (name, title) => {
    const words = settingOf(name).title;
    return words === title ? {} : { "aria-label": words.includes(title) ? words : `${title}: ${words}` };
  };

  function list(name, title) {
    const { input, element } = makeList(title, lab.names()[settingOf(name).choices], (value) => wish(name, value), full(name, title));
    return keep(name, (value) => (input.value = value), element);
  }

  // A number field that does not lose what is being typed.
  function number(name, title) {
    let typed = false;
    const { input, element } = makeNumber(title, limitsOf(lab.names(), name), (value) => wish(name, value), { ...full(name, title), ...stepOf(name) });
    input.addEventListener("input", () => (typed = true));
    const ended = () => {
      typed = false;
      lab.soon("fields"); // what was typed may be no number: then the true one comes back
    };
    for (const end of ["change", "blur"]) input.addEventListener(end, ended);
    return keep(name, (value) => typed || input.value === plainNumber(value) || (input.value = plainNumber(value)), element);
  }

  function slider(name, title) {
    const scale = SCALES[settingOf(name).scale], limits = limitsOf(lab.names(), name), [min, max] = scale.range(limits);
    const words = settingOf(name).title;
    const input = make("input", { type: "range", min, max, step: 1, ...full(name, title), ...KEYS_OURS });
    let noted = false; // of the events of one moment, only the place where they end is worth a wish
    input.addEventListener("input", () => {
      if (noted) return;
      noted = true;
      queueMicrotask(() => {
        noted = false;
        wish(name, scale.value(Number(input.value)));
      });
    });
    const exact = number(name, title).querySelector("input");
    exact.setAttribute("aria-label", `${words}, exact`);
    const show = (value) => {
      const place = String(scale.place(value));
      if (input.value !== place) input.value = place;
      if (input.ariaValueText !== inWords(value)) input.ariaValueText = inWords(value);
    };
    return keep(name, show, make("div", { class: "slider" }, make("label", {}, make("span", {}, title), input), exact));
  }

  function flag(name, title) {
    const { input, element } = makeCheck(title, (value) => wish(name, value), full(name, title));
    return keep(name, (value) => (input.checked = value), element);
  }

  function show(setup) {
    for (const { name, show } of shown) show(lab.talk.current(`set.${name}`, settingValue(setup, name)));
  }
  return { list, number, slider, flag, show };
}

const stepOf = (name) => (settingOf(name).scale === "whole" ? { step: 1 } : {});

function plainNumber(value) {
  return value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential() : String(value);
}

// An input for a value of any one setting, which is sent to nobody: for a fork and for the learner's own arena.
function makeValue(names, name, value, title) {
  const { choices, flag } = settingOf(name);
  if (choices) {
    const list = makeList(title, names[choices].filter((choice) => choice !== "drawing"), () => {});
    list.input.value = value;
    return { element: list.element, value: () => list.input.value };
  }
  if (flag) {
    const check = makeCheck(title, () => {});
    check.input.checked = value;
    return { element: check.element, value: () => check.input.checked };
  }
  const number = makeNumber(title, limitsOf(names, name), () => {}, stepOf(name));
  number.input.value = plainNumber(value);
  return { element: number.element, value: () => Number(number.input.value) };
}
