/**
 * For the page that collects the scores: `submitAssessment(scores, person)` sends them to the route and returns the
 * outcome to show. It never throws, and it returns the results even when the site does not answer.
 */

import {
  checkAssessment,
  type Assessment,
  type Completed,
  type FieldError,
  type Person,
  type Refused,
} from "./lib/assessment";
import { scorecard, type Scorecard, type Scores } from "./lib/scores";

export { colorOf, LOWEST, scorecard, SYSTEMS } from "./lib/scores";
export type { Color, Scorecard, Scores, System } from "./lib/scores";
export type { FieldError, Person } from "./lib/assessment";

export type Submission =
  /** Accepted. `queued`: the gateway has it; if false, the site has logged it. */
  | { readonly status: "completed"; readonly queued: boolean; readonly results: Scorecard }
  /** Invalid fields to show to the visitor, such as `person.email`. */
  | { readonly status: "invalid"; readonly errors: readonly FieldError[] }
  /** The route's `allow` hook refused the request. */
  | { readonly status: "refused"; readonly results: Scorecard }
  /** The site did not answer. The results are still correct; sending again is harmless. */
  | { readonly status: "unreachable"; readonly results: Scorecard };

export interface ClientOptions {
  /** Address of the route; default `/api/assessment/complete`. */
  readonly url?: string;
  readonly fetch?: typeof fetch;
  /** Headers for the route's `allow` hook, such as the token of a bot check. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Default: the tab's `sessionStorage`. */
  readonly storage?: Pick<Storage, "getItem" | "setItem">;
  /** Limit for each of two attempts; default 15 s, longer than the route takes. */
  readonly timeoutMs?: number;
}

/**
 * Validates, then sends. Adds the browser's time zone and language, and place and time of a consent, unless the caller
 * gives them.
 */
export async function submitAssessment(
  scores: Scores,
  person: Person,
  options: ClientOptions = {},
): Promise<Submission> {
  const sent = { assessment_id: "not-yet-known", scores, person: { ...browserSettings(), ...consent(person), ...person } };
  const checked = checkAssessment(sent);
  if ("errors" in checked) return { status: "invalid", errors: checked.errors };
  const assessment = { ...checked.assessment, assessment_id: idOf(checked.assessment, options) };
  for (const waitMs of [PAUSE_MS, 0]) {
    const answer = await post(assessment, options);
    if (answer) return answer;
    await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
  return { status: "unreachable", results: scorecard(assessment.scores) };
}

const PAUSE_MS = 500;

/** The route's answer; undefined if there is no usable answer. */
async function post(assessment: Assessment, options: ClientOptions): Promise<Submission | undefined> {
  try {
    const response = await (options.fetch ?? fetch)(options.url ?? "/api/assessment/complete", {
      method: "POST",
      headers: { ...options.headers, "content-type": "application/json" },
      body: JSON.stringify(assessment),
      keepalive: true, // The request continues when the visitor leaves the page.
      signal: AbortSignal.timeout(options.timeoutMs ?? 15_000),
    });
    const answer = (await response.json()) as Completed | Refused;
    if ("results" in answer) return { status: "completed", queued: answer.queued, results: answer.results };
    if (response.status === 403) return { status: "refused", results: scorecard(assessment.scores) };
    return response.status === 422 ? { status: "invalid", errors: answer.errors } : undefined;
  } catch {
    return undefined;
  }
}

function browserSettings(): Partial<Person> {
  return {
    timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    locale: typeof navigator === "undefined" ? undefined : navigator.language,
  };
}

function consent({ consent_text, sms_consent }: Person): Partial<Person> {
  if (!consent_text && sms_consent === undefined) return {};
  const page = typeof location === "undefined" ? undefined : location.origin + location.pathname;
  return { consent_source: page, consent_at: new Date().toISOString() };
}

const KEY = "advent.assessment";

/**
 * The id of this assessment. In one tab, the same answers of the same person keep their id, so a double click, a reload
 * or a second attempt is one signup. A correction gets a new id, because it must not count as a repetition.
 */
function idOf({ scores, person }: Assessment, options: ClientOptions): string {
  const { consent_at: _, ...said } = person; // Differs at each attempt.
  const digest = fingerprint(JSON.stringify([scores, said]));
  const [knownDigest, knownId] = recall(options)?.split(" ") ?? [];
  if (knownDigest === digest && knownId) return knownId;
  const id = newId();
  remember(`${digest} ${id}`, options);
  return id;
}

function newId(): string {
  // Browsers provide randomUUID over https only.
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  const bytes = [...crypto.getRandomValues(new Uint8Array(16))];
  return bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Distinguishes different answers without storing them (FNV-1a, twice 32 bits). */
function fingerprint(text: string): string {
  const hash = (seed: number) => {
    let state = seed;
    for (let index = 0; index < text.length; index += 1) state = Math.imul(state ^ text.charCodeAt(index), 0x01000193);
    return (state >>> 0).toString(36);
  };
  return `${hash(0x811c9dc5)}.${hash(0x01234567)}`;
}

let remembered: string | null = null;

/** Read from this page's memory or, after a reload, from the tab's storage, which may be disabled or full. */
function recall(options: ClientOptions): string | null {
  try {
    return remembered ?? (options.storage ?? sessionStorage).getItem(KEY);
  } catch {
    return null;
  }
}

function remember(value: string, options: ClientOptions): void {
  remembered = value;
  try {
    (options.storage ?? sessionStorage).setItem(KEY, value);
  } catch {
    // The id stays in memory only.
  }
}
