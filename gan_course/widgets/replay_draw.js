// How one frame of a tape looks, on a line and in a plane. replay.py puts replay.js behind this file.

const REAL = "#0072b2", FAKE = "#e69f00", PULL = "#d55e00", VERDICT = "#009e73", PLAIN = "#555555"; // as in plot.py
const INK = "#222222";

function floats(model, name) {
  const view = model.get(name); // a DataView that need not start on a multiple of four bytes
  return new Float32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
}

function unpack(model) {
  const turns = model.get("turns");
  const dim = model.get("dim");
  const verdicts = model.get("verdicts");
  const bytes = new Uint8Array(verdicts.buffer, verdicts.byteOffset, verdicts.byteLength);
  const all = { real: floats(model, "real"), fakes: floats(model, "fakes"), arrows: floats(model, "arrows") };
  const each = all.fakes.length / turns.length;
  const grid = bytes.length / turns.length;
  const sizes = [];
  for (let i = 0; i < all.arrows.length; i += dim) sizes.push(Math.hypot(...all.arrows.subarray(i, i + dim)));
  sizes.sort((a, b) => a - b);
  return {
    turns, dim, real: all.real, extent: model.get("extent"), cells: model.get("cells"), said: model.get("said"),
    longest: sizes[Math.floor(0.98 * (sizes.length - 1))] || 1, // one scale for all frames, so that arrows compare
    fake: (i) => all.fakes.subarray(i * each, (i + 1) * each),
    arrow: (i) => all.arrows.subarray(i * each, (i + 1) * each),
    verdict: (i) => bytes.subarray(i * grid, (i + 1) * grid),
  };
}

function arrow(pen, x, y, dx, dy) {
  const length = Math.hypot(dx, dy);
  if (length < 0.7) return; // too short to have a direction
  const turn = Math.atan2(dy, dx), head = Math.min(6, 0.6 * length);
  pen.beginPath();
  pen.moveTo(x, y);
  pen.lineTo(x + dx, y + dy);
  for (const side of [2.6, -2.6]) {
    pen.moveTo(x + dx, y + dy);
    pen.lineTo(x + dx + head * Math.cos(turn + side), y + dy + head * Math.sin(turn + side));
  }
  pen.stroke();
}

function dot(pen, x, y, colour, triangle) {
  pen.fillStyle = colour;
  pen.beginPath();
  if (triangle) {
    pen.moveTo(x, y - 4);
    pen.lineTo(x + 3.6, y + 3);
    pen.lineTo(x - 3.6, y + 3);
  } else pen.arc(x, y, 2.8, 0, 2 * Math.PI);
  pen.fill();
}

// How a view shows each kind of point: [colour, is it a triangle], or null where the player does not see it.
function looks(view, labels) {
  if (view === "generator") return { real: null, fake: [FAKE, true] };
  if (view === "discriminator" && !labels) return { real: [PLAIN, false], fake: [PLAIN, false] };
  return { real: [REAL, false], fake: [FAKE, true] };
}

function legend(pen, x, y, view, labels) {
  const entries = [];
  const look = looks(view, labels);
  if (look.real && look.real[0] === PLAIN) entries.push(["a point (real? fake?)", ...look.real]);
  else if (look.real) entries.push(["real", ...look.real]);
  if (look.fake[0] === FAKE) entries.push(["fake", ...look.fake]);
  pen.font = "12px sans-serif";
  for (const [words, colour, triangle] of entries) {
    dot(pen, x + 5, y, colour, triangle);
    pen.fillStyle = INK;
    pen.fillText(words, x + 13, y + 4);
    x += 26 + pen.measureText(words).width;
  }
  const lines = view === "discriminator" ? [] : [["arrow on a fake", PULL]];
  for (const [words, colour] of lines) {
    pen.strokeStyle = colour;
    arrow(pen, x, y, 16, 0);
    pen.fillStyle = INK;
    pen.fillText(words, x + 21, y + 4);
  }
}

// D's probability of real: orange where it says fake, white where unsure, blue where it says real. The root lets small
// leanings show.
function heat(tape, i) {
  const image = new ImageData(tape.cells, tape.cells);
  const ends = [[230, 159, 0], [0, 114, 178]];
  tape.verdict(i).forEach((byte, k) => {
    const p = byte / 255, amount = 0.8 * Math.abs(2 * p - 1) ** 0.7, end = ends[p > 0.5 ? 1 : 0];
    const row = tape.cells - 1 - Math.floor(k / tape.cells), at = 4 * (row * tape.cells + (k % tape.cells));
    for (let c = 0; c < 3; c++) image.data[at + c] = 255 + amount * (end[c] - 255);
    image.data[at + 3] = 255;
  });
  const small = new OffscreenCanvas(tape.cells, tape.cells);
  small.getContext("2d").putImageData(image, 0, 0);
  return small;
}

