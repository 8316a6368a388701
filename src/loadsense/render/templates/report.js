// Zoom by dragging or by buttons, and choose an event in the table to see it on the trace. The page says all without it.
(() => {
  "use strict";
  const plots = [...document.querySelectorAll(".plot")];
  const tools = document.querySelector(".tools");
  if (!plots.length || !tools) return;
  const span = Number(plots[0].dataset.span);
  const said = document.querySelector("#view");
  let view = [0, span];

  const words = (seconds, step) => {
    const whole = Math.floor(seconds + 1e-9), h = Math.floor(whole / 3600), m = Math.floor((whole % 3600) / 60);
    const two = (n) => String(n).padStart(2, "0");
    const text = h ? `${h}:${two(m)}:${two(whole % 60)}` : `${m}:${two(whole % 60)}`;
    return step < 1 ? `${text}.${Math.round((seconds - whole) * 10) % 10}` : text;
  };
  const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];
  const show = (from, to) => {
    const width = Math.min(span, Math.max(2, to - from));
    from = Math.min(Math.max(0, from), span - width);
    view = [from, from + width];
    const step = steps.find((s) => width / s <= 6) ?? 86400;
    for (const plot of plots) {
      const svg = plot.querySelector("svg");
      svg.setAttribute("viewBox", `${from} 0 ${width} ${svg.viewBox.baseVal.height}`);
      plot.querySelectorAll(".x").forEach((label) => label.remove());
      for (let at = Math.ceil(from / step - 1e-9) * step; at <= from + width + 1e-9; at += step) {
        const label = document.createElement("span");
        const place = (100 * (at - from)) / width;
        label.className = place < 2 ? "x first" : place > 97 ? "x last" : "x";
        label.textContent = words(at, step);
        label.style.left = `${place}%`;
        plot.append(label);
      }
      for (const name of plot.querySelectorAll(".exercise")) {
        const start = Math.max(from, Number(name.dataset.from)), end = Math.min(from + width, Number(name.dataset.to));
        name.hidden = end <= start;
        name.style.left = `${(100 * (start - from)) / width}%`;
      }
    }
    said.textContent = width >= span - 1e-6 ? "whole session" : `${words(from, step)} to ${words(from + width, step)}`;
  };
  const zoom = (factor) => {
    const middle = (view[0] + view[1]) / 2, half = ((view[1] - view[0]) * factor) / 2;
    show(middle - half, middle + half);
  };
  const moves = {
    in: () => zoom(0.5), out: () => zoom(2), all: () => show(0, span),
    back: () => show(view[0] - (view[1] - view[0]) / 2, (view[0] + view[1]) / 2),
    on: () => show((view[0] + view[1]) / 2, view[1] + (view[1] - view[0]) / 2),
  };
  tools.hidden = false;
  tools.addEventListener("click", (event) => moves[event.target.dataset?.move]?.());

  for (const plot of plots) {
    const svg = plot.querySelector("svg"), brush = svg.querySelector(".brush");
    const second = (event) => {
      const box = svg.getBoundingClientRect();
      return view[0] + ((event.clientX - box.left) / box.width) * (view[1] - view[0]);
    };
    let start = null;
    svg.addEventListener("pointerdown", (event) => { start = second(event); svg.setPointerCapture(event.pointerId); });
    svg.addEventListener("pointermove", (event) => {
      if (start === null) return;
      const now = second(event);
      brush.setAttribute("x", Math.min(start, now));
      brush.setAttribute("width", Math.abs(now - start));
    });
    svg.addEventListener("pointerup", (event) => {
      const end = second(event);
      if (start !== null && Math.abs(end - start) > (view[1] - view[0]) / 100) show(Math.min(start, end), Math.max(start, end));
      start = null;
      brush.setAttribute("width", 0);
    });
    svg.addEventListener("pointercancel", () => { start = null; brush.setAttribute("width", 0); });
  }

  const table = document.querySelector("#events");
  for (const cell of table?.querySelectorAll("[data-event]") ?? []) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = cell.textContent;
    button.setAttribute("aria-label", `show ${cell.textContent} on the trace`);
    cell.replaceChildren(button);
    button.addEventListener("click", () => {
      document.querySelectorAll(".chosen").forEach((tick) => tick.classList.remove("chosen"));
      const event = CSS.escape(`${cell.dataset.sensor} ${cell.dataset.event}`);
      document.querySelectorAll(`.tick[data-event="${event}"]`).forEach((tick) => tick.classList.add("chosen"));
      show(Number(cell.dataset.value) - 5, Number(cell.dataset.until) + 5);
      plots[0].scrollIntoView({ block: "center" });
    });
  }

  const value = (row, column) => row.cells[column].dataset.value ?? row.cells[column].textContent;
  table?.querySelectorAll("thead th").forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      table.querySelectorAll("th[aria-sort]").forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const order = new Intl.Collator("en", { numeric: true });
      const rows = [...table.tBodies[0].rows].sort((a, b) => order.compare(value(a, column), value(b, column)));
      table.tBodies[0].append(...(down ? rows.reverse() : rows));
    });
  });
})();
