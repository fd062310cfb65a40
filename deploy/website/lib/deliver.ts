/**
 * Hands one signup to the gateway: attempt after attempt under one webhook id, until it has an answer or spent its time.
 *
 * The gateway does nothing twice for one webhook id, so an attempt whose answer was lost is simply repeated.
 */

import type { Signup } from "./assessment";
import type { Gateway } from "./gateway";

export interface Patience {
  /** For everything together. A serverless function is often stopped after 10 s, and the visitor waits. */
  readonly budgetMs: number;
  /** For one attempt. */
  readonly timeoutMs: number;
  /** Before the second attempt; doubled before each further one. */
  readonly firstWaitMs: number;
  readonly waitMaxMs: number;
}

export const PATIENCE: Patience = { budgetMs: 8_000, timeoutMs: 3_000, firstWaitMs: 250, waitMaxMs: 2_000 };

/** What this file asks of the world; tests bring their own. */
export interface Outside {
  readonly fetch: typeof fetch;
  readonly now: () => number;
  readonly sleep: (ms: number) => Promise<void>;
  /** A signal that comes after so long. */
  readonly timeout: (ms: number) => AbortSignal;
  readonly random: () => number;
}

export const OUTSIDE: Outside = {
  fetch: (input, init) => fetch(input, init),
  now: () => Date.now(),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  timeout: (ms) => AbortSignal.timeout(ms),
  random: () => Math.random(),
};

/** `refused`: repeating it would not help. `unreachable`: later it might. Nothing here is personal. */
export type Delivery =
  | { readonly delivered: true; readonly status: number; readonly attempts: number }
  | {
      readonly delivered: false;
      readonly reason: "refused" | "unreachable";
      readonly detail: string;
      /** Of the last answer; absent when there was none. */
      readonly status?: number;
      readonly attempts: number;
    };

export async function deliver(
  gateway: Gateway,
  webhookId: string,
  signup: Signup,
  patience: Patience = PATIENCE,
  outside: Outside = OUTSIDE,
): Promise<Delivery> {
  const deadline = outside.now() + patience.budgetMs;
  const body = JSON.stringify(signup);
  for (let attempts = 1; ; attempts += 1) {
    const timeoutMs = Math.max(1, Math.min(patience.timeoutMs, deadline - outside.now()));
    const answer = await attempt(gateway, webhookId, body, timeoutMs, outside);
    if (answer.kind === "taken") return { delivered: true, status: answer.status, attempts };
    if (answer.kind === "refused") return givenUp("refused", answer, attempts);
    const waitMs = Math.max(backoff(attempts, patience, outside.random()), answer.retryAfterMs);
    if (outside.now() + waitMs + WORTHWHILE_MS > deadline) return givenUp("unreachable", answer, attempts);
    await outside.sleep(waitMs);
  }
}

/** An attempt with less time than this would be cut off before it is answered: the visitor need not wait for it. */
const WORTHWHILE_MS = 100;

/** Exponential, between half and all of it: many visitors must not come back in step. */
function backoff(attempts: number, patience: Patience, random: number): number {
  const most = Math.min(patience.firstWaitMs * 2 ** (attempts - 1), patience.waitMaxMs);
  return most * (0.5 + random / 2);
}

type Answer =
  | { readonly kind: "taken"; readonly status: number }
  | { readonly kind: "refused"; readonly status: number; readonly detail: string }
  | { readonly kind: "later"; readonly status?: number; readonly detail: string; readonly retryAfterMs: number };

async function attempt(
  gateway: Gateway,
  webhookId: string,
  body: string,
  timeoutMs: number,
  outside: Outside,
): Promise<Answer> {
  const headers = gateway.headers(webhookId, body, new Date(outside.now()));
  try {
    const signal = outside.timeout(timeoutMs);
    // A followed redirect would turn the POST into a GET.
    const response = await outside.fetch(gateway.url, { method: "POST", headers, body, redirect: "manual", signal });
    return await understand(response, outside.now());
  } catch (error) {
    const detail = error instanceof Error && error.name === "TimeoutError" ? "no answer in time" : "no connection";
    return { kind: "later", detail, retryAfterMs: 0 };
  }
}

async function understand(response: Response, nowMs: number): Promise<Answer> {
  const { status } = response;
  if (response.ok) {
    await discard(response);
    return { kind: "taken", status };
  }
  if (status === 429 || status >= 500) {
    await discard(response);
    return { kind: "later", status, detail: `answered ${status}`, retryAfterMs: retryAfter(response, nowMs) };
  }
  return { kind: "refused", status, detail: await reason(response) };
}

function retryAfter(response: Response, nowMs: number): number {
  const text = response.headers.get("retry-after")?.trim() ?? "";
  const waitMs = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - nowMs;
  return waitMs > 0 ? waitMs : 0; // Also for NaN, which is what no date gives.
}

async function reason(response: Response): Promise<string> {
  if (response.type === "opaqueredirect" || (response.status >= 300 && response.status < 400)) {
    await discard(response);
    return "redirects; set ADVENT_WEBHOOK_URL to where it leads";
  }
  if (response.status === 401) {
    await discard(response);
    return "signature refused; is ADVENT_WEBHOOK_SECRET among the gateway's WEBHOOK_SECRET, and is the clock right?";
  }
  const fields = await fieldsAtFault(response);
  return `answered ${response.status}${fields.length > 0 ? `; fields: ${fields.join(", ")}` : ""}`;
}

/** Names only: messages might quote what somebody wrote. */
async function fieldsAtFault(response: Response): Promise<string[]> {
  try {
    const { errors } = (await response.json()) as { errors?: { field?: unknown }[] };
    return (errors ?? []).map(({ field }) => String(field)).filter((field) => /^[a-z0-9_ ]{1,40}$/.test(field));
  } catch {
    return [];
  }
}

/** Frees the connection without reading what nobody asked for. */
async function discard(response: Response): Promise<void> {
  await response.body?.cancel().catch(() => undefined);
}

type Trouble = Exclude<Answer, { readonly kind: "taken" }>;

function givenUp(reason: "refused" | "unreachable", answer: Trouble, attempts: number): Delivery {
  const { status, detail } = answer;
  return { delivered: false, reason, detail, attempts, ...(status === undefined ? {} : { status }) };
}
