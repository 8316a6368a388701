// The trace: whole session first, zoom by dragging or by buttons, choose an event here or in the table. The view is in
// the address, so that it can be sent to somebody. The page says all without this script, but for the trace.
(() => {
  "use strict";
  const section = document.querySelector("#traces");
  if (!section || !window.uPlot) return;
  const events = JSON.parse(section.dataset.events);
  const places = [...section.querySelectorAll(".plot")];
  const said = section.querySelector("#view");
  const span = Math.max(...places.map((place) => Number(place.dataset.offset) + Number(place.dataset.length)));
  const asked = new URLSearchParams(location.search);
  const colours = {};
  const readColours = () => {
    const style = getComputedStyle(document.documentElement);
    for (const name of ["soft", "line", "lift", "lift-soft"]) colours[name] = style.getPropertyValue(`--${name}`).trim();
  };
  const clock = (seconds, digits = 0) => {
    const whole = Math.floor(seconds + 1e-9), h = Math.floor(whole / 3600), m = Math.floor((whole % 3600) / 60);
    const two = (n) => String(n).padStart(2, "0");
    const tail = digits ? (seconds - whole).toFixed(digits).slice(1) : "";
    return (h ? `${h}:${two(m)}:${two(whole % 60)}` : `${m}:${two(whole % 60)}`) + tail;
  };

  // The whole session came with the page; any other stretch is asked for.
  const given = (place) => Uint8Array.from(atob(place.dataset.whole), (one) => one.charCodeAt(0)).buffer;
  const fetched = async (place, t0, t1) => {
    const n = Math.min(1600, Math.max(200, place.clientWidth)); // a low and a high for each pixel: more is not seen
    const path = `/sessions/${section.dataset.session}/traces/${encodeURIComponent(place.dataset.sensor)}`;
    const answer = await fetch(`${path}?t0=${t0}&t1=${t1}&n=${n}`);
    if (!answer.ok) throw new Error("The trace could not be read: reload the page.");
    return answer.arrayBuffer();
  };

  const numbers = async (place, from, to) => {
    const offset = Number(place.dataset.offset), length = Number(place.dataset.length);
    const t0 = Math.max(0, from - offset), t1 = Math.min(length, to - offset);
    if (t1 <= t0) return [[], [], []];
    const isWhole = t0 === 0 && t1 === length && place.dataset.whole;
    const bytes = isWhole ? given(place) : await fetched(place, t0, t1);
    const head = new Float64Array(bytes, 0, 4), count = head[3];
    const low = new Float32Array(bytes, 32, count), high = new Float32Array(bytes, 32 + 4 * count, count);
    const at = new Float64Array(count), first = offset + head[0] + head[1] / 2;
    for (let i = 0; i < count; i += 1) at[i] = first + i * head[1];
    // uPlot knows a gap by null, which an array of numbers cannot hold; most stretches have none.
    const known = (values) => (values.some(Number.isNaN) ? Array.from(values, (value) => (Number.isNaN(value) ? null : value)) : values);
    return [at, known(low), known(high)];
  };

  const drawSets = (plot, sensor) => {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    for (const set of events.filter((one) => one.kind === "set" && one.sensor === sensor)) {
      const from = plot.valToPos(set.at_s, "x", true), to = plot.valToPos(set.until_s, "x", true);
      ctx.fillStyle = colours["lift-soft"];
      ctx.fillRect(from, bbox.top, Math.max(2, to - from), bbox.height);
      ctx.fillStyle = colours.lift;
      ctx.fillRect(from, bbox.top, Math.max(2, to - from), 3);
    }
    ctx.restore();
  };

  // Landings as buttons over the trace; where they are too close to touch, one button says how many.
  const CLOSE_PX = 25; // a tick is 24 wide and must be hit alone
  const placeTicks = (plot, sensor) => {
    plot.over.querySelectorAll(".tick").forEach((tick) => tick.remove());
    const { min, max } = plot.scales.x;
    const inside = events.filter((one) => one.kind === "landing" && one.sensor === sensor && one.at_s >= min && one.at_s <= max);
    const clusters = [];
    for (const one of inside) {
      const x = plot.valToPos(one.at_s, "x");
      const last = clusters.at(-1);
      if (last && x - last.x < CLOSE_PX) last.events.push(one);
      else clusters.push({ x, events: [one] });
    }
    for (const { x, events: held } of clusters) {
      const tick = document.createElement("button");
      tick.type = "button";
      tick.className = held.length > 1 ? "tick many" : `tick ${held[0].grade}`;
      tick.textContent = held.length > 1 ? held.length : "";
      const words = held.length > 1 ? `${held.length} landings from ${held[0].clock}: zoom in` : `landing at ${held[0].clock}, ${held[0].what}, ${held[0].peak} g net`;
      tick.setAttribute("aria-label", words);
      tick.title = words;
      tick.style.left = `${x}px`;
      tick.addEventListener("click", () => !dragged && (held.length > 1 ? show(held[0].at_s - 1, held.at(-1).at_s + 1) : choose(held[0], false)));
      plot.over.append(tick);
    }
  };

  const STEPS_S = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];
  const options = (place) => ({
    width: place.clientWidth, height: Math.min(320, Math.max(180, innerHeight * 0.3)), legend: { show: false },
    cursor: {
      drag: { x: true, y: false, setScale: false }, points: { show: false },
      // A drag may begin, pass and end on a tick, which is a button over the trace.
      bind: { mousedown: (plot, target, handle) => (event) => event.button === 0 && handle(event), mousemove: (plot, target, handle) => handle },
    },
    scales: { x: { time: false }, y: { range: (plot, low, high) => [0, Math.max(3, (high ?? 2) * 1.05)] } },
    axes: [
      { stroke: colours.soft, grid: { show: false }, incrs: STEPS_S, values: (plot, ticks, axis, space, step) => ticks.map((at) => clock(at, step < 0.1 ? 2 : step < 1 ? 1 : 0)) },
      { stroke: colours.soft, grid: { stroke: colours.line, width: 1 }, size: 36 },
    ],
    series: [{}, { stroke: colours.soft, width: 1, points: { show: false } }, { stroke: colours.soft, width: 1, points: { show: false } }],
    bands: [{ series: [2, 1], fill: colours.soft }],
    hooks: {
      drawClear: [(plot) => drawSets(plot, place.dataset.sensor)],
      draw: [(plot) => placeTicks(plot, place.dataset.sensor)],
      setSelect: [(plot) => {
        const { left, width } = plot.select;
        if (width > 3) {
          dragged = true;
          setTimeout(() => { dragged = false; }); // after the click that follows a drag within one tick
          show(plot.posToVal(left, "x"), plot.posToVal(left + width, "x"));
        }
        plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
      }],
    },
  });

  const plots = [];
  let view = [0, span], asking = 0, dragged = false, isStale = true;
  const build = () => {
    isStale = false;
    readColours();
    plots.splice(0).forEach((plot) => plot.destroy());
    const made = places.map(options); // before any is drawn: it asks for widths
    places.forEach((place, i) => {
      place.replaceChildren();
      plots.push(new uPlot(made[i], [[], [], []], place));
    });
  };
  const show = async (from, to, remember = true) => {
    const width = Math.min(span, Math.max(0.5, to - from));
    from = Math.min(Math.max(0, from), span - width);
    view = [from, from + width];
    const mine = ++asking;
    said.textContent = width >= span - 1e-6 ? "whole session" : `${clock(from, 1)} to ${clock(from + width, 1)}`;
    if (remember) {
      const address = new URLSearchParams(location.search);
      if (width >= span - 1e-6) ["t0", "t1"].forEach((name) => address.delete(name));
      else { address.set("t0", from.toFixed(2)); address.set("t1", (from + width).toFixed(2)); }
      history.replaceState(null, "", `${location.pathname}${address.size ? `?${address}` : ""}`);
    }
    try {
      const found = await Promise.all(places.map((place) => numbers(place, from, from + width)));
      if (mine !== asking) return;
      if (isStale) build();
      plots.forEach((plot, i) => plot.batch(() => {
        plot.setData(found[i], false);
        plot.setScale("x", { min: from, max: from + width });
        plot.setScale("y", { min: 0, max: 1.05 * found[i][2].reduce((most, g) => Math.max(most, g ?? 0), 3) });
      }));
      section.dataset.drawn = String(mine);
    } catch (error) { said.textContent = error.message; }
  };

  const choose = (one, move = true) => {
    document.querySelectorAll("#events tr.chosen").forEach((row) => row.classList.remove("chosen"));
    const row = document.getElementById(`${one.sensor}-${one.event_id}`);
    row?.classList.add("chosen");
    if (!move) { row?.scrollIntoView({ block: "center" }); row?.querySelector(".show")?.focus(); }
    const address = new URLSearchParams(location.search);
    address.set("ev", `${one.sensor}-${one.event_id}`);
    history.replaceState(null, "", `${location.pathname}?${address}`);
    if (move) show(one.at_s - 3, Math.max(one.until_s, one.at_s) + 3);
  };

  const moves = {
    in: () => show((3 * view[0] + view[1]) / 4, (view[0] + 3 * view[1]) / 4),
    out: () => show(view[0] - (view[1] - view[0]) / 2, view[1] + (view[1] - view[0]) / 2),
    back: () => show(view[0] - (view[1] - view[0]) / 2, (view[0] + view[1]) / 2),
    on: () => show((view[0] + view[1]) / 2, view[1] + (view[1] - view[0]) / 2),
    all: () => show(0, span),
  };
  section.addEventListener("click", (event) => moves[event.target.dataset?.move]?.());
  document.querySelector("#events")?.addEventListener("click", (event) => {
    const { event: id, sensor, sort } = event.target.dataset ?? {};
    if (id) {
      choose(events.find((one) => one.event_id === id && one.sensor === sensor));
      section.scrollIntoView({ block: "nearest" });
    }
    if (sort) sortBy(event.target, sort);
    if (event.target.matches("a.correct")) {
      event.preventDefault();
      correct(event.target.closest("tr"));
    }
  });
  // The form stands below its row. Without this script the same link asks the server for it.
  const correct = (row) => {
    const open = document.querySelector("#correcting"), isHere = open?.previousElementSibling === row;
    open?.remove();
    if (isHere) return;
    row.after(document.querySelector(`#correct-${row.dataset.kind}`).content.cloneNode(true));
    const form = row.nextElementSibling.querySelector("form"), shown = row.querySelector(".show");
    form.elements.sensor.value = shown.dataset.sensor;
    form.elements.event_id.value = shown.dataset.event;
    form.querySelector("label > *").focus();
  };
  const sortBy = (button, key) => {
    const head = button.closest("th"), body = document.querySelector("#events tbody");
    const down = head.getAttribute("aria-sort") === "ascending";
    document.querySelectorAll("#events th").forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    document.querySelector("#correcting")?.remove(); // its row may go elsewhere
    const value = (row) => (row.dataset[key] === "" ? -Infinity : Number(row.dataset[key]));
    [...body.rows].sort((a, b) => (down ? value(b) - value(a) : value(a) - value(b))).forEach((row) => body.append(row));
  };

  const rebuild = () => {
    isStale = true;
    return show(view[0], view[1], false);
  };
  const chosen = events.find((one) => `${one.sensor}-${one.event_id}` === asked.get("ev"));
  const t0 = Number(asked.get("t0")), t1 = Number(asked.get("t1"));
  if (asked.has("t1") && t1 > t0) view = [t0, t1];
  rebuild().then(() => chosen && !asked.has("t1") && choose(chosen));
  let resizing;
  addEventListener("resize", () => { clearTimeout(resizing); resizing = setTimeout(rebuild, 150); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", rebuild);
})();
