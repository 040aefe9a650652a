// The stage: one square picture of one run, in layers. It draws what Python computed.
//
// makeStage(host, {small}) -> {element, draw(stageRun, frameRun, layers, truth), destroy()}. stageRun, frameRun: one
// run's entries in the traits `stage` and `frame`; layers, truth: the traits (truth may be null). small: no legend.

const STAGE_STYLE = `
.lab-stage { min-width: 0; }
.lab-stage canvas.lab-picture { display: block; width: 100%; aspect-ratio: 1; border-radius: 4px; }
.lab-legend { display: flex; flex-wrap: wrap; gap: 2px 14px; margin: 6px 0 0; padding: 0; list-style: none;
  font-size: 13px; }
.lab-legend li { display: flex; align-items: center; gap: 5px; margin: 0; }
.lab-legend canvas { width: 26px; height: 14px; border-radius: 2px; }`;

// What stands for a layer in the legend, on 26 x 14 pixels.
const LEGEND = [
  ["real", "real points", (pen, look) => fillWith(pen, look.real, addDot, 13, 7, 3.2)],
  ["density", "their true density", (pen, look) => strokeWith(pen, look.real, addOval)],
  ["fake", "fakes", (pen, look) => fillWith(pen, look.fake, addTriangle, 13, 7, 4.5)],
  ["arrows", "where G's gradient pulls a fake", (pen, look) => strokeWith(pen, look.gen, addArrow, 3, 7, 20, 0)],
  ["sheet", "G's sheet: stronger = denser", sheetSwatch],
  ["verdict", "D says fake … real", heatSwatch],
  ["best", "the best D says fake … real", heatSwatch],
  ["unknown", "neither points nor fakes", (pen, look) => ((pen.fillStyle = look.blank), pen.fillRect(0, 0, 26, 14))],
  ["optimal", "the best D says 1/2", (pen, look) => strokeWith(pen, look.theory, addCurve)],
];

function fillWith(pen, colour, add, ...where) {
  add(pen, ...where);
  pen.fillStyle = colour;
  pen.fill();
}

function strokeWith(pen, colour, add, ...where) {
  add(pen, ...where);
  pen.strokeStyle = colour;
  pen.stroke();
}

function addOval(pen) {
  pen.ellipse(13, 7, 10, 5, 0, 0, 7);
}

function addCurve(pen) {
  pen.moveTo(2, 10);
  pen.bezierCurveTo(9, 0, 17, 14, 24, 4);
}

function sheetSwatch(pen, look) {
  pen.fillStyle = look.gen;
  for (let k = 0; k < 4; k++) {
    pen.globalAlpha = 0.1 + 0.16 * k;
    pen.fillRect(6.5 * k, 0, 6.5, 14);
  }
}

function heatSwatch(pen, look) {
  const ends = pen.createLinearGradient(0, 0, 26, 0);
  [look.fakeGround, look.ground, look.realGround].forEach((rgb, k) => ends.addColorStop(k / 2, `rgb(${rgb})`));
  pen.fillStyle = ends;
  pen.fillRect(0, 0, 26, 14);
  pen.strokeStyle = look.line;
  pen.strokeRect(0.5, 0.5, 25, 13);
}

function makeLegend() {
  const element = make("ul", { class: "lab-legend" });
  let shown = "";
  return {
    element,
    show(layers, palette) {
      const key = layers.join() + palette.dark;
      if (key === shown) return;
      shown = key;
      element.replaceChildren(...LEGEND.filter(([layer]) => layers.includes(layer)).map(([, words, swatch]) => {
        const canvas = make("canvas", { width: 52, height: 28, "aria-hidden": "true" });
        const pen = canvas.getContext("2d");
        pen.scale(2, 2);
        pen.lineWidth = 2;
        pen.beginPath();
        swatch(pen, palette);
        return make("li", {}, canvas, words);
      }));
    },
  };
}

