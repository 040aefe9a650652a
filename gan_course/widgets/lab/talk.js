// What this view says to Python, and what it may already show of it. One message is on its way at a time; of what
// waits, only the newest wish for each thing is kept, so a flood of events costs two messages.

const PATIENCE = 3000; // ms without an answer, after which a message is sent again; Python knows it by its number
const SETTLE = 400; // ms after the last wish during which Python's older value is not shown

// changed(): what `current` gives may be another now. heard(ops): Python acted on them; the first time on none.
// gone(): the kernel has left.
function makeTalk(model, changed, heard, gone) {
  let queue = []; // [key or null, op]; without a key, every one counts (a step, a fork)
  let flying = null; // {n, ops, keys, timer, wait}
  let settling = null, live = model.comm_live !== false;
  let number = Math.floor(Math.random() * 2 ** 40); // views of one model must not take each other's answers
  const wished = new Map(); // key -> {value, at}: shown until Python has had the time to say its own

  const post = (message) => live && model.send(message);

  function ask(op, key = null) {
    if (key !== null) {
      // Not past an operation without a key: what was set before a step stays before it.
      for (let i = queue.length - 1; i >= 0 && queue[i][0] !== null; i--) {
        if (queue[i][0] !== key) continue;
        queue.splice(i, 1);
        break;
      }
    }
    queue.push([key, op]);
    if (flying === null) fly({});
  }

  function fly(extra) {
    flying = { n: ++number, ops: queue.map(([, op]) => op), keys: new Set(queue.map(([key]) => key)), wait: PATIENCE };
    queue = [];
    deliver(extra);
  }

  function deliver(extra = {}) {
    post({ ...extra, ops: flying.ops, n: flying.n });
    flying.timer = setTimeout(deliver, flying.wait);
    flying.wait = Math.min(2 * flying.wait, 30000); // a kernel that is busy for a minute should not find a heap
  }

  function hear(message) {
    if (flying === null || message.done !== flying.n) return;
    const { ops, timer } = flying;
    clearTimeout(timer);
    flying = null;
    if (queue.length) fly({});
    heard(ops);
  }

  const waiting = (key) => (flying !== null && flying.keys.has(key)) || queue.some(([other]) => other === key);

  // Look again when the last wish has settled: Python may have refused it.
  function settle() {
    settling = null;
    const now = performance.now();
    for (const [key, wish] of wished) if (!waiting(key) && now - wish.at >= SETTLE) wished.delete(key);
    if (wished.size) settling = setTimeout(settle, SETTLE / 4);
    changed();
  }

  function livens(source) {
    live = Boolean(source && source.comm_live);
    if (!live) gone();
  }

  model.on("msg:custom", hear);
  model.on("comm_live_update", livens);
  fly({ here: true });
  return {
    ask,
    // The learner wants `value` for `key`, which `op` asks for.
    wish(key, value, op) {
      const wish = wished.get(key);
      if (wish) [wish.value, wish.at] = [value, performance.now()];
      else wished.set(key, { value, at: performance.now() });
      ask(op, key);
      settling = settling || setTimeout(settle, SETTLE);
    },
    // What to show for `key`: the learner's wish while it is on its way, else the truth.
    current: (key, truth) => (wished.has(key) ? wished.get(key).value : truth),
    drawn: (n) => post({ drawn: n }),
    end() {
      model.off("msg:custom", hear);
      model.off("comm_live_update", livens);
      clearTimeout(settling);
      if (flying !== null) clearTimeout(flying.timer);
      post({ ops: queue.map(([, op]) => op), gone: true }); // the last wishes of a view that goes, too
    },
  };
}
