"use strict";

// Everything from the server and from file names is put in as text, never as markup.

const TOP = 5;
const SHOWN = 100; // entries that are kept
const NAMED = 12; // classes that are listed
const find = (selector, within = document) => within.querySelector(selector);
const status = (text) => { find("#status").textContent = text; };
const sentence = (text) => `${text[0].toUpperCase()}${text.slice(1)}.`;
const percent = (share) => `${(100 * share).toFixed(1)} %`;

let model = null;
let token = sessionStorage.getItem("token");
let stream = null;

async function ask(path, options = {}) {
  const headers = { ...options.headers, ...(token ? { Authorization: `Bearer ${token}` } : {}) };
  let answer;
  try {
    answer = await fetch(path, { ...options, headers });
  } catch {
    throw new Refused(0, "The server does not answer. Is it still running?");
  }
  const said = await answer.json().catch(() => ({}));
  if (answer.status === 401) {
    find("#access").hidden = false;
    throw new Refused(401, token ? "The server does not accept this token." : "");
  }
  if (!answer.ok) throw new Refused(answer.status, said.error ?? "The server could not answer.");
  return said;
}

class Refused extends Error {
  constructor(code, message) {
    super(message);
    this.isOfPicture = code === 422;
  }
}

const send = (path, file) => ask(path, { method: "POST", body: file, headers: { "Content-Type": "application/octet-stream" } });

async function begin() {
  try {
    model = await ask("/v1/model");
  } catch (error) {
    status(error.message);
    return;
  }
  find("#access").hidden = true;
  status("");
  const { accuracy } = model.figures;
  const range = `${percent(accuracy.low)} to ${percent(accuracy.high)}`;
  const names = model.class_names;
  const listed = names.slice(0, NAMED).join(", ") + (names.length > NAMED ? ", …" : "");
  find("#about").textContent =
    `Recognises ${names.length} classes: ${listed}. It was right on ${percent(accuracy.share)} ` +
    `of ${accuracy.images.toLocaleString()} test images (95 % interval ${range}). ` +
    "Anything else will be mistaken for one of these classes. " +
    sentence(model.unsure) + (model.sets ? ` ${sentence(model.sets)}` : "");
  find("#card").textContent = model.card.replace(/<!--[\s\S]*?-->\n?/g, "");
}

async function predictAll(files) {
  const pictures = [...files].filter((file) => file.size > 0);
  for (const [place, file] of pictures.entries()) {
    status(pictures.length > 1 ? `Looking at ${place + 1} of ${pictures.length} …` : "Looking …");
    await predictOne(file);
  }
  if (pictures.length <= 1) return;
  const lost = pictures.length > SHOWN ? `, the last ${SHOWN} are below` : "";
  status(`Looked at ${pictures.length} files${lost}.`);
}

async function predictOne(file) {
  try {
    const { predictions } = await send(`/v1/predict?top=${TOP}`, file);
    const found = predictions[0];
    add(file, found);
    status(`${file.name || "The picture"}: ${found.class}, ${percent(found.probability)}${found.unsure ? ", unsure" : ""}`);
  } catch (error) {
    add(file, null, error);
    status(error.message);
  }
}

function add(file, found, problem = null) {
  const entry = find("#entry").content.firstElementChild.cloneNode(true);
  const picture = find("img", entry);
  picture.src = URL.createObjectURL(file);
  picture.alt = file.name ? `The picture ${file.name}` : "The picture";
  find(".name", entry).textContent = file.name || "from the clipboard or the camera";
  if (found) {
    find(".class", entry).textContent = found.class;
    find(".unsure", entry).hidden = !found.unsure;
    showSet(find(".set", entry), found.prediction_set);
    if (found.warning) find(".note", entry).textContent = `Warning: ${found.warning}`;
    find(".bars", entry).append(...found.top.map(bar));
    find(".look", entry).addEventListener("click", () => look(entry, file));
    if (model?.corrections) offerCorrection(entry, file);
  } else {
    entry.classList.add("failed");
    find(".class", entry).textContent = problem.isOfPicture ? "Not a readable picture" : "No answer";
    find(".note", entry).textContent = problem.message || "This server requires a token: enter it above.";
    find(".buttons", entry).remove();
    find(".picture", entry).remove();
  }
  const history = find("#history");
  history.prepend(entry);
  while (history.children.length > SHOWN) remove(history.lastElementChild);
  find("#nothing").hidden = true;
  find("#clear").hidden = false;
}

// Nothing is said where it has one class, or the bundle promises no sets.
function showSet(place, set) {
  if (!set || set.classes.length < 2) return;
  const named = set.classes.slice(0, set.classes.length > NAMED + 1 ? NAMED : NAMED + 1);
  const others = set.classes.length - named.length;
  if (others) named.push(`${others} others`);
  const last = named.pop();
  const share = +(100 * set.coverage).toPrecision(4);
  place.textContent = `Prediction set, ${share} %: ${named.join(", ")} or ${last}`;
  place.title = model?.sets ?? "";
  place.hidden = false;
}

