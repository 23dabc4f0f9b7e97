// The page: what the classifier is, and the pictures that it is given.
// Names come from strangers and are put in as text; the server takes all markup out of the card.

import { find, percent } from "./answer.js";
import { offerCamera } from "./camera.js";
import { SHOWN, addEntry, addFailure, clearEntries } from "./entries.js";
import { offerSamples } from "./samples.js";
import { askModel, send, useToken } from "./server.js";

const TOP = 5;
const NAMED = 12; // classes that are listed
const status = (text) => { find("#status").textContent = text; };
const sentence = (text) => `${text[0].toUpperCase()}${text.slice(1)}.`;

let model = {};

async function begin() {
  try {
    model = await askModel();
    find("#access").hidden = true;
    status("");
    describe();
    await offerSamples(model.samples, predictOne);
  } catch (error) {
    status(error.message);
  }
}

function describe() {
  document.title = `${model.name} – convladder`;
  find("#classifier").textContent = model.name;
  const names = model.class_names;
  const others = names.length > NAMED + 1 ? names.length - NAMED : 0;
  const listed = names.slice(0, names.length - others).join(", ") + (others ? ` and ${others.toLocaleString()} others` : "");
  find("#about").textContent =
    `Recognises ${names.length.toLocaleString()} classes: ${listed}. Anything else will be mistaken for one of them.`;
  const { share, low, high, images } = model.figures.accuracy;
  find("#accuracy").textContent =
    `${percent(share)} of ${images.toLocaleString()} test images were predicted correctly ` +
    `(95 % interval ${percent(low)} to ${percent(high)}).` +
    (model.selection.threshold === null ? " Every answer is marked unsure: the reason is below." : "");
  find("#threshold").textContent = sentence(model.unsure);
  find("#sets").textContent = model.sets ? sentence(model.sets) : "";
  const card = new DOMParser().parseFromString(model.card_html, "text/html");
  find("#card").replaceChildren(...card.body.childNodes);
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

async function predictOne(file, label = null) {
  try {
    const { predictions } = await send(`/v1/predict?top=${TOP}`, file);
    const found = predictions[0];
    addEntry(file, label, found, model);
    status(`${file.name || "The picture"}: ${found.class}, ${percent(found.probability)}${found.unsure ? ", unsure" : ""}`);
  } catch (error) {
    addFailure(file, error);
    status(error.message);
  }
}

const files = find("#files");
find("#choose").addEventListener("click", () => files.click());
files.addEventListener("change", () => { predictAll(files.files).finally(() => { files.value = ""; }); });
find("#clear").addEventListener("click", () => {
  clearEntries();
  status("Cleared.");
  find("#choose").focus();
});
find("#access").addEventListener("submit", (event) => {
  event.preventDefault();
  useToken(find("#token").value.trim());
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
offerCamera(predictOne, status);
begin();
