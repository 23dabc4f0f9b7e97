"use strict";
// Reads the page again: a file by itself, a served one when the server says that it has changed.
(() => {
  const AGAIN = 5000; // milliseconds
  let skew = 0; // from this clock to the one that wrote the page, as the server tells
  let lost = false; // the server, or the tunnel to it

  const byId = (name) => document.getElementById(name);
  const inWords = (seconds) => seconds < 100
    ? `${Math.round(seconds)} second${Math.round(seconds) === 1 ? "" : "s"}`
    : seconds < 6000 ? `${Math.round(seconds / 60)} minutes` : `${Math.round(seconds / 3600)} hours`;

  function look() {
    const page = byId("live");
    const age = Math.max(0, (Date.now() + skew - Number(page.dataset.written)) / 1000);
    const isStale = page.dataset.state === "running" && age > Number(page.dataset.due);
    byId("age").textContent = `Updated ${inWords(age)} ago.`;
    byId("silence").textContent = inWords(age);
    byId("stale").hidden = !isStale || lost;
    byId("lost").hidden = !lost;
  }

  async function swap() {
    const answer = await fetch(location.href, { cache: "no-store" });
    const found = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (!found.getElementById("live")) {
      location.reload();
      return;
    }
    byId("live").replaceWith(document.adoptNode(found.getElementById("live")));
    document.title = found.title;
    look();
  }

  function listen() {
    const stream = new EventSource("events");
    stream.addEventListener("time", (event) => { skew = Number(event.data) - Date.now(); });
    stream.addEventListener("page", () => swap().catch(() => {}));
    stream.addEventListener("open", () => { lost = false; });
    stream.addEventListener("error", () => { lost = true; });
  }

  function readAgain() {
    if (!document.hidden && !String(getSelection())) location.reload();
  }

  look();
  setInterval(look, 1000);
  if (location.protocol === "file:") {
    setInterval(readAgain, AGAIN);
    document.addEventListener("visibilitychange", readAgain);
  } else {
    listen();
  }
})();
