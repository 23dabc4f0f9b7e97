// An answer in words and bars. Names are put in as text, never as markup.

const NAMED = 12; // classes of a prediction set

export const find = (selector, within = document) => within.querySelector(selector);
export const percent = (share) => `${(100 * share).toFixed(1)} %`;

export function showAnswer(place, found) {
  setText(find(".class", place), found.class);
  find(".unsure", place).hidden = !found.unsure;
  showSet(find(".set", place), found.prediction_set);
  find(".bars", place).replaceChildren(...found.top.map(bar));
}

// What does not change is left alone: a screen reader would speak it again.
function setText(place, text) {
  if (place.textContent !== text) place.textContent = text;
}

// Nothing is said where it has one class, or the bundle promises no sets.
function showSet(place, set) {
  place.hidden = !set || set.classes.length < 2;
  if (place.hidden) return;
  const named = set.classes.slice(0, set.classes.length > NAMED + 1 ? NAMED : NAMED + 1);
  const others = set.classes.length - named.length;
  if (others) named.push(`${others} others`);
  const last = named.pop();
  const share = +(100 * set.coverage).toPrecision(4);
  place.textContent = `Prediction set, ${share} %: ${named.join(", ")} or ${last}`;
}

function bar({ class: name, probability }) {
  const row = document.createElement("li");
  const [label, track, fill, share] = ["label", "track", "fill", "share"].map((kind) =>
    Object.assign(document.createElement("span"), { className: kind }));
  label.textContent = name;
  fill.style.width = `${100 * probability}%`;
  track.append(fill);
  share.textContent = percent(probability);
  row.append(label, track, share);
  return row;
}
