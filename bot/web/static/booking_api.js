// Requests that change something: through the same API as everybody else's programs.

import { t } from "./words.js";

/** A refusal: what the API says, with `field`, `blockers`, `alternatives` and so on where it has them. */
export class Refusal extends Error {
  constructor(status, problem) {
    super(problem.detail || t("That did not work."));
    this.status = status;
    this.problem = problem;
  }
}

/** Text that no other request has had. `crypto.randomUUID` exists over https alone. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The answer to a POST; rejects with Refusal. The same `key` twice does it once. */
export function post(path, body, { key, signal } = {}) {
  const headers = { "Content-Type": "application/json", "X-CSRF-Token": csrf() };
  if (key) headers["Idempotency-Key"] = key;
  return ask(path, { method: "POST", headers, body: JSON.stringify(body), signal });
}

/** The answer to a GET; rejects with Refusal. */
export const get = (path) => ask(path, {});

async function ask(path, options) {
  const response = await reach(path, options);
  const content = await response.json().catch(() => ({}));
  if (response.ok) return content;
  if (response.status === 401) content.detail = t("You are no longer signed in. Load the page again.");
  throw new Refusal(response.status, content);
}

async function reach(path, options) {
  try {
    return await fetch(`/api/v1${path}`, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal(0, { detail: t("gpubot cannot be reached. Try again: nothing is done twice.") });
  }
}

const csrf = () => document.querySelector('meta[name="csrf"]')?.content || "";
