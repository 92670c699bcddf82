// @ts-check
/** What every module needs: the page's words, its token, requests that fail with a sentence, and times as the reports write them. */

/** @type {Record<string, any>} */
export const words = JSON.parse(document.getElementById("texts")?.textContent ?? "{}");

document.body.classList.add("scripted");

/** @returns {string} what our own pages send along with everything that changes something */
export function token() {
  return document.querySelector("meta[name=csrf-token]")?.getAttribute("content") ?? "";
}

/**
 * Ask the workbench for JSON.
 * @param {string} address
 * @param {{method?: string, body?: unknown}} [options] `body` is sent as JSON unless it is a form
 * @returns {Promise<any>} rejects with an Error whose message is one plain sentence
 */
export async function ask(address, { method = "GET", body } = {}) {
  /** @type {Record<string, string>} */
  const headers = { Accept: "application/json" };
  if (method !== "GET") headers["X-CSRF-Token"] = token();
  const form = body instanceof FormData;
  if (body !== undefined && !form) headers["Content-Type"] = "application/json";
  const sent = body === undefined ? undefined : form ? /** @type {FormData} */ (body) : JSON.stringify(body);
  let response;
  try {
    response = await fetch(address, { method, headers, body: sent });
  } catch {
    throw new Error(words.errors.network);
  }
  const answer = response.status === 204 ? null : await response.json().catch(() => null);
  if (!response.ok) throw new Error(answer?.error ?? `${response.status}`);
  return answer;
}

/**
 * Follow a job until it has ended.
 * @param {string} id
 * @param {(job: any) => void} onChange called with every state, the last one included
 * @returns {() => void} stops following
 */
export function follow(id, onChange) {
  const events = new EventSource(`/api/jobs/${id}/events`);
  const told = (/** @type {MessageEvent} */ event) => {
    const job = JSON.parse(event.data);
    onChange(job);
    if (!["queued", "running"].includes(job.state)) events.close();
  };
  events.addEventListener("job", told);
  events.addEventListener("end", () => {
    events.close();
    // The last state may have passed before this page listened.
    ask(`/api/jobs/${id}`).then(onChange, () => {});
  });
  return () => events.close();
}

/** Seconds as '4.20 s' below a minute and '1:04.2' from then on. @param {number} seconds */
export function clock(seconds) {
  const tenths = Math.round(seconds * 10);
  if (tenths < 600) return `${seconds.toFixed(2)} s`;
  return `${Math.floor(tenths / 600)}:${String(Math.floor((tenths % 600) / 10)).padStart(2, "0")}.${tenths % 10}`;
}

/** A sentence with its blanks filled in. @param {string} text @param {Record<string, string|number>} values */
export function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (blank, name) => (name in values ? String(values[name]) : blank));
}

/**
 * A new element.
 * @param {string} name
 * @param {Record<string, string>} [attributes]
 * @param {...(Node|string)} children
 */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/**
 * A new SVG element.
 * @param {string} name
 * @param {Record<string, string|number>} [attributes]
 */
export function drawn(name, attributes = {}) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  return made;
}
