// What settings, changes and numbers are called, and how a slider's places stand for values.

// choices: the key in the trait `names`; scale: a key of SCALES. What has neither is shown, not set.
const SETTINGS = {
  data: { title: "data", choices: "data" },
  points: { title: "drawing" },
  loss: { title: "loss", choices: "loss" },
  lr_d: { title: "learning rate of D", scale: "rate" },
  lr_g: { title: "learning rate of G", scale: "rate" },
  d_steps: { title: "steps of D per turn", scale: "whole" },
  g_steps: { title: "steps of G per turn", scale: "whole" },
  opt_d: { title: "optimiser of D", choices: "opt" },
  opt_g: { title: "optimiser of G", choices: "opt" },
  clip: { title: "weight clipping of D", scale: "weight" },
  generator: { title: "generator", choices: "generator" },
  discriminator: { title: "discriminator", choices: "discriminator" },
  g_layers: { title: "hidden layers of G", scale: "whole" },
  g_width: { title: "width of G", scale: "whole" },
  d_layers: { title: "hidden layers of D", scale: "whole" },
  d_width: { title: "width of D", scale: "whole" },
  noise: { title: "noise", choices: "noise" },
  noise_dim: { title: "noise dimensions", scale: "whole" },
  spectral: { title: "spectral norm in D", flag: true },
  average: { title: "averaging of G (decay)", scale: "exact" },
  batch: { title: "batch size", scale: "whole" },
  seed: { title: "seed", scale: "whole" },
};

// Twenty places a decade: coarser than two figures, so that a place and its rounded value name each other.
const twoFigures = (value) => Number(value.toPrecision(2));
const SCALES = {
  rate: {
    range: () => [-100, 0],
    place: (value) => Math.round(20 * Math.log10(value)),
    value: (place) => twoFigures(10 ** (place / 20)),
  },
  weight: {
    // place 0 is "without"; then from 0.001 to 10
    range: () => [0, 81],
    place: (value) => (value < 0.001 ? 0 : Math.min(81, Math.round(20 * Math.log10(value)) + 61)),
    value: (place) => (place <= 0 ? 0 : twoFigures(10 ** ((place - 61) / 20))),
  },
  whole: { range: (limits) => limits, place: (value) => value, value: (place) => place },
  exact: { range: (limits) => limits, place: (value) => value, value: (place) => place },
};

const PENALTY = "penalties.";

function settingOf(name) {
  return name.startsWith(PENALTY) ? { title: `${name.slice(PENALTY.length)} weight`, scale: "weight" } : SETTINGS[name];
}

function limitsOf(names, name) {
  return name.startsWith(PENALTY) ? [0, 1000] : names.limits[name];
}

function settingValue(setup, name) {
  return name.startsWith(PENALTY) ? setup.penalties[name.slice(PENALTY.length)] || 0 : setup[name];
}

// What may change while a run goes on, and what only where it begins.
function liveSettings(names) {
  const plain = Object.keys(SETTINGS).filter((name) => !names.restarts.includes(name));
  return [...plain, ...names.penalties.map((penalty) => PENALTY + penalty)];
}

function settingsOf(names) {
  return [...Object.keys(SETTINGS).filter((name) => name !== "points"), ...names.penalties.map((p) => PENALTY + p)];
}

// Four figures at most, as in 0.005, 1e-5 and 123.4.
function inWords(value) {
  if (typeof value === "boolean") return value ? "on" : "off";
  if (typeof value !== "number") return Array.isArray(value) ? `${value.length} points` : String(value);
  return value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential().replace(/(\.\d{2})\d+/, "$1") : String(Number(value.toPrecision(4)));
}

// The names of the settings in which two setups differ.
function differencesOf(setup, other) {
  const names = Object.keys(SETTINGS).filter((name) => name in setup);
  for (const penalty of Object.keys({ ...setup.penalties, ...other.penalties })) names.push(PENALTY + penalty);
  return names.filter((name) => JSON.stringify(settingValue(setup, name)) !== JSON.stringify(settingValue(other, name)));
}

// The changes made to a run, oldest first: {turn, words: "learning rate of D 0.005 → 0.02"}.
function interventionsOf(run) {
  const setup = { ...run.start, penalties: { ...run.start.penalties } };
  return run.log.map(({ turn, values }) => {
    const words = Object.entries(values).map(([name, value]) => {
      const before = settingValue(setup, name);
      if (name.startsWith(PENALTY)) setup.penalties[name.slice(PENALTY.length)] = value;
      else setup[name] = value;
      return `${(settingOf(name) || { title: name }).title} ${inWords(before)} → ${inWords(value)}`;
    });
    return { turn, words: words.join(", ") };
  });
}

// Where a run comes from, and its settings in which not all runs are as the first, in one line.
function describeRun(run, runs) {
  const parts = run.parent ? [`from ${run.parent[0]} at turn ${run.parent[1]}`] : [];
  const names = new Set(runs.flatMap((other) => differencesOf(other.setup, runs[0].setup)));
  if (names.size) parts.push([...names].map((name) => `${settingOf(name).title} ${inWords(settingValue(run.setup, name))}`).join(", "));
  return parts.join(": ");
}