function makeStage(host, { small = false } = {}) {
  const canvas = make("canvas", { class: "lab-picture", role: "img", "aria-label": "The stage: nothing to see yet." });
  const legend = makeLegend(), element = make("div", { class: "lab-stage" }, canvas);
  if (!small) element.append(legend.element);
  host.append(element);
  const surface = makeSurface(canvas, () => last && paint(...last));
  const heat = makeHeat(), pullScale = makePullScale(), still = new OffscreenCanvas(1, 1);
  let last = null, told = 0, stillOf = [], bestOf = [], best = null;

  // What does not move, the real points and their density, is drawn once on a canvas of its own.
  function stillLayer(run, layers, low, unit) {
    const { width, scale, palette } = surface;
    const of = [run.real, run.density, width, scale, palette, layers.includes("real"), layers.includes("density")];
    if (of.every((v, i) => v === stillOf[i])) return still;
    stillOf = of;
    still.width = still.height = Math.round(width * scale);
    const pen = still.getContext("2d");
    pen.scale(scale, scale);
    if (layers.includes("density")) {
      const bytes = bytesOf(run.density);
      pen.strokeStyle = palette.real;
      pen.lineWidth = small ? 0.8 : 1.2;
      [0.1, 0.36, 0.72].forEach((part, i) => {
        pen.globalAlpha = 0.45 + 0.25 * i;
        pen.stroke(contour(bytes, 32, 255 * Math.sqrt(part), width)); // the bytes are the root of the density
      });
    }
    if (layers.includes("real")) {
      const real = floatsOf(run.real), radius = small ? 1.5 : 2.4;
      pen.beginPath();
      for (let k = 0; k < real.length; k += 2)
        addDot(pen, (real[k] - low) * unit, width - (real[k + 1] - low) * unit, radius);
      pen.globalAlpha = 0.75;
      pen.fillStyle = palette.real;
      pen.fill();
    }
    return still;
  }

  function bestLine(truth) {
    const of = [truth.optimal, surface.width];
    if (!of.every((v, i) => v === bestOf[i])) {
      bestOf = of;
      best = contour(bytesOf(truth.optimal), 32, 127.5, surface.width, bytesOf(truth.known));
    }
    return best;
  }

  function paint(run, frame, layers, truth) {
    const pen = surface.pen();
    if (!pen) return;
    const { width: size, palette } = surface, [low, high] = run.extent, unit = size / (high - low);
    const has = (layer) => layers.includes(layer), optimal = has("optimal") && truth && truth.optimal;
    if (has("verdict")) heat.set(bytesOf(frame.verdict), palette);
    else if (optimal) heat.set(bytesOf(truth.optimal), palette, bytesOf(truth.known));
    if (has("verdict") || optimal) heat.paint(pen, size);
    else {
      pen.fillStyle = palette.paper;
      pen.fillRect(0, 0, size, size);
    }
    if (has("sheet") && frame.sheet) paintSheet(pen, floatsOf(frame.sheet), run.sheet_dim, low, unit, size, palette);
    if (has("real") || has("density")) pen.drawImage(stillLayer(run, layers, low, unit), 0, 0, size, size);
    if (optimal) {
      pen.strokeStyle = palette.theory;
      pen.lineWidth = 2.5;
      pen.stroke(bestLine(truth));
    }
    const fakes = floatsOf(frame.fakes), pull = floatsOf(frame.pull);
    if (has("arrows")) {
      pen.beginPath();
      addPulls(pen, fakes, pull, low, unit, size, pullScale(pull, run.id), 0.08 * size);
      pen.strokeStyle = palette.gen;
      pen.lineWidth = small ? 0.9 : 1.3;
      pen.stroke();
    }
    let outside = 0;
    if (has("fake")) {
      const edges = new Path2D(), bodies = new Path2D(), radius = small ? 2.4 : 3.8;
      for (let k = 0; k < fakes.length; k += 2) {
        const x = (fakes[k] - low) * unit, y = size - (fakes[k + 1] - low) * unit;
        if (x < 0 || y < 0 || x > size || y > size) outside++;
        addTriangle(edges, x, y, 1.3 * radius);
        addTriangle(bodies, x, y, radius);
      }
      pen.fillStyle = palette.dark ? "#000000" : "#7a5200"; // an edge: orange stays seen on an orange ground
      pen.fill(edges); // all first, so that a heap of fakes is not a heap of edges
      pen.fillStyle = palette.fake;
      pen.fill(bodies);
    }
    if (outside) {
      pen.font = "12px sans-serif";
      pen.fillStyle = palette.ink;
      pen.fillText(`${outside} fakes outside`, 6, size - 7);
    }
    pen.strokeStyle = palette.line;
    pen.lineWidth = 1;
    pen.strokeRect(0.5, 0.5, size - 1, size - 1);
    if (small) return;
    const seen = layers.filter((layer) => (layer !== "sheet" || frame.sheet) && (layer !== "optimal" || optimal));
    legend.show(optimal && !has("verdict") ? [...seen, "best", "unknown"] : seen, palette);
  }

  function tell(run, frame, layers) {
    const now = performance.now();
    if (now - told < 1000) return; // no screen reader follows faster
    told = now;
    const words = [
      `Run ${run.name || run.id}, turn ${frame.shown}: real points and fakes in a plane.`,
      `D gives the real points ${frame.said[0].toFixed(2)} on average, the fakes ${frame.said[1].toFixed(2)},`,
      `and is right on ${Math.round(100 * frame.right)} %.`,
      `G's gradient is ${say(frame.g_gradient)}. Shown: ${layers.join(", ") || "nothing"}.`,
    ];
    canvas.setAttribute("aria-label", words.join(" "));
  }

  return {
    element,
    draw(run, frame, layers, truth = null) {
      last = [run, frame, layers, truth];
      paint(...last);
      tell(run, frame, layers);
    },
    destroy() {
      surface.stop();
      element.remove();
    },
  };
}
