// What every picture of the laboratory is made of: colours, a canvas that fits, shapes, a heat map, contours.
//
// addDot, addTriangle, addCross and addArrow only add to the pen's path: one fill or stroke paints all of one colour.

// As in plot.py, and for dark themes the same hues, lighter where they would sink into the ground.
const LIGHT = {
  dark: false, ink: "#222222", paper: "#ffffff", line: "#b5b5b5", muted: "#767676", blank: "#c4c4c4",
  real: "#0072b2", fake: "#e69f00", gen: "#d55e00", dis: "#009e73", theory: "#cc79a7",
  realGround: [86, 170, 222], fakeGround: [240, 178, 50], ground: [255, 255, 255],
};
const DARK = {
  dark: true, ink: "#e6e6e6", paper: "#17181a", line: "#5a5a5a", muted: "#9c9c9c", blank: "#4a4a4a",
  real: "#56b4e9", fake: "#f0ab1e", gen: "#ff7f3a", dis: "#2fc795", theory: "#e39ac4",
  realGround: [8, 92, 150], fakeGround: [150, 98, 0], ground: [27, 28, 31],
};
// One a run, where several are in one picture: Tol's "bright" scheme, its yellow and cyan darker, so that all show on
// light and on dark; and each run has a dash of its own.
const RUN_COLOURS = ["#4477aa", "#ee6677", "#228833", "#a8952a", "#2299bb", "#b0459a"];
const RUN_DASHES = [[], [7, 3], [2, 3], [9, 3, 2, 3], [4, 2], [1, 2]];

// A trait of bytes arrives as a DataView that need not start on a multiple of four bytes.
function floatsOf(view) {
  if (!view || view instanceof Float32Array) return view || new Float32Array(0);
  return new Float32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
}

function bytesOf(view) {
  return view ? new Uint8Array(view.buffer, view.byteOffset, view.byteLength) : new Uint8Array(0);
}

// The colours that suit the theme, told by the ink in which the page writes: light ink is a dark theme.
function paletteOf(element) {
  const ink = getComputedStyle(element).color.match(/[\d.]+/g) || [0, 0, 0];
  return ink.slice(0, 3).reduce((sum, v) => sum + Number(v), 0) > 384 ? DARK : LIGHT;
}

// A canvas whose size and colours are known without asking the page at each frame. `redraw()` is called when they
// change. pen(): cleared, in CSS pixels; null while the canvas is hidden.
function makeSurface(canvas, redraw) {
  const surface = { width: 0, height: 0, palette: LIGHT, scale: 1 };
  const context = canvas.getContext("2d");
  const size = new ResizeObserver(() => {
    [surface.width, surface.height] = [canvas.clientWidth, canvas.clientHeight];
    surface.palette = paletteOf(canvas); // it may have come into the page just now
    redraw();
  });
  function look() {
    const palette = paletteOf(canvas);
    if (palette === surface.palette) return;
    surface.palette = palette;
    redraw();
  }
  const theme = new MutationObserver(look), system = matchMedia("(prefers-color-scheme: dark)");
  size.observe(canvas);
  theme.observe(document.body, { attributes: true }); // JupyterLab marks a change of theme there
  system.addEventListener("change", look);
  surface.pen = () => {
    if (!surface.width || !surface.height) return null;
    surface.scale = Math.min(2, window.devicePixelRatio || 1);
    const [wide, high] = [surface.width, surface.height].map((v) => Math.round(v * surface.scale));
    if (canvas.width !== wide) canvas.width = wide; // setting a size clears and allocates anew: only if it changed
    if (canvas.height !== high) canvas.height = high;
    context.setTransform(surface.scale, 0, 0, surface.scale, 0, 0);
    context.globalAlpha = 1;
    context.setLineDash([]);
    context.clearRect(0, 0, surface.width, surface.height);
    return context;
  };
  surface.stop = () => {
    size.disconnect();
    theme.disconnect();
    system.removeEventListener("change", look);
  };
  return surface;
}

function addDot(pen, x, y, radius) {
  pen.moveTo(x + radius, y);
  pen.arc(x, y, radius, 0, 2 * Math.PI);
}

function addTriangle(pen, x, y, size) {
  pen.moveTo(x, y - size);
  pen.lineTo(x + 0.9 * size, y + 0.75 * size);
  pen.lineTo(x - 0.9 * size, y + 0.75 * size);
  pen.closePath();
}

function addCross(pen, x, y, size) {
  pen.moveTo(x - size, y - size);
  pen.lineTo(x + size, y + size);
  pen.moveTo(x - size, y + size);
  pen.lineTo(x + size, y - size);
}

// To be stroked. Too short to have a direction: nothing.
function addArrow(pen, x, y, dx, dy, barb = 5) {
  const length = Math.hypot(dx, dy);
  if (length < 1) return;
  const head = Math.min(barb, 0.5 * length) / length;
  const [tipX, tipY, backX, backY] = [x + dx, y + dy, dx * head, dy * head];
  pen.moveTo(x, y);
  pen.lineTo(tipX, tipY);
  pen.moveTo(tipX - backX + 0.6 * backY, tipY - backY - 0.6 * backX);
  pen.lineTo(tipX, tipY);
  pen.lineTo(tipX - backX - 0.6 * backY, tipY - backY + 0.6 * backX);
}