function bar({ class: name, probability }) {
  const row = document.createElement("li");
  const [label, track, fill, share] = ["label", "track", "fill", "share"].map((kind) =>
    Object.assign(document.createElement("span"), { className: kind }));
  label.textContent = label.title = name;
  fill.style.width = `${100 * probability}%`;
  track.append(fill);
  share.textContent = percent(probability);
  row.append(label, track, share);
  return row;
}

async function look(entry, file) {
  const [canvas, button, note] = [".heat", ".look", ".note"].map((each) => find(each, entry));
  if (!canvas.hidden) {
    canvas.hidden = true;
    button.setAttribute("aria-pressed", "false");
    note.textContent = "";
    return;
  }
  button.disabled = true;
  try {
    const { cells, class: name } = await send("/v1/heat", file);
    draw(canvas, cells);
    canvas.hidden = false;
    button.setAttribute("aria-pressed", "true");
    const any = cells.flat().some((cell) => cell > 0);
    note.textContent = any
      ? `Orange marks where covering the picture lowers the probability of ${name} most.`
      : `No single part decides: covering any part does not lower the probability of ${name}.`;
  } catch (error) {
    note.textContent = error.message;
  } finally {
    button.disabled = false;
  }
}

// One colour, which is seen on dark and on light pictures: nobody has to tell it from another.
function draw(canvas, cells) {
  const [high, wide] = [cells.length, cells[0].length];
  const small = Object.assign(document.createElement("canvas"), { width: wide, height: high });
  const pixels = new ImageData(wide, high);
  cells.flat().forEach((cell, place) => pixels.data.set([230, 130, 0, Math.round(200 * cell)], 4 * place));
  small.getContext("2d").putImageData(pixels, 0, 0);
  Object.assign(canvas, { width: 16 * wide, height: 16 * high });
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(small, 0, 0, canvas.width, canvas.height);
}

function offerCorrection(entry, file) {
  const [place, select, save, note] = [".correct", "select", ".save", ".note"].map((each) => find(each, entry));
  select.add(new Option("What is it?", ""));
  for (const name of model.class_names) select.add(new Option(name, name));
  select.addEventListener("change", () => { save.disabled = !select.value; });
  save.disabled = true; // what was predicted is no answer
  place.hidden = false;
  save.addEventListener("click", async () => {
    save.disabled = true;
    try {
      const { count } = await send(`/v1/corrections?class=${encodeURIComponent(select.value)}`, file);
      note.textContent = `Saved as ${select.value}. ${count} ${count === 1 ? "correction is" : "corrections are"} ready for the next training.`;
    } catch (error) {
      note.textContent = error.message;
    } finally {
      save.disabled = false;
    }
  });
}

function remove(entry) {
  const picture = find("img", entry);
  if (picture) URL.revokeObjectURL(picture.src);
  entry.remove();
}

async function openCamera() {
  if (stream) closeCamera();
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch {
    status("There is no camera, or the browser does not allow it. (Browsers allow it on localhost and over https.)");
    return;
  }
  find("#video").srcObject = stream;
  find("#viewfinder").hidden = false;
  find("#take").focus();
}

function closeCamera() {
  stream?.getTracks().forEach((track) => track.stop());
  stream = null;
  find("#viewfinder").hidden = true;
  find("#camera").focus();
}

function takePicture() {
  const video = find("#video");
  const canvas = Object.assign(document.createElement("canvas"), { width: video.videoWidth, height: video.videoHeight });
  canvas.getContext("2d").drawImage(video, 0, 0);
  canvas.toBlob((blob) => { if (blob) predictAll([new File([blob], "camera.png", { type: "image/png" })]); });
}

const files = find("#files");
find("#choose").addEventListener("click", () => files.click());
files.addEventListener("change", () => { predictAll(files.files).finally(() => { files.value = ""; }); });
find("#camera").addEventListener("click", openCamera);
find("#close").addEventListener("click", closeCamera);
find("#take").addEventListener("click", takePicture);
find("#clear").addEventListener("click", () => {
  [...find("#history").children].forEach(remove);
  find("#nothing").hidden = false;
  find("#clear").hidden = true;
  status("Cleared.");
  find("#choose").focus();
});
find("#access").addEventListener("submit", (event) => {
  event.preventDefault();
  token = find("#token").value.trim();
  sessionStorage.setItem("token", token);
  begin();
});
document.addEventListener("paste", (event) => predictAll(event.clipboardData.files));
const drop = find("#drop");
document.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) drop.classList.remove("over"); });
document.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  predictAll(event.dataTransfer.files);
});
begin();
