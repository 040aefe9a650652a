// The small live pictures in the nodes of the graph. makeThumbnails() -> picture(id, surface, stageRun, frameRun).

// The error function, to 1.5e-7 (Abramowitz and Stegun 1964, 7.1.26): erf(z / sqrt 2) of a Gaussian z is uniform noise.
function erf(x) {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const tail = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return Math.sign(x) * (1 - tail * Math.exp(-x * x));
}

// A number, and a bar between two shares of the width, with marks: [share, words].
function paintBar(pen, { width, height, palette }, number, ends, colour, marks) {
  const left = 6, wide = width - 12, top = 0.55 * height, high = 0.17 * height;
  const [from, to] = ends.map((share) => left + wide * Math.max(0, Math.min(1, share)));
  pen.fillStyle = colour;
  pen.fillRect(Math.min(from, to), top, Math.max(1.5, Math.abs(to - from)), high);
  pen.strokeStyle = palette.muted;
  pen.strokeRect(left, top, wide, high);
  pen.fillStyle = palette.ink;
  pen.textAlign = "center";
  pen.font = `bold ${Math.min(19, width / 4)}px sans-serif`;
  pen.fillText(number, width / 2, 0.36 * height);
  pen.font = "10px sans-serif";
  for (const [share, words] of marks) pen.fillText(words, left + share * wide, top + high + 12);
}

// Any loss on one bar: 0 in the middle, 1 and -1 at the quarters.
function paintLoss(pen, surface, loss, colour) {
  const end = 0.5 + 0.5 * (loss / (1 + Math.abs(loss)));
  paintBar(pen, surface, say(loss), [0.5, end], colour, [[0.25, "-1"], [0.5, "0"], [0.75, "1"]]); // prettier-ignore
}

// In powers of ten, from 1e-6 to 100.
function paintNorm(pen, surface, norm, colour) {
  const end = (Math.log10(Math.max(norm, 1e-6)) + 6) / 8;
  paintBar(pen, surface, say(norm), [0, end], colour, [[0.06, "1e-6"], [0.5, ".01"], [0.94, "100"]]); // prettier-ignore
}

// `at` is the square of the plane that the picture shows: {low, unit, size}.
function paintPoints(pen, xy, at, add, radius, colour) {
  pen.beginPath();
  for (let k = 0; k < xy.length; k += 2)
    add(pen, (xy[k] - at.low) * at.unit, at.size - (xy[k + 1] - at.low) * at.unit, radius);
  pen.fillStyle = colour;
  pen.fill();
}

function paintNoise(pen, { width, height, palette }, run) {
  const z = floatsOf(run.z), uniform = run.setup.noise === "uniform", reach = uniform ? 1.15 : 3;
  const share = (v) => (uniform ? erf(v / Math.SQRT2) : v) / reach;
  pen.beginPath();
  for (let k = 0; k < z.length; k += run.z_dim) {
    const rise = run.z_dim > 1 ? share(z[k + 1]) : 0.5 * (((k * 0.618034) % 1) - 0.5); // a line, spread to be seen
    addDot(pen, (0.5 + share(z[k]) / 2) * width, (0.5 - rise / 2) * height, 1.3);
  }
  pen.fillStyle = palette.muted;
  pen.fill();
}

// Colour: what D calls a point. A cross: it is wrong.
function paintPredictions(pen, palette, run, frame, at) {
  const right = [new Path2D(), new Path2D()], wrong = [new Path2D(), new Path2D()]; // called fake, called real
  function judge(xy, p, truth, every) {
    for (let k = 0; k < p.length; k += every) {
      const x = (xy[2 * k] - at.low) * at.unit, y = at.size - (xy[2 * k + 1] - at.low) * at.unit;
      const called = p[k] > 127 ? 1 : 0;
      if (called === truth) addDot(right[called], x, y, 1.4);
      else addCross(wrong[called], x, y, 1.8);
    }
  }
  judge(floatsOf(run.real), bytesOf(frame.p_real), 1, 2); // every second, so that there are as many as fakes
  judge(floatsOf(frame.fakes), bytesOf(frame.p_fake), 0, 1);
  [palette.fake, palette.real].forEach((colour, called) => {
    pen.fillStyle = pen.strokeStyle = colour;
    pen.fill(right[called]);
    pen.stroke(wrong[called]);
  });
}

function makeThumbnails() {
  const heat = makeHeat(), pullScale = makePullScale();
  const still = new Map(); // noise and real points stay: they are painted again only for another run, size or theme

  const PICTURES = {
    noise: paintNoise,
    generator(pen, { palette }, run, frame, at) {
      if (frame.sheet) paintSheet(pen, floatsOf(frame.sheet), run.sheet_dim, at.low, at.unit, at.size, palette);
      else paintPoints(pen, floatsOf(frame.fakes), at, addTriangle, 2, palette.gen);
    },
    fakes(pen, { palette }, run, frame, at) {
      paintPoints(pen, floatsOf(frame.fakes), at, addTriangle, 2.2, palette.fake);
    },
    reals(pen, { palette }, run, frame, at) {
      paintPoints(pen, floatsOf(run.real), at, addDot, 1.2, palette.real);
    },
    discriminator(pen, { palette }, run, frame, at) {
      heat.set(bytesOf(frame.verdict), palette);
      heat.paint(pen, at.size);
    },
    predictions: (pen, { palette }, run, frame, at) => paintPredictions(pen, palette, run, frame, at),
    d_loss: (pen, surface, run, frame) => paintLoss(pen, surface, frame.losses[0], surface.palette.dis),
    g_loss: (pen, surface, run, frame) => paintLoss(pen, surface, frame.losses[1], surface.palette.gen),
    d_gradient: (pen, surface, run, frame) => paintNorm(pen, surface, frame.d_gradient, surface.palette.dis),
    g_gradient(pen, { palette }, run, frame, at) {
      const fakes = floatsOf(frame.fakes), pull = floatsOf(frame.pull);
      paintPoints(pen, fakes, at, addTriangle, 1.4, palette.fake);
      pen.beginPath();
      addPulls(pen, fakes, pull, at.low, at.unit, at.size, pullScale(pull, run.id), 0.22 * at.size, 5);
      pen.strokeStyle = palette.gen;
      pen.stroke();
    },
  };
  const PLANE = new Set(["generator", "fakes", "reals", "discriminator", "predictions", "g_gradient"]);

  return (id, surface, run, frame) => {
    const { width, height, palette } = surface, of = [run.real, width, palette];
    if (id === "noise" || id === "reals") {
      if (still.get(id)?.every((v, i) => v === of[i])) return;
      still.set(id, of);
    }
    const pen = surface.pen();
    if (!pen) return still.delete(id);
    const [low, high] = run.extent;
    pen.fillStyle = palette.paper;
    pen.fillRect(0, 0, width, height);
    pen.lineWidth = 1.1;
    if (PLANE.has(id)) pen.translate((width - height) / 2, 0); // a square in the middle
    PICTURES[id](pen, surface, run, frame, { low, unit: height / (high - low), size: height });
  };
}
