// Pictures of the server to click.

import { find } from "./answer.js";
import { showPicture } from "./entries.js";
import { askSample } from "./server.js";

export async function offerSamples(samples, predict) {
  find("#samples").hidden = samples.length === 0;
  const buttons = await Promise.all(samples.map((sample, number) => makeButton(sample, number, predict)));
  find("#samples ul").replaceChildren(...buttons);
}

async function makeButton({ name, label }, number, predict) {
  const item = find("#sample").content.firstElementChild.cloneNode(true);
  const file = await askSample(number, name);
  showPicture(find("img", item), file);
  find("span", item).textContent = label ?? name;
  find("button", item).addEventListener("click", () => predict(file, label));
  return item;
}
