// Drop files, see each arrive, and hear of each what is wrong. Without this the form sends two files by itself.
"use strict";
(() => {
  const form = document.getElementById("upload");
  if (!form) return;
  const drop = document.getElementById("drop"), pick = document.getElementById("pick");
  const rows = document.getElementById("rows"), template = document.getElementById("row");
  const send = document.getElementById("send"), said = document.getElementById("said");
  const person = form.elements.person_id, mostBytes = Number(form.dataset.mostBytes);
  const files = new Map();

  drop.hidden = false;
  rows.replaceChildren();
  person.required = false;

  const tokens = (name) => name.toLowerCase().split(/[^a-z0-9-]+/);
  const guess = (select, name) => {
    const words = [...tokens(name), ...name.toLowerCase().split(/[^a-z0-9]+/)];
    const found = [...select.options].find((one) => one.value && words.includes(one.value.toLowerCase()));
    if (found) select.value = found.value;
    return Boolean(found);
  };

  const complain = (row, sentence) => {
    const place = row.querySelector(".wrong");
    place.textContent = sentence ? sentence[0].toUpperCase() + sentence.slice(1) + "." : "";
    place.hidden = !sentence;
  };

  const add = (file) => {
    const row = template.content.firstElementChild.cloneNode(true);
    row.querySelector(".file-name").textContent = `${file.name} (${(file.size / 2 ** 20).toFixed(1)} MiB)`;
    const whose = row.querySelector("[name=of_person]");
    if (!guess(whose, file.name)) whose.value = person.value;
    guess(row.querySelector("[name=placement]"), file.name);
    const out = row.querySelector("button");
    out.setAttribute("aria-label", `Leave out ${file.name}`);
    out.addEventListener("click", () => { files.delete(row); row.remove(); });
    files.set(row, file);
    rows.append(row);
    if (file.size > mostBytes) complain(row, `this file is larger than the ${Math.round(mostBytes / 2 ** 20)} MiB that can be sent; cut it, or analyze it with loadsense analyze`);
    else if (file.size === 0) complain(row, "this file is empty; export it from the sensor again");
  };

  pick.addEventListener("change", () => { [...pick.files].forEach(add); pick.value = ""; });
  for (const kind of ["dragenter", "dragover"]) drop.addEventListener(kind, (event) => { event.preventDefault(); drop.classList.add("over"); });
  for (const kind of ["dragleave", "drop"]) drop.addEventListener(kind, () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => { event.preventDefault(); [...event.dataTransfer.files].forEach(add); });
  person.addEventListener("change", () => {
    for (const row of files.keys()) { const whose = row.querySelector("[name=of_person]"); if (!whose.value) whose.value = person.value; }
  });

  const sentence = (request) => {
    try { return JSON.parse(request.responseText).detail; } catch { return "the connection broke; nothing was kept: send it again"; }
  };

  const arrive = (row, file) => new Promise((done) => {
    const bar = row.querySelector("progress"), request = new XMLHttpRequest();
    bar.setAttribute("aria-label", `${file.name}: sent`);
    bar.hidden = false;
    request.open("PUT", `/upload/files?name=${encodeURIComponent(file.name)}`);
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.addEventListener("progress", (event) => { if (event.lengthComputable) bar.value = event.loaded / event.total; });
    request.addEventListener("loadend", () => {
      const isHere = request.status === 200;
      if (isHere) { row.querySelector("[name=staged]").value = JSON.parse(request.responseText).staged; bar.value = 1; }
      else { complain(row, sentence(request)); bar.hidden = true; }
      done(isHere);
    });
    request.send(file);
  });

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!files.size) { said.textContent = "Choose a file first."; return; }
    for (const row of files.keys()) if (!row.querySelector("[name=of_person]").value) { complain(row, "choose whose recording this is"); said.textContent = "A file has no person."; return; }
    send.disabled = true;
    said.textContent = "Sending …";
    let all = true;
    for (const [row, file] of files) if (!row.querySelector("[name=staged]").value) { complain(row, ""); all = (await arrive(row, file)) && all; }
    send.disabled = false;
    if (all) { said.textContent = "Sent."; form.submit(); } else said.textContent = "Some files were not taken: leave them out or choose others, then press Analyze again.";
  });
})();
