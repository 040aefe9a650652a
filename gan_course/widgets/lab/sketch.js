// Draw your own data: strokes with a pointer, or single points with the keyboard. A point is [x, y], in the data's units.

const SKETCH_STYLE = `
.sketch { display: flex; flex-wrap: wrap; gap: 12px; align-items: flex-start; }
.sketch canvas { width: min(100%, 320px); aspect-ratio: 1; touch-action: none; cursor: crosshair; border-radius: 4px;
  border: 1px solid var(--jp-border-color1, #888); box-sizing: border-box; }
.sketch canvas:focus-visible { outline: 3px solid #d55e00; outline-offset: 2px; }
.sketch-side { flex: 1 1 200px; max-width: 340px; display: grid; gap: 8px; justify-items: start; }
.sketch-buttons { display: flex; flex-wrap: wrap; gap: 6px; }`;
const SKETCH_MOST = 600; // as MOST_POINTS in setup.py
const SKETCH_LEAST = 3; // different ones
const SKETCH_GAP = 9; // CSS pixels from point to point along a stroke
const ARROW_KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] };

// Where a place of a square of data is on a canvas `size` wide, and back again for a pointer's event.
function placeOf([lo, hi], size, x, y) {
  return [((x - lo) / (hi - lo)) * size, ((hi - y) / (hi - lo)) * size];
}
function dataAt(canvas, [lo, hi], event) {
  const box = canvas.getBoundingClientRect();
  const [right, up] = [(event.clientX - box.left) / box.width, 1 - (event.clientY - box.top) / box.height];
  return [right, up].map((share) => lo + (hi - lo) * Math.max(0, Math.min(1, share)));
}

function makeSketch(host, { extent, points = [], onUse }) {
  let drawn = points.map((p) => [...p]);
  let cursor = [(extent[0] + extent[1]) / 2, (extent[0] + extent[1]) / 2];
  let last = null; // where the stroke put its last point; null between strokes
  let past = []; // drawings to go back to

  const canvas = make("canvas", { tabindex: 0, role: "application", ...KEYS_OURS, "aria-label":
    "Drawing board for your own data. Arrow keys move the cursor, with Shift in small steps; space puts a point, backspace removes the last one." });
  const use = makeButton("Use these points", () => onUse(drawn.map((p) => [...p])));
  const undo = makeButton("Undo", () => {
    drawn = past.pop();
    tell("Undone.");
  });
  const clear = makeButton("Clear", () => {
    remember();
    drawn = [];
    tell("Cleared.");
  });
  const count = make("p"), told = make("p", { role: "status" });
  const help = make("p", {}, "Draw with the mouse, a finger or a pen. By keyboard: focus the board; arrows move the cursor, space puts a point, backspace removes one.");
  const side = make("div", { class: "sketch-side" }, count, make("div", { class: "sketch-buttons" }, use, undo, clear), told, help);
  const element = make("div", { class: "sketch" }, make("style", {}, SKETCH_STYLE), canvas, side);
  host.append(element);
  const surface = makeSurface(canvas, draw);

  function remember() {
    past.push(drawn.slice());
    past = past.slice(-100);
  }

  const full = () => drawn.length >= SKETCH_MOST;

  function put(x, y) {
    if (full()) return;
    drawn.push([x, y].map((v) => Math.round(1000 * v) / 1000)); // as the laboratory keeps them
    refresh();
  }

  function tell(words) {
    setText(told, full() ? `The board is full: ${SKETCH_MOST} points are the most.` : words);
    refresh();
  }

  function refresh() {
    const different = new Set(drawn.map(String)).size;
    const pressed = [use, undo, clear].find((button) => button.matches(":focus"));
    use.disabled = different < SKETCH_LEAST;
    undo.disabled = !past.length;
    clear.disabled = !drawn.length;
    if (pressed && pressed.disabled) canvas.focus(); // else the focus would be nowhere
    const missing = SKETCH_LEAST - different;
    const wish = use.disabled ? ` Put ${missing} more different ${missing === 1 ? "one" : "ones"} to use them.` : "";
    setText(count, `${drawn.length} of at most ${SKETCH_MOST} points.${wish}`);
    draw();
  }

  function draw() {
    const pen = surface.pen();
    if (!pen) return;
    const { width: size, palette } = surface;
    pen.fillStyle = palette.paper;
    pen.fillRect(0, 0, size, size);
    const [zeroX, zeroY] = placeOf(extent, size, 0, 0);
    pen.strokeStyle = palette.line;
    pen.lineWidth = 1;
    pen.beginPath();
    pen.moveTo(zeroX, 0);
    pen.lineTo(zeroX, size);
    pen.moveTo(0, zeroY);
    pen.lineTo(size, zeroY);
    pen.stroke();
    pen.fillStyle = palette.real;
    pen.beginPath();
    for (const p of drawn) addDot(pen, ...placeOf(extent, size, ...p), 3);
    pen.fill();
    if (!canvas.matches(":focus")) return;
    const [x, y] = placeOf(extent, size, ...cursor);
    pen.strokeStyle = palette.gen;
    pen.lineWidth = 2;
    pen.beginPath();
    for (const [dx, dy] of Object.values(ARROW_KEYS)) {
      pen.moveTo(x + 4 * dx, y + 4 * dy);
      pen.lineTo(x + 12 * dx, y + 12 * dy);
    }
    pen.stroke();
  }

  // Points at equal steps along the stroke, however fast the pointer went.
  function follow(event) {
    const [lo, hi] = extent;
    const step = ((hi - lo) * SKETCH_GAP) / surface.width;
    for (const e of event.getCoalescedEvents?.() ?? [event]) {
      const [x, y] = dataAt(canvas, extent, e);
      const far = Math.hypot(x - last[0], y - last[1]);
      const [dx, dy] = [(x - last[0]) / far, (y - last[1]) / far];
      for (let done = step; done <= far && !full(); done += step) {
        last = [last[0] + step * dx, last[1] + step * dy];
        put(...last);
      }
    }
  }
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    remember();
    last = cursor = dataAt(canvas, extent, event);
    put(...last);
  });
  canvas.addEventListener("pointermove", (event) => last && follow(event));
  for (const end of ["pointerup", "pointercancel"])
    canvas.addEventListener(end, () => {
      if (last) tell("");
      last = null;
    });
  canvas.addEventListener("keydown", (event) => {
    const move = ARROW_KEYS[event.key];
    if (!move && event.key !== " " && event.key !== "Backspace") return;
    event.preventDefault();
    event.stopPropagation(); // else the notebook moves to the next cell
    if (move) {
      const [lo, hi] = extent;
      const step = (hi - lo) * (event.shiftKey ? 0.005 : 0.03);
      cursor = cursor.map((v, axis) => Math.max(lo, Math.min(hi, v + step * move[axis])));
      draw();
    } else if (event.key === " ") {
      remember();
      put(...cursor);
      tell(`Point ${drawn.length} at ${cursor.map((v) => v.toFixed(2)).join(", ")}.`);
    } else if (drawn.length) {
      remember();
      drawn.pop();
      tell(`The last point is gone: ${drawn.length} left.`);
    }
  });
  for (const change of ["focus", "blur"]) canvas.addEventListener(change, draw);

  refresh();
  return {
    element,
    setExtent(newExtent) {
      if (String(newExtent) === String(extent)) return;
      extent = newExtent;
      cursor = cursor.map((v) => Math.max(extent[0], Math.min(extent[1], v)));
      draw();
    },
    destroy() {
      surface.stop();
      element.remove();
    },
  };
}
