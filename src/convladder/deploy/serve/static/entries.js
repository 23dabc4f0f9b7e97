// The pictures of this session: each with its answer, what was looked at, and a correction.

import { find, showAnswer } from "./answer.js";
import { send } from "./server.js";

export const SHOWN = 100; // entries that are kept
const SMALL = 64; // pixels of a picture that is enlarged without smoothing

export function addEntry(file, label, found, model) {
  const entry = begin(file);
  showAnswer(entry, found);
  if (label) showLabel(find(".truth", entry), label, found.class);
  if (found.warning) find(".note", entry).textContent = `Warning: ${found.warning}`;
  find(".look", entry).addEventListener("click", () => look(entry, file));
  if (model.corrections) offerCorrection(entry, file, model.class_names);
  show(entry);
}

export function addFailure(file, error) {
  const entry = begin(file);
  entry.classList.add("failed");
  find(".class", entry).textContent = error.code === 422 ? "Not a readable picture" : "No answer";
  find(".note", entry).textContent = error.message || "This server requires a token: enter it above.";
  find(".buttons", entry).remove();
  remove(find(".picture", entry));
  show(entry);
}

export function clearEntries() {
  [...find("#history").children].forEach(remove);
  find("#nothing").hidden = false;
  find("#clear").hidden = true;
}

export function showPicture(picture, file) {
  picture.addEventListener("load", () => picture.classList.toggle("small", picture.naturalWidth <= SMALL));
  picture.src = URL.createObjectURL(file);
}

function begin(file) {
  const entry = find("#entry").content.firstElementChild.cloneNode(true);
  showPicture(find("img", entry), file);
  find("img", entry).alt = file.name ? `The picture ${file.name}` : "The picture";
  find(".name", entry).textContent = file.name || "from the clipboard or the camera";
  return entry;
}

function show(entry) {
  const history = find("#history");
  history.prepend(entry);
  while (history.children.length > SHOWN) remove(history.lastElementChild);
  find("#nothing").hidden = true;
  find("#clear").hidden = false;
}

function showLabel(place, label, name) {
  place.textContent = `Its label is ${label}: the answer is ${label === name ? "correct" : "wrong"}.`;
  place.hidden = false;
}

function remove(element) {
  const picture = find("img", element);
  if (picture) URL.revokeObjectURL(picture.src);
  element.remove();
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

function offerCorrection(entry, file, names) {
  const [place, select, save, note] = [".correct", "select", ".save", ".note"].map((each) => find(each, entry));
  select.add(new Option("What is it?", ""));
  for (const name of names) select.add(new Option(name, name));
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
