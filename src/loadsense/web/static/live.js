// The live floor. The channel brings states, events and the waveform of the chosen one; ages count on here, so that what
// does not come any longer grows old before one's eyes instead of standing still. Words come as text, never as markup.
(() => {
  "use strict";
  const floor = document.querySelector("#floor");
  if (!floor) return;
  const STALE_S = Number(floor.dataset.stale), LOW_BATTERY = 15, SHOWN_S = 10, LATE_S = 0.15, CALM_MS = 4000;
  const by = (id) => document.getElementById(id);
  const people = new Map();
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let chosen = floor.dataset.chosen || null, channel = null, tries = 0;
  const now = () => performance.now() / 1000;
  const plain = (name) => name.replaceAll("_", " ");
  const put = (element, words) => { if (element.textContent !== words) element.textContent = words; };

  // -- words

  const ageOf = ({ fact, at }) => (fact.age_s === null ? null : fact.age_s + (fact.ended ? 0 : now() - at));
  const isStale = (one) => !one.fact.ended && (ageOf(one) === null || ageOf(one) > STALE_S);
  const blockWords = ({ block, complete, ended }) => {
    if (ended) return "ended";
    if (!block) return complete ? "done" : "–";
    const unit = block.name === block.unit ? "" : ` ${block.unit}`;
    return `${plain(block.name)} ${block.done}${block.asked === null ? "" : ` of ${block.asked}`}${unit}`;
  };
  const BANDS = { inside: "in band", above: "above ceiling", below: "below band", "no band": "" };
  const ADVICE = { above: "lower the step or soften" };
  const lastWords = (last) => {
    if (!last) return "–";
    const peak = `${last.clipped ? "≥ " : ""}${last.peak_net_g.toFixed(1)} g net`;
    return [BANDS[last.band], peak].filter(Boolean).join(", ") + (last.settled ? "" : " …");
  };
  const lastNote = (last) => {
    if (!last) return "";
    const rate = last.loading_rate_g_per_s === null ? "" : `${last.loading_rate_g_per_s.toFixed(0)} g/s`;
    return [ADVICE[last.band], rate, last.evidence && `studied: ${last.evidence.replaceAll("<=", "≤")}`].filter(Boolean).join(" · ");
  };
  const freshWords = (one) => {
    const age = ageOf(one), { fact } = one;
    if (fact.ended) return "ended";
    if (age === null) return "no data yet";
    return age > STALE_S ? `no data ${age < 600 ? `${age.toFixed(0)} s` : `${(age / 60).toFixed(0)} min`}` : "live";
  };
  const dataNotes = ({ fact }) => [
    fact.battery_percent === null ? "" : `battery ${fact.battery_percent} %`,
    fact.lost_s > 0 ? `lost ${fact.lost_s.toFixed(0)} s: lower bound` : "",
    fact.loss_observable ? "" : "loss cannot be seen",
    fact.clipped ? "CLIPPED: set a larger range" : "",
    fact.connected || fact.ended ? "" : "its gateway is away",
  ].filter(Boolean);

  // -- rows

  const rowOf = (name) => {
    const row = by("row").content.firstElementChild.cloneNode(true);
    const button = row.querySelector(".choose");
    button.textContent = name;
    button.setAttribute("aria-label", `${name}: show the waveform`);
    button.addEventListener("click", () => {
      choose(chosen === name ? null : name);
      by("one").scrollIntoView({ block: "nearest", behavior: calm.matches ? "auto" : "smooth" });
    });
    const after = [...people.entries()].filter(([other, one]) => one.row && other > name).sort(([a], [b]) => (a < b ? -1 : 1))[0];
    by("people").tBodies[0].insertBefore(row, after ? after[1].row : null);
    return row;
  };
  const drawDose = (cell, done, asked, words, note = "") => {
    const share = asked ? Math.min(100, (100 * done) / asked) : 0;
    cell.querySelector("svg").toggleAttribute("hidden", !asked);
    cell.querySelector(".filled").setAttribute("width", share.toFixed(1));
    put(cell.querySelector(".count"), words);
    put(cell.querySelector("small"), note);
  };
  const landingsNote = (fact) => {
    if (fact.landings_in_band === null) return fact.landings ? `${fact.landings} seen, not graded` : "not graded";
    const outside = fact.landings - fact.landings_in_band;
    return outside ? `${outside} out of band` : "";
  };
  const drawLast = (cell, fact) => {
    const standing = cell.querySelector(".standing");
    const kind = fact.locked ? "locked-now" : fact.last ? fact.last.band.replace(" ", "-") : "none";
    const words = fact.locked ? "LOCKED" : lastWords(fact.last);
    if (cell.dataset.kind !== kind || cell.dataset.words !== words) {
      cell.dataset.kind = kind;
      cell.dataset.words = words;
      const shape = by(`shape-${fact.locked ? "locked" : kind}`);
      standing.className = `standing ${kind}`;
      standing.replaceChildren(...(shape ? [shape.content.cloneNode(true)] : []), words);
    }
    put(cell.querySelector("small"), fact.locked ? `nothing is graded: ${fact.locked}` : lastNote(fact.last));
  };
  const draw = (one) => {
    const { row, fact } = one, part = (name) => row.querySelector(`.${name}`);
    row.classList.toggle("stale", isStale(one));
    row.classList.toggle("finished", fact.ended);
    put(part("now").querySelector("strong"), blockWords(fact));
    const repetition = fact.block?.unit === "sets" && fact.repetitions ? `repetition ${fact.repetitions}` : "";
    put(part("now").querySelector("small"), [repetition, fact.block?.by_hand ? "counted by hand" : ""].filter(Boolean).join(" · "));
    drawLast(part("last"), fact);
    const atLeast = fact.lost_s > 0 ? "≥ " : "", graded = fact.landings_in_band !== null;
    const landings = graded ? `${atLeast}${fact.landings_in_band}${fact.target === null ? "" : ` of ${fact.target}`}` : "–";
    drawDose(part("landings"), fact.landings_in_band, fact.target, landings, landingsNote(fact));
    drawDose(part("lifting"), fact.sets, fact.sets_asked, fact.sets_asked || fact.sets ? `${atLeast}${fact.sets}${fact.sets_asked === null ? "" : ` of ${fact.sets_asked}`}` : "–");
    put(part("fresh"), freshWords(one));
    put(part("notes"), dataNotes(one).join(" · "));
    part("notes").classList.toggle("loud", fact.clipped || (fact.battery_percent !== null && fact.battery_percent < LOW_BATTERY));
    row.querySelector(".choose").setAttribute("aria-pressed", String(row === people.get(chosen)?.row));
  };
  const drawAll = () => {
    for (const one of people.values()) draw(one);
    by("people").hidden = people.size === 0;
    const one = people.get(chosen);
    by("one").hidden = !one;
    if (!one) return;
    put(by("one-heading"), one.name);
    by("one-person").hidden = !one.fact.known;
    by("one-person").href = `/people/${encodeURIComponent(one.name)}`;
    put(by("one-data"), [freshWords(one), ...dataNotes(one)].join(" · "));
    const notes = by("notes");
    if (notes.dataset.words !== one.fact.notes.join("\n")) {
      notes.dataset.words = one.fact.notes.join("\n");
      notes.replaceChildren(...one.fact.notes.map((note) => Object.assign(document.createElement("li"), { textContent: note })));
    }
  };

  // -- landings for those who listen: the newest of each person, one sentence every few seconds

  const waiting = new Map();
  const sayLater = (name, before, fact) => {
    if (fact.locked || !fact.last || !before || fact.landings <= before.landings) return;
    const asked = fact.target === null ? "" : ` of ${fact.target}`;
    const soFar = fact.landings_in_band === null ? landingsNote(fact) : `${fact.landings_in_band}${asked} in band`;
    waiting.set(name, `${name}: ${soFar}, last ${lastWords(fact.last).replace(" …", "")}${fact.last.band === "above" ? `, ${ADVICE.above}` : ""}.`);
  };
  setInterval(() => {
    if (!waiting.size) return;
    put(by("said"), [...waiting.values()].slice(0, 3).join(" "));
    waiting.clear();
  }, CALM_MS);

  // -- the waveform

  const canvas = by("wave"), points = [], marks = new Map();
  let lag = null, sensor = "", step = 0.01, drawnAt = 0;
  const forgetWave = () => { points.length = 0; marks.clear(); lag = null; };
  const hearWave = (wave) => {
    sensor = wave.sensor;
    step = 1 / wave.rate_hz;
    wave.mg.forEach((mg, i) => points.push([wave.at_s + i * step, mg / 1000]));
    const late = now() - points.at(-1)[0];
    lag = lag === null || Math.abs(late - lag) > 1 ? late : lag + 0.03 * (late - lag);
    const oldest = points.at(-1)[0] - SHOWN_S - 1;
    if (points.length > 64 && points[63][0] < oldest) points.splice(0, points.findIndex(([t]) => t >= oldest));
  };
  const hearMark = (event) => {
    if (event.person !== chosen || event.kind !== "landing" || event.peak_s == null) return;
    if (event.status === "withdrawn") marks.delete(event.event_id);
    else marks.set(event.event_id, event);
    if (marks.size > 100) marks.delete(marks.keys().next().value);
  };
  const drawWave = () => {
    const ratio = Math.min(2, devicePixelRatio), width = canvas.clientWidth, height = canvas.clientHeight;
    if (!width) return;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    const style = getComputedStyle(document.documentElement), colour = (name) => style.getPropertyValue(name).trim();
    const pen = canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    const end = lag === null ? 0 : now() - lag - LATE_S, begin = end - SHOWN_S, left = 34, right = width - 8, bottom = height - 20;
    const top = Math.max(4, ...points.filter(([t]) => t >= begin).map(([, g]) => Math.ceil(g)));
    const x = (t) => left + ((t - begin) / SHOWN_S) * (right - left), y = (g) => bottom - (g / top) * (bottom - 8);
    pen.font = "12px system-ui, sans-serif";
    pen.lineWidth = 1;
    for (let g = 0; g <= top; g += top > 8 ? 4 : top > 4 ? 2 : 1) {
      pen.strokeStyle = colour("--line");
      pen.beginPath(); pen.moveTo(left, y(g)); pen.lineTo(right, y(g)); pen.stroke();
      pen.fillStyle = colour("--soft");
      pen.textAlign = "right";
      pen.fillText(`${g} g`, left - 6, y(g) + 4);
    }
    pen.textAlign = "left"; pen.fillText("10 s ago", left, height - 4);
    pen.textAlign = "right"; pen.fillText("now", right, height - 4);
    pen.save();
    pen.beginPath(); pen.rect(left, 0, right - left, height); pen.clip();
    for (const mark of marks.values()) {
      if (mark.sensor !== sensor || mark.peak_s < begin || mark.peak_s > end) continue;
      pen.strokeStyle = pen.fillStyle = colour("--lift");
      pen.setLineDash(mark.status === "settled" ? [] : [4, 3]);
      pen.beginPath(); pen.moveTo(x(mark.peak_s), 14); pen.lineTo(x(mark.peak_s), bottom); pen.stroke();
      pen.textAlign = "center";
      const words = `${mark.peak_net_g.toFixed(1)} g net`, half = pen.measureText(words).width / 2;
      pen.fillText(words, Math.min(Math.max(x(mark.peak_s), left + half), right - half), 11);
    }
    pen.setLineDash([]);
    pen.strokeStyle = colour("--impact");
    pen.lineWidth = 1.5;
    pen.lineJoin = "round";
    pen.beginPath();
    let before = -Infinity;
    for (const [t, g] of points) {
      if (t > end) break;
      if (t - before > 3 * step) pen.moveTo(x(t), y(g)); else pen.lineTo(x(t), y(g));
      before = t;
    }
    pen.stroke();
    pen.restore();
  };
  const frame = () => {
    requestAnimationFrame(frame);
    if (by("one").hidden || now() - drawnAt < (calm.matches ? 1 : 0.03)) return;
    drawnAt = now();
    drawWave();
  };

  // -- the channel

  const ask = () => { if (channel?.readyState === WebSocket.OPEN) channel.send(JSON.stringify({ watch: chosen })); };
  const choose = (name) => {
    chosen = name;
    forgetWave();
    history.replaceState(null, "", name ? `?person=${encodeURIComponent(name)}` : location.pathname);
    ask();
    drawAll();
  };
  const remove = (name) => {
    people.get(name)?.row.remove();
    people.delete(name);
  };
  const hear = (told) => {
    if (told.all) {
      const here = new Set((told.states ?? []).map((fact) => fact.person));
      for (const name of [...people.keys()]) if (!here.has(name)) remove(name);
      if (!chosen && here.size === 1) choose([...here][0]);
    }
    for (const fact of told.states ?? []) {
      const one = people.get(fact.person) ?? { name: fact.person, row: rowOf(fact.person), fact: null };
      sayLater(fact.person, one.fact, fact);
      Object.assign(one, { fact, at: now() });
      people.set(fact.person, one);
    }
    for (const name of told.gone ?? []) remove(name);
    for (const event of told.events ?? []) hearMark(event);
    for (const wave of told.waves ?? []) if (wave.person === chosen) hearWave(wave);
    if (told.error) put(by("link"), told.error);
    if (told.states || told.gone || told.all) {
      by("nobody").hidden = people.size > 0;
      drawAll();
    }
  };
  const connect = () => {
    channel = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live/feed`);
    let refused = "";
    channel.addEventListener("open", () => {
      tries = 0;
      by("link").classList.remove("lost");
      put(by("link"), "connected");
      forgetWave();
      ask();
    });
    channel.addEventListener("message", ({ data }) => {
      const told = JSON.parse(data);
      refused = told.error ?? refused;
      hear(told);
    });
    channel.addEventListener("close", ({ code }) => {
      by("link").classList.add("lost");
      put(by("link"), refused || "no connection to the dashboard; trying again");
      tries += 1;
      if (code !== 4401) setTimeout(connect, Math.min(10000, 500 * 2 ** Math.min(tries, 5)) * (0.7 + 0.6 * Math.random()));
    });
  };
  setInterval(drawAll, 500);
  requestAnimationFrame(frame);
  connect();
})();
