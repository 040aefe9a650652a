// How it looks. In JupyterLab and Voila the page's own colours; on a plain page those of the reader's system.

const LAB_STYLE = `
.lab { --lab-ink0: #1f1f1f; --lab-paper0: #ffffff; --lab-ground0: #f3f3f3; --lab-line0: #8a8a8a; color-scheme: light;
  --lab-ink: var(--jp-ui-font-color1, var(--lab-ink0)); --lab-paper: var(--jp-layout-color1, var(--lab-paper0));
  --lab-ground: var(--jp-layout-color2, var(--lab-ground0)); --lab-line: var(--jp-border-color0, var(--lab-line0));
  box-sizing: border-box; max-width: 1500px; padding: 6px; color: var(--lab-ink); background: var(--lab-paper);
  font: 14px/1.4 var(--jp-ui-font-family, system-ui, sans-serif); }
@media (prefers-color-scheme: dark) {
  body:not([data-jp-theme-light]) .lab { color-scheme: dark; --lab-ink0: #e6e6e6; --lab-paper0: #17181a; --lab-ground0: #25272a; --lab-line0: #8f8f8f; } }
body[data-jp-theme-light="false"] .lab { color-scheme: dark; }
.lab *, .lab *::before { box-sizing: border-box; }
.lab [hidden] { display: none !important; }
.lab > fieldset { display: grid; gap: 8px; }
:where(.lab) fieldset { border: 0; margin: 0; padding: 0; min-width: 0; }
:where(.lab) p { margin: 0; }
.lab :focus-visible { outline: 3px solid #d55e00; outline-offset: 2px; }
.lab:focus { outline: none; }
.lab .unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.lab .row, .lab .group, .lab .layers { display: flex; flex-wrap: wrap; gap: 4px 8px; align-items: center; }
.lab .hint, .lab small { font-size: 12px; opacity: 0.85; }
:where(.lab) button { font: inherit; color: inherit; padding: 2px 9px; border: 1px solid var(--lab-line); border-radius: 4px;
  background: var(--lab-ground); cursor: pointer; }
:where(.lab) button:hover { border-color: currentColor; }
:where(.lab) button[aria-pressed=true] { background: var(--lab-ink); color: var(--lab-paper); }
:where(.lab) button:disabled { opacity: 0.5; cursor: default; }
:where(.lab) select, :where(.lab) input[type=number], :where(.lab) textarea { font: inherit; color: inherit; background: var(--lab-paper);
  border: 1px solid var(--lab-line); border-radius: 4px; padding: 1px 4px; min-width: 0; max-width: 100%; }
:where(.lab) input[type=number] { width: 5.5em; }
:where(.lab) input[step=any] { appearance: textfield; }
:where(.lab) input[type=range] { width: 100%; margin: 0; min-width: 0; accent-color: #0072b2; }
:where(.lab) input[type=checkbox] { margin: 0; accent-color: #0072b2; }
.lab .check { display: inline-flex; gap: 5px; align-items: center; }
.lab .list, .lab .number { display: inline-flex; flex-wrap: wrap; gap: 2px 6px; align-items: center; min-width: 0; }
.lab .tag { font-size: 11px; font-weight: 400; padding: 0 5px; border: 1px solid var(--lab-line); border-radius: 8px; white-space: nowrap; }

.lab .bar { position: sticky; top: 0; z-index: 2; background: var(--lab-paper); padding: 4px 0; border-bottom: 1px solid var(--lab-line); }
.lab .play { min-width: 6.2em; font-weight: 600; }
.lab .bar .count { margin-left: auto; min-width: 8em; text-align: right; font-variant-numeric: tabular-nums; }
.lab .turn { font-weight: 600; }
.lab .rate { margin-left: 8px; }
.lab .moment { margin-top: 4px; min-height: 2.8em; }
.lab .news, .lab .feedback { display: grid; gap: 6px; }
.lab .panel > .feedback { margin-bottom: 6px; }
.lab .said { font-size: 16px; min-height: 2.8em; }
.lab .notice { display: flex; gap: 10px; align-items: center; justify-content: space-between; padding: 4px 10px;
  border: 2px solid #d55e00; border-radius: 4px; }
.lab .notice > span::before { content: "⚠ "; }
.lab .busy { display: flex; gap: 8px; align-items: center; }
.lab .busy progress { flex: 1; }
.lab .lost { font-weight: 600; padding: 4px 0; }

.lab .main { display: flex; flex-wrap: wrap; gap: 12px 16px; align-items: flex-start; }
.lab .stage-side { flex: 3 1 370px; min-width: 0; display: grid; gap: 6px; }
.lab .side { flex: 2 1 285px; min-width: 0; }
.lab .stages { display: grid; gap: 10px; }
.lab .stage-side:has(> [data-runs="1"]) { max-width: 640px; }
.lab .stages:not([data-runs="1"]) { grid-template-columns: repeat(auto-fill, minmax(max(160px, 30%), 1fr)); }
.lab .stages[data-runs="2"] { grid-template-columns: 1fr 1fr; }
.lab .one { display: flex; flex-direction: column; justify-content: space-between; margin: 0; min-width: 0; }
.lab .stages:not([data-runs="1"]) .one { padding: 5px; border: 2px solid transparent; border-radius: 6px; }
.lab .one.steered { border-color: var(--lab-ink) !important; }
.lab .one figcaption { display: flex; flex-wrap: wrap; gap: 2px 6px; align-items: center; margin-bottom: 4px; font-size: 13px; }
.lab .one .how { flex: 1 1 100%; order: 2; min-height: 1.4em; }
.lab .one .group { margin-left: auto; }
.lab .one button { padding: 0 5px; font-size: 12px; }
.lab .swatch { width: 12px; height: 12px; border-radius: 2px; }
.lab .layers { font-size: 13px; gap: 3px 12px; }
.lab .layers legend { float: left; padding: 0; font-weight: 600; }

.lab .controls { display: grid; gap: 8px; }
.lab .controls fieldset { display: grid; gap: 4px; padding: 2px 8px 6px; border: 1px solid var(--lab-line); border-radius: 4px; align-content: start; }
.lab .controls legend { padding: 0 4px; font-weight: 600; font-size: 13px; }
.lab .controls .pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 4px 8px; }
.lab .controls .list { flex: 1 1 6em; }
.lab .controls .list select { flex: 1 1 9em; }
.lab .controls .number { justify-content: space-between; }
.lab .slider { display: grid; grid-template-columns: 1fr auto; gap: 1px 6px; align-items: center; }
.lab .slider label { display: contents; }
.lab .slider label span { grid-column: 1 / -1; }
.lab .slider input[type=number] { width: 5em; }
.lab .holds .slider { grid-template-columns: 7.5em 1fr auto; }
.lab .holds .slider label span { grid-column: 1; }

.lab details.panel { border-top: 1px solid var(--lab-line); padding-top: 4px; }
.lab details.panel > summary { font-weight: 600; cursor: pointer; margin-bottom: 4px; }
.lab .track { position: relative; flex: 1 1 260px; display: grid; }
.lab .ticks { position: relative; height: 7px; margin: 0 8px; }
.lab .ticks i { position: absolute; width: 2px; height: 7px; margin-left: -1px; background: currentColor; }
.lab .timeline { display: grid; gap: 6px; }
.lab .timeline output { min-width: 9em; font-variant-numeric: tabular-nums; }
.lab .log { margin: 0; padding-left: 2.2em; max-height: 9.5em; overflow: auto; }
.lab .log button { border: 0; background: none; text-align: left; text-decoration: underline; padding: 0 2px; }
.lab .charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(250px, 100%), 1fr)); gap: 12px 16px; }
:where(.lab) table { border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100%; max-width: 640px; }
.lab table th, .lab table td { text-align: right; padding: 2px 8px; border-bottom: 1px solid var(--lab-line); background: none; }
.lab table th[scope=row] { text-align: left; font-weight: 400; }
:where(.lab) table small { display: block; }
.lab .zoo, .lab .arena, .lab .sheet { display: grid; gap: 8px; }
.lab .zoo ul { display: grid; grid-template-columns: repeat(auto-fit, minmax(220px, 1fr)); gap: 10px 16px; list-style: none; margin: 0; padding: 0; }
.lab .zoo li { margin: 0; }
.lab .sheet textarea { width: 100%; font: 12px/1.4 var(--jp-code-font-family, monospace); }`;
