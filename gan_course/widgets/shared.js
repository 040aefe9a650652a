// What the widgets share. An element with its attributes and children:
function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

// After a restart of the kernel nobody answers a widget's controls any more: say so, else they only seem broken.
function sayWhenLost(model, el) {
  model.on("comm_live_update", () => {
    if (el.querySelector(".lost")) return;
    const words = "The kernel was restarted, so this does not answer any more: run its cell again.";
    el.append(make("p", { class: "lost", role: "status" }, words));
  });
}
