// The camera: single pictures, and one answer after the other as long as that is wanted.

import { find, showAnswer } from "./answer.js";
import { send } from "./server.js";

const EVERY = 250; // milliseconds from one picture to the next, at least
const PAUSE = 1000; // where the server is busy
const BUSY = 503;
const SIDE = 640; // pixels of what is sent while it classifies continuously
const TOP = 3;
const REASONS = {
  NotAllowedError: "The browser does not allow the camera. Allow it in the browser's settings for this page.",
  NotFoundError: "No camera was found.",
  NotReadableError: "The camera cannot be read. Another program may be using it.",
};

let stream = null;
let watching = null; // a new object for each time it is switched on
let say = () => {};

export function offerCamera(predict, status) {
  say = status;
  find("#camera").addEventListener("click", open);
  find("#close").addEventListener("click", close);
  find("#take").addEventListener("click", async () => {
    predict(new File([await grab(1, "image/png")], "camera.png", { type: "image/png" }));
  });
  find("#watch").addEventListener("click", () => (watching ? stop() : watch()));
  document.addEventListener("visibilitychange", () => {
    if (document.hidden && watching) stop("Classifying stopped because the page was hidden.");
  });
}

async function open() {
  if (stream) close();
  if (!navigator.mediaDevices) {
    say("Browsers allow the camera only over https and on localhost. Ask for this page by https.");
    return;
  }
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch (error) {
    say(REASONS[error.name] ?? `The camera cannot be used: ${error.message}`);
    return;
  }
  stream.getVideoTracks()[0].addEventListener("ended", () => { close(); say("The camera was disconnected."); });
  find("#video").srcObject = stream;
  find("#viewfinder").hidden = false;
  say("");
  find("#take").focus();
}

function close() {
  stop();
  stream?.getTracks().forEach((track) => track.stop());
  stream = null;
  find("#viewfinder").hidden = true;
  find("#camera").focus();
}

function stop(why = "") {
  if (!watching) return;
  watching = null;
  find("#watch").setAttribute("aria-pressed", "false");
  find("#live").hidden = true;
  say(why);
}

// The next picture is taken when the answer to the last one is here: one request at a time.
async function watch() {
  const mine = watching = {};
  find("#watch").setAttribute("aria-pressed", "true");
  say("");
  while (watching === mine) {
    const next = performance.now() + EVERY;
    const pause = await classify(mine);
    await new Promise((resolve) => setTimeout(resolve, Math.max(pause, next - performance.now())));
  }
}

async function classify(mine) {
  const { videoWidth: width, videoHeight: height } = find("#video");
  if (!width) return EVERY; // it has no picture yet
  try {
    const picture = await grab(Math.min(1, SIDE / Math.max(width, height)), "image/jpeg");
    const { predictions } = await send(`/v1/predict?top=${TOP}`, picture);
    if (watching !== mine) return 0;
    find("#live").hidden = false;
    showAnswer(find("#live"), predictions[0]);
  } catch (error) {
    if (error.code === BUSY) return PAUSE;
    if (watching === mine) stop(error.message || "This server requires a token: enter it above.");
  }
  return 0;
}

function grab(scale, type) {
  const video = find("#video");
  const [width, height] = [video.videoWidth, video.videoHeight].map((side) => Math.max(1, Math.round(scale * side)));
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  canvas.getContext("2d").drawImage(video, 0, 0, width, height);
  return new Promise((resolve) => canvas.toBlob(resolve, type, 0.92));
}
