// One question's options as native radio buttons: a named group, chosen with one click, Space, or the arrow keys.

const STYLE = `
.choice { border: 0; margin: 0; padding: 2px 6px 6px; display: grid; gap: 4px;
  color: var(--jp-ui-font-color1, inherit); font: 14px/1.4 var(--jp-ui-font-family, system-ui, sans-serif); }
.choice label { display: flex; gap: 8px; align-items: center; cursor: pointer; max-width: 60em; }
.choice input { margin: 0; }
.choice :focus-visible { outline: 3px solid #d55e00; outline-offset: 2px; }`;

// Each widget loads this file afresh, so a counter would start again in every one: a random name tells the groups apart.

function render({ model, el }) {
  sayWhenLost(model, el);
  const group = `gan-course-choice-${Math.random()}`; // a second view of the same question is another group
  const box = document.createElement("fieldset");
  box.className = "choice";
  box.setAttribute("aria-label", model.get("question"));
  const style = document.createElement("style");
  style.textContent = STYLE;
  box.append(style);
  const radios = model.get("options").map((text, index) => {
    const radio = Object.assign(document.createElement("input"), { type: "radio", name: group });
    radio.dataset.lmSuppressShortcuts = "true"; // else JupyterLab takes the arrow keys and goes to another cell
    radio.addEventListener("change", () => {
      model.set("chosen", index);
      model.save_changes();
    });
    const words = document.createElement("span");
    words.textContent = text;
    const label = document.createElement("label");
    label.append(radio, words);
    box.append(label);
    return radio;
  });
  const show = () => radios.forEach((radio, index) => (radio.checked = index === model.get("chosen")));
  model.on("change:chosen", show);
  show();
  el.append(box);
  return () => model.off("change:chosen", show);
}

export default { render };
