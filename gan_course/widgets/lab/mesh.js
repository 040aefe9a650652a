// What G does to its noise, and where its loss would move its points: the bent sheet, and the pulls.

// The lines of noise lie so that each cell between them (2-D noise), or each piece of the line (1-D), has the same
// share of what G makes: the smaller, the denser. The scale is fixed, so that a collapse darkens the sheet.
function paintSheet(pen, points, dim, low, unit, size, palette) {
  const count = points.length / 2, X = new Float32Array(count), Y = new Float32Array(count);
  for (let k = 0; k < count; k++) {
    X[k] = (points[2 * k] - low) * unit;
    Y[k] = size - (points[2 * k + 1] - low) * unit;
  }
  pen.fillStyle = pen.strokeStyle = palette.gen;
  if (dim === 1) paintString(pen, X, Y, size);
  else paintMesh(pen, X, Y, size, palette);
  pen.globalAlpha = 1;
}

// 0 where the density is what an even spread over the picture would have, 1 from `most` times that.
function strengthOf(density, most) {
  return Math.max(0, Math.min(1, Math.log(density) / Math.log(most)));
}

function paintString(pen, X, Y, size) {
  for (let k = 0; k + 1 < X.length; k++) {
    const length = Math.hypot(X[k + 1] - X[k], Y[k + 1] - Y[k]);
    const strength = strengthOf((4 * size) / ((X.length - 1) * length + 1e-9), 40); // even: as the four edges
    pen.globalAlpha = 0.4 + 0.5 * strength;
    pen.lineWidth = (1.6 + 8 * strength) * Math.min(1, size / 300);
    pen.beginPath();
    pen.moveTo(X[k], Y[k]);
    pen.lineTo(X[k + 1], Y[k + 1]);
    pen.stroke();
  }
}

function paintMesh(pen, X, Y, size, palette) {
  const n = Math.sqrt(X.length), cells = (n - 1) ** 2;
  for (let row = 0; row + 1 < n; row++)
    for (let col = 0; col + 1 < n; col++) { // one by one: twice as fast as in one path, where a sheet is folded
      const a = row * n + col, b = a + 1, d = a + n, c = d + 1;
      const area = Math.abs((X[c] - X[a]) * (Y[d] - Y[b]) - (X[d] - X[b]) * (Y[c] - Y[a])) / 2;
      pen.globalAlpha = 0.04 + 0.5 * strengthOf((size * size) / (cells * area + 1e-9), 150);
      pen.beginPath();
      pen.moveTo(X[a], Y[a]);
      pen.lineTo(X[b], Y[b]);
      pen.lineTo(X[c], Y[c]);
      pen.lineTo(X[d], Y[d]);
      pen.fill();
    }
  const every = size < 150 ? 4 : 2; // of the lines: more would be a blot
  pen.beginPath();
  for (let i = 0; i < n; i += every)
    for (const place of [(k) => i * n + k, (k) => k * n + i]) {
      pen.moveTo(X[place(0)], Y[place(0)]);
      for (let k = 1; k < n; k++) pen.lineTo(X[place(k)], Y[place(k)]);
    }
  pen.globalAlpha = palette.dark ? 0.5 : 0.4;
  pen.lineWidth = 0.7;
  pen.stroke();
}

// Arrows of one scale, which follows the 90th percentile slowly: they shrink when the gradient does, and stay short
// where it has vanished.
const WEAK_PULL = 0.3; // where even the strongest pulls are weaker than this, arrows stay short of their full length
function makePullScale() {
  let scale = 0, at = 0, of = null;
  return (pull, run) => {
    const sizes = new Float32Array(pull.length / 2);
    for (let k = 0; k < sizes.length; k++) sizes[k] = Math.hypot(pull[2 * k], pull[2 * k + 1]);
    sizes.sort();
    const now = performance.now(), target = Math.max(WEAK_PULL, sizes[Math.floor(0.9 * (sizes.length - 1))] || 0);
    scale = of === run && scale ? scale + (target - scale) * (1 - Math.exp((at - now) / 2000)) : target;
    [at, of] = [now, run];
    return scale;
  };
}

function addPulls(pen, fakes, pull, low, unit, size, scale, reach, every = 1) {
  for (let k = 0; k < fakes.length; k += 2 * every) {
    const cut = reach / Math.max(scale, Math.hypot(pull[k], pull[k + 1])); // none is longer than `reach`
    const [x, y] = [(fakes[k] - low) * unit, size - (fakes[k + 1] - low) * unit];
    addArrow(pen, x, y, pull[k] * cut, -pull[k + 1] * cut, reach / 7);
  }
}
