// Requests to the server, with the token if it requires one.

const KEY = "token";

let token = sessionStorage.getItem(KEY);

export class Refused extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

export function useToken(text) {
  token = text;
  sessionStorage.setItem(KEY, text);
}

export const askModel = async () => (await ask("/v1/model")).json();

export async function askSample(number, name) {
  const content = await (await ask(`/v1/samples/${number}`)).blob();
  return new File([content], name, { type: content.type });
}

export const send = async (path, file) =>
  (await ask(path, { method: "POST", body: file, headers: { "Content-Type": "application/octet-stream" } })).json();

async function ask(path, options = {}) {
  const headers = { ...options.headers, ...(token ? { Authorization: `Bearer ${token}` } : {}) };
  let answer;
  try {
    answer = await fetch(path, { ...options, headers });
  } catch {
    throw new Refused(0, "The server does not answer. Is it still running?");
  }
  if (answer.ok) return answer;
  if (answer.status === 401) {
    document.querySelector("#access").hidden = false;
    throw new Refused(401, token ? "The server does not accept this token." : "");
  }
  const { error } = await answer.json().catch(() => ({}));
  throw new Refused(answer.status, error ?? "The server could not answer.");
}
