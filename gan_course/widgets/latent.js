// Sliders for a generator's input, and its picture. Each move sends `values`; latent.py answers with `pixels` and
// `reading`. While the kernel is busy, the widget manager keeps only the newest values: a drag does not queue up.

const STYLE = `
.latent { display: flex; flex-wrap: wrap; gap: 12px 28px; padding: 6px; align-items: flex-start;
  color: var(--jp-ui-font-color1, inherit); font: 14px/1.4 var(--jp-ui-font-family, system-ui, sans-serif); }
.latent .sliders { display: grid; grid-template-columns: max-content minmax(140px, 240px) 3em; gap: 10px; }
.latent .buttons { grid-column: 1 / -1; display: flex; flex-wrap: wrap; gap: 8px; }
.latent canvas { display: block; width: 240px; height: 240px; image-rendering: pixelated; }
.latent button { font: inherit; color: inherit; padding: 3px 10px; border: 1px solid currentColor;
  border-radius: 4px; background: var(--jp-layout-color1, canvas); cursor: pointer; }
.latent :focus-visible { outline: 3px solid #d55e00; outline-offset: 2px; }`;

function button(words, act) {
  const node = make("button", { type: "button" }, words);
  node.addEventListener("click", act);
  return node;
}

// A draw from the normal distribution (Box and Muller, 1958).
function normal() {
  return Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
}

function render({ model, el }) {
  sayWhenLost(model, el);
  const [names, low, high, step] = ["names", "low", "high", "step"].map((name) => model.get(name));
  const digits = step < 0.1 ? 2 : 1;
  const rows = names.map((name, k) => {
    const slider = make("input", { type: "range", min: low, max: high, step });
    slider.setAttribute("aria-label", name);
    slider.dataset.lmSuppressShortcuts = "true"; // else JupyterLab takes the arrow keys and goes to another cell
    slider.addEventListener("input", () => {
      put(model.get("values").map((value, i) => (i === k ? slider.valueAsNumber : value)));
    });
    return { slider, readout: make("span"), label: make("span", {}, name) };
  });
  const sliders = make("div", { class: "sliders" });
  for (const { slider, readout, label } of rows) sliders.append(label, slider, readout);
  const canvas = make("canvas");
  canvas.setAttribute("role", "img");
  const reading = make("output");

  function put(values) {
    model.set("values", values);
    model.save_changes();
  }

  function showValues() {
    const values = model.get("values");
    rows.forEach(({ slider, readout }, k) => {
      slider.value = values[k];
      readout.textContent = values[k].toFixed(digits);
    });
  }

  function showPicture() {
    const view = model.get("pixels");
    const grey = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    const side = Math.round(Math.sqrt(grey.length));
    const image = new ImageData(side, side);
    grey.forEach((value, i) => image.data.set([value, value, value, 255], 4 * i));
    canvas.width = canvas.height = side;
    canvas.getContext("2d").putImageData(image, 0, 0);
    reading.textContent = model.get("reading");
    canvas.setAttribute("aria-label", `Generated picture. ${model.get("reading")}`);
  }

  if (model.get("normal")) {
    const fresh = () => names.map(() => Math.min(Math.max(normal(), low), high));
    sliders.append(make("div", { class: "buttons" },
      button("New random numbers", () => put(fresh())),
      button("Reset to zero", () => put(names.map(() => 0)))));
  }
  const style = make("style", {}, STYLE);
  el.append(make("div", { class: "latent" }, style, sliders, make("div", {}, canvas, reading)));
  model.on("change:values", showValues);
  model.on("change:pixels change:reading", showPicture);
  showValues();
  showPicture();
  return () => {
    model.off("change:values", showValues);
    model.off("change:pixels change:reading", showPicture);
  };
}

export default { render };