function drawPlane(pen, width, height, tape, i, view, labels) {
  const [low, high] = tape.extent;
  const scale = width / (high - low);
  const at = (x, y) => [(x - low) * scale, height - (y - low) * scale];
  if (view !== "generator") pen.drawImage(heat(tape, i), 0, 0, width, height);
  const fake = tape.fake(i), pull = tape.arrow(i), look = looks(view, labels);
  pen.globalAlpha = 0.75;
  for (const [points, how] of [[tape.real, look.real], [fake, look.fake]])
    for (let k = 0; how && k < points.length; k += 2) dot(pen, ...at(points[k], points[k + 1]), ...how);
  pen.globalAlpha = 1;
  if (view !== "discriminator") {
    pen.strokeStyle = PULL;
    pen.lineWidth = 1.2;
    const reach = (0.15 * width) / tape.longest;
    for (let k = 0; k < fake.length; k += 2) {
      const size = Math.hypot(pull[k], pull[k + 1]);
      const cut = Math.min(1, tape.longest / size) * reach;
      arrow(pen, ...at(fake[k], fake[k + 1]), pull[k] * cut, -pull[k + 1] * cut);
    }
  }
  pen.fillStyle = "rgba(255, 255, 255, 0.8)";
  pen.fillRect(0, 0, width, 22);
  legend(pen, 6, 11, view, labels);
}

function bumps(points, low, high, bins) {
  const counts = new Array(bins).fill(0);
  for (const x of points) {
    const bin = Math.floor(((x - low) / (high - low)) * bins);
    if (bin >= 0 && bin < bins) counts[bin] += bins / (high - low) / points.length;
  }
  return counts;
}

function drawLine(pen, width, height, tape, i, view, labels) {
  const [low, high] = tape.extent;
  const left = 44, right = width - 8, top = 30, bins = 50;
  const floor = view === "generator" ? top : 0.56 * height; // above it the curve and the bumps, below it the points
  const atX = (x) => left + ((x - low) / (high - low)) * (right - left);
  const atY = (y) => floor - Math.min(y, 1.05) * ((floor - top) / 1.05);
  const fake = tape.fake(i), pull = tape.arrow(i), look = looks(view, labels);
  const wide = (right - left) / bins;
  pen.font = "12px sans-serif";
  if (view !== "generator") {
    pen.globalAlpha = 0.45; // histograms: in D's own view it cannot know whose point is whose
    const sets = look.real[0] === PLAIN ? [] : [[tape.real, REAL], [fake, FAKE]];
    for (const [points, colour] of sets) {
      pen.fillStyle = colour;
      bumps(points, low, high, bins).forEach((v, k) => pen.fillRect(left + k * wide, atY(v), wide, floor - atY(v)));
    }
    pen.globalAlpha = 1;
    pen.strokeStyle = VERDICT;
    pen.lineWidth = 2;
    pen.beginPath();
    tape.verdict(i).forEach((byte, k) => pen.lineTo(left + (k / (tape.cells - 1)) * (right - left), atY(byte / 255)));
    pen.stroke();
    pen.fillStyle = INK;
    for (const tick of [0, 0.5, 1]) pen.fillText(tick.toFixed(1), 18, atY(tick) + 4);
    pen.fillStyle = VERDICT;
    pen.fillText("D's probability of real", right - 124, atY(1) + 4);
  }
  pen.strokeStyle = "#999999";
  pen.lineWidth = 1;
  pen.beginPath();
  pen.moveTo(left, floor);
  pen.lineTo(right, floor);
  pen.stroke();
  pen.fillStyle = INK;
  for (let tick = Math.ceil(low); tick <= high; tick++) pen.fillText(String(tick), atX(tick) - 4, height - 4);
  // The points themselves, spread upwards only so that they do not hide each other.
  const mixed = view !== "everything"; // one strip for all
  const strip = (height - 26 - floor) / 2;
  const rise = (k, n) => ((k * 0.618034) % 1) * (n - 10);
  for (const [points, how, row] of [[tape.real, look.real, 0], [fake, look.fake, 1]]) {
    if (!how) continue;
    const [from, size] = mixed ? [floor + 6, 2 * strip] : [floor + 6 + row * strip, strip];
    pen.globalAlpha = 0.6;
    for (let k = 0; k < points.length; k++) dot(pen, atX(points[k]), from + rise(k, size), ...how);
    pen.globalAlpha = 1;
    if (row === 0 || view === "discriminator") continue;
    pen.strokeStyle = PULL;
    pen.lineWidth = 1.3; // an arrow on every fourth, or they hide each other
    const reach = (0.12 * (right - left)) / tape.longest;
    for (let k = 0; k < points.length; k += 4) {
      const cut = Math.min(1, tape.longest / Math.abs(pull[k])) * reach;
      arrow(pen, atX(points[k]), from + rise(k, size), pull[k] * cut, 0);
    }
  }
  legend(pen, left, 12, view, labels);
}

function describe(tape, i, view) {
  const [real, fake] = tape.said[i].map((p) => p.toFixed(2));
  const colours = tape.dim === 2 ? " Blue ground: D says real. Orange: fake. White: it cannot tell." : "";
  const words = {
    everything: `On average D gives the real points a probability of ${real} of being real, and the fakes ${fake}.${colours}`,
    discriminator: `D is shown points, and answers each with a probability. Its loss alone reads the labels.${colours}`,
    generator: "G has only its own points, and on each an arrow: the way to a higher probability.",
  };
  return `After turn ${tape.turns[i]}. ${words[view]}`;
}