// 256 colours from "fake" over the theme's neutral ground to "real"; the root lets small leanings show.
const HEAT_TABLES = new Map();
function heatTable(palette) {
  if (HEAT_TABLES.has(palette)) return HEAT_TABLES.get(palette);
  const table = new Uint8ClampedArray(4 * 256);
  for (let byte = 0; byte < 256; byte++) {
    const lean = (2 * byte) / 255 - 1, end = lean > 0 ? palette.realGround : palette.fakeGround;
    const amount = Math.abs(lean) ** 0.75;
    for (let c = 0; c < 3; c++) table[4 * byte + c] = palette.ground[c] + amount * (end[c] - palette.ground[c]);
    table[4 * byte + 3] = 255;
  }
  const words = new Uint32Array(table.buffer);
  HEAT_TABLES.set(palette, words);
  return words;
}

// D's probability of real over a square of cells, rows from low x_2 to high, drawn smoothly.
// set(bytes, palette, known): 255 = surely real; cells where `known` is 0 become grey. paint(pen, size) draws it.
function makeHeat(cells = 32) {
  const small = new OffscreenCanvas(cells, cells);
  const pen = small.getContext("2d");
  const image = pen.createImageData(cells, cells);
  const words = new Uint32Array(image.data.buffer);
  return {
    set(bytes, palette, known = null) {
      const table = heatTable(palette), grey = Number(`0xff${palette.blank.slice(1)}`); // its bytes are alike
      for (let row = 0, k = 0; row < cells; row++)
        for (let to = (cells - 1 - row) * cells, end = to + cells; to < end; to++, k++)
          words[to] = known && !known[k] ? grey : table[bytes[k]];
      pen.putImageData(image, 0, 0);
    },
    paint(target, size) {
      target.drawImage(small, 0, 0, size, size);
    },
  };
}

// The lines at `level` (0 to 255) in a square of bytes, as a Path2D of a picture `size` wide; cells are sampled at
// their centres, and where `known` is 0 there is no line. For fields that seldom change: keep the path.
function contour(bytes, cells, level, size, known = null) {
  const path = new Path2D(), fine = 3, n = (cells - 1) * fine + 1;
  const field = finer(bytes, cells, fine, n); // or small blobs would look like diamonds
  const unit = size / (cells * fine), start = fine / 2;
  const place = ([x, y]) => [(start + x) * unit, size - (start + y) * unit];
  const sure = (x, y) => {
    const k = Math.floor(y / fine) * cells + Math.floor(x / fine);
    return known[k] && known[k + 1] && known[k + cells] && known[k + cells + 1];
  };
  for (let y = 0; y + 1 < n; y++)
    for (let x = 0; x + 1 < n; x++) {
      const k = y * n + x;
      const [a, b, c, d] = [field[k] - level, field[k + 1] - level, field[k + n + 1] - level, field[k + n] - level];
      const ends = []; // where the line crosses the four sides of this cell
      if (a > 0 !== b > 0) ends.push([x + a / (a - b), y]);
      if (b > 0 !== c > 0) ends.push([x + 1, y + b / (b - c)]);
      if (c > 0 !== d > 0) ends.push([x + d / (d - c), y + 1]);
      if (d > 0 !== a > 0) ends.push([x, y + a / (a - d)]);
      if (!ends.length || (known && !sure(x, y))) continue;
      for (let i = 0; i < ends.length; i += 2) {
        path.moveTo(...place(ends[i]));
        path.lineTo(...place(ends[i + 1]));
      }
    }
  return path;
}

// A square of bytes at `fine` times as many places, n a side, along Catmull and Rom's cubics through the given ones.
function finer(bytes, cells, fine, n) {
  const weights = Array.from({ length: fine }, (_, i) => {
    const t = i / fine, [t2, t3] = [t * t, t ** 3];
    return [-t + 2 * t2 - t3, 2 - 5 * t2 + 3 * t3, t + 4 * t2 - 3 * t3, t3 - t2].map((w) => w / 2);
  });
  const inside = (i) => Math.max(0, Math.min(cells - 1, i));
  const wide = new Float32Array(cells * n), field = new Float32Array(n * n);
  for (let row = 0; row < cells; row++)
    for (let x = 0; x < n; x++) {
      const i = Math.floor(x / fine);
      weights[x % fine].forEach((w, k) => (wide[row * n + x] += w * bytes[row * cells + inside(i + k - 1)]));
    }
  for (let y = 0; y < n; y++) {
    const i = Math.floor(y / fine);
    weights[y % fine].forEach((w, k) => {
      for (let x = 0; x < n; x++) field[y * n + x] += w * wide[inside(i + k - 1) * n + x];
    });
  }
  return field;
}

// A number as a person says it: three figures, and powers of ten where it is tiny or huge.
function say(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e4) return String(value);
  if (size < 1e-3 || size >= 1e4) return value.toExponential(0).replace("e+", "e");
  return size >= 100 ? value.toFixed(0) : size >= 10 ? value.toFixed(1) : value.toFixed(size < 0.1 ? 3 : 2);
}
