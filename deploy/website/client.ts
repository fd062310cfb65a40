/**
 * For the page that collects the scores: `submitAssessment(scores, person)` sends them to the route and tells what the
 * visitor can be shown. It never throws, and it knows the results even where nothing answers.
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
  /** Taken. `queued`: the first letter is on its way; if not, the site has been told. */
  | { readonly status: "completed"; readonly queued: boolean; readonly results: Scorecard }
  /** Fields to show to the visitor, such as `person.email`. */
  | { readonly status: "invalid"; readonly errors: readonly FieldError[] }
  /** The site did not answer. The results are right all the same; sending again is harmless. */
  | { readonly status: "unreachable"; readonly results: Scorecard };

export interface ClientOptions {
  /** Where the route is; default `/api/assessment/complete`. */
  readonly url?: string;
  readonly fetch?: typeof fetch;
  /** Default: the tab's `sessionStorage`. */
  readonly storage?: Pick<Storage, "getItem" | "setItem">;
  /** For one attempt; default 15 s, longer than the route takes. There are two. */
  readonly timeoutMs?: number;
}

/** Checks, then sends; what the browser knows of time zone and language is added unless it is given. */
export async function submitAssessment(
  scores: Scores,
  person: Person,
  options: ClientOptions = {},
): Promise<Submission> {
  const checked = checkAssessment({ assessment_id: "not-yet-known", scores, person: { ...browserFacts(), ...person } });
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

/** The route's answer; undefined when there was none, or none that makes sense. */
async function post(assessment: Assessment, options: ClientOptions): Promise<Submission | undefined> {
  try {
    const response = await (options.fetch ?? fetch)(options.url ?? "/api/assessment/complete", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(assessment),
      keepalive: true, // Leaving the page does not call it back.
      signal: AbortSignal.timeout(options.timeoutMs ?? 15_000),
    });
    const answer = (await response.json()) as Completed | Refused;
    if ("results" in answer) return { status: "completed", queued: answer.queued, results: answer.results };
    return response.status === 422 ? { status: "invalid", errors: answer.errors } : undefined;
  } catch {
    return undefined;
  }
}

function browserFacts(): Partial<Person> {
  return {
    timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    locale: typeof navigator === "undefined" ? undefined : navigator.language,
  };
}

const KEY = "advent.assessment";

/**
 * The id of this assessment: the same for the same answers of the same person, in this tab, so that a double click, a
 * reload or a second try is one signup; a new one after a correction, which must not be taken for a repetition.
 */
function idOf({ scores, person }: Assessment, options: ClientOptions): string {
  const mark = fingerprint(JSON.stringify([scores, person]));
  const [knownMark, knownId] = recall(options)?.split(" ") ?? [];
  if (knownMark === mark && knownId) return knownId;
  const id = newId();
  remember(`${mark} ${id}`, options);
  return id;
}

function newId(): string {
  // Browsers offer randomUUID to pages over https only.
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  const bytes = [...crypto.getRandomValues(new Uint8Array(16))];
  return bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Tells different answers apart without keeping them (FNV-1a, twice 32 bits). */
function fingerprint(text: string): string {
  const hash = (seed: number) => {
    let state = seed;
    for (let index = 0; index < text.length; index += 1) state = Math.imul(state ^ text.charCodeAt(index), 0x01000193);
    return (state >>> 0).toString(36);
  };
  return `${hash(0x811c9dc5)}.${hash(0x01234567)}`;
}

let remembered: string | null = null;

/** From this page's memory, and after a reload from the tab's storage, which may be switched off or full. */
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
    // In memory, then.
  }
}
