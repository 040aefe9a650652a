// After a restart of the kernel nobody answers a widget's controls any more: say so, else they only seem broken.
function sayWhenLost(model, el) {
  model.on("comm_live_update", () => {
    if (el.querySelector(".lost")) return;
    const note = document.createElement("p");
    note.className = "lost";
    note.setAttribute("role", "status");
    note.textContent = "The kernel was restarted, so this does not answer any more: run its cell again.";
    el.append(note);
  });
}
