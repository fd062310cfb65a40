/**
 * Posts one signup to the gateway and retries with one webhook id until it is answered or the time is used up.
 *
 * The gateway processes a webhook id once, so an attempt whose answer was lost can be repeated.
 */

import type { Signup } from "./assessment";
import type { Gateway } from "./gateway";

export interface RetryPolicy {
  /** Limit for all attempts together. Serverless functions often end after 10 s, and the visitor waits. */
  readonly budgetMs: number;
  /** Limit for one attempt. */
  readonly timeoutMs: number;
  /** Wait before the second attempt; doubled before each further one. */
  readonly firstWaitMs: number;
  readonly waitMaxMs: number;
}

export const DEFAULT_RETRY: RetryPolicy = { budgetMs: 8_000, timeoutMs: 3_000, firstWaitMs: 250, waitMaxMs: 2_000 };

/** Network, clock and random numbers; tests replace them. */
export interface Runtime {
  readonly fetch: typeof fetch;
  readonly now: () => number;
  readonly sleep: (ms: number) => Promise<void>;
  /** A signal that aborts after this time. */
  readonly timeout: (ms: number) => AbortSignal;
  readonly random: () => number;
}

export const RUNTIME: Runtime = {
  fetch: (input, init) => fetch(input, init),
  now: () => Date.now(),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  timeout: (ms) => AbortSignal.timeout(ms),
  random: () => Math.random(),
};

/** `refused`: the gateway refused the signup. `unreachable`: it gave no usable answer. Contains no personal data. */
export type Delivery =
  | { readonly delivered: true; readonly status: number; readonly attempts: number }
  | {
      readonly delivered: false;
      readonly reason: "refused" | "unreachable";
      readonly detail: string;
      /** Status of the last answer; absent if there was none. */
      readonly status?: number;
      readonly attempts: number;
    };

export async function deliver(
  gateway: Gateway,
  webhookId: string,
  signup: Signup,
  retry: RetryPolicy = DEFAULT_RETRY,
  runtime: Runtime = RUNTIME,
): Promise<Delivery> {
  const deadline = runtime.now() + retry.budgetMs;
  const body = JSON.stringify(signup);
  for (let attempts = 1; ; attempts += 1) {
    const timeoutMs = Math.max(1, Math.min(retry.timeoutMs, deadline - runtime.now()));
    const answer = await attempt(gateway, webhookId, body, timeoutMs, runtime);
    if (answer.kind === "accepted") return { delivered: true, status: answer.status, attempts };
    if (answer.kind === "refused") return undelivered("refused", answer, attempts);
    const waitMs = Math.max(backoff(attempts, retry, runtime.random()), answer.retryAfterMs);
    const outOfTime = runtime.now() + waitMs + USEFUL_MS > deadline;
    if (outOfTime) return undelivered(mayPass(answer.status) ? "refused" : "unreachable", answer, attempts);
    await runtime.sleep(waitMs);
  }
}

/** An attempt with less time than this would be aborted before its answer, so the visitor does not wait for it. */
const USEFUL_MS = 100;

/** Exponential back-off with jitter: half to all of the wait, so that many visitors do not retry at the same time. */
function backoff(attempts: number, retry: RetryPolicy, random: number): number {
  const longest = Math.min(retry.firstWaitMs * 2 ** (attempts - 1), retry.waitMaxMs);
  return longest * (0.5 + random / 2);
}

type Answer =
  | { readonly kind: "accepted"; readonly status: number }
  | { readonly kind: "refused"; readonly status: number; readonly detail: string }
  | { readonly kind: "later"; readonly status?: number; readonly detail: string; readonly retryAfterMs: number };

async function attempt(
  gateway: Gateway,
  webhookId: string,
  body: string,
  timeoutMs: number,
  runtime: Runtime,
): Promise<Answer> {
  const headers = gateway.headers(webhookId, body, new Date(runtime.now()));
  try {
    const signal = runtime.timeout(timeoutMs);
    // Following a redirect would turn the POST into a GET.
    const response = await runtime.fetch(gateway.url, { method: "POST", headers, body, redirect: "manual", signal });
    return await readAnswer(response, runtime.now());
  } catch (error) {
    const detail = error instanceof Error && error.name === "TimeoutError" ? "no answer in time" : "no connection";
    return { kind: "later", detail, retryAfterMs: 0 };
  }
}

async function readAnswer(response: Response, nowMs: number): Promise<Answer> {
  const { status } = response;
  if (response.ok) {
    await discard(response);
    return { kind: "accepted", status };
  }
  if (status === 429 || status >= 500) {
    await discard(response);
    return { kind: "later", status, detail: `answered ${status}`, retryAfterMs: retryAfter(response, nowMs) };
  }
  const detail = await reason(response);
  if (mayPass(status)) return { kind: "later", status, detail, retryAfterMs: retryAfter(response, nowMs) };
  return { kind: "refused", status, detail };
}

/** 401 and 403 may be temporary: a wrong clock makes signatures fail, and a proxy may refuse requests for a while. */
function mayPass(status: number | undefined): boolean {
  return status === 401 || status === 403;
}

function retryAfter(response: Response, nowMs: number): number {
  const text = response.headers.get("retry-after")?.trim() ?? "";
  const waitMs = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - nowMs;
  return waitMs > 0 ? waitMs : 0; // Also 0 for NaN, the result of an invalid date.
}

async function reason(response: Response): Promise<string> {
  if (response.type === "opaqueredirect" || (response.status >= 300 && response.status < 400)) {
    await discard(response);
    return "redirects; set ADVENT_WEBHOOK_URL to the final address";
  }
  if (response.status === 401) {
    await discard(response);
    return "signature refused; is ADVENT_WEBHOOK_SECRET among the gateway's WEBHOOK_SECRET, and is the clock right?";
  }
  const fields = await invalidFields(response);
  return `answered ${response.status}${fields.length > 0 ? `; fields: ${fields.join(", ")}` : ""}`;
}

/** Names only, because messages might quote personal data. */
async function invalidFields(response: Response): Promise<string[]> {
  try {
    const { errors } = (await response.json()) as { errors?: { field?: unknown }[] };
    return (errors ?? []).map(({ field }) => String(field)).filter((field) => /^[a-z0-9_ ]{1,40}$/.test(field));
  } catch {
    return [];
  }
}

/** Frees the connection without reading the body. */
async function discard(response: Response): Promise<void> {
  await response.body?.cancel().catch(() => undefined);
}

type Trouble = Exclude<Answer, { readonly kind: "accepted" }>;

function undelivered(reason: "refused" | "unreachable", answer: Trouble, attempts: number): Delivery {
  const { status, detail } = answer;
  return { delivered: false, reason, detail, attempts, ...(status === undefined ? {} : { status }) };
}
