/**
 * A finished assessment: how the page sends it to the route, and what is wrong with one that cannot be taken. The page
 * checks with the same function before it sends.
 */

import { dollars, email, id, locale, name, score, text, timezone, Wrong, type FieldError } from "./fields";
import { SYSTEMS, type Scorecard, type Scores, type System } from "./scores";

export type { FieldError } from "./fields";

/** Who took the assessment. The names are the gateway's. */
export interface Person {
  readonly email: string;
  readonly first_name: string;
  readonly business_name?: string | undefined;
  readonly phone?: string | undefined;
  /** IANA, as `Intl.DateTimeFormat().resolvedOptions().timeZone` tells it. */
  readonly timezone?: string | undefined;
  /** A language tag, as `navigator.language` tells it. */
  readonly locale?: string | undefined;
  /** What the weak systems cost, in dollars. */
  readonly revenue_leak_total?: number | undefined;
}

/** What the page posts to the route. */
export interface Assessment {
  /** One for each finished assessment, the same however often it is sent. */
  readonly assessment_id: string;
  readonly scores: Scores;
  readonly person: Person;
}

/** What the route posts to the gateway. */
export type Signup = Scorecard & Person;

/** What the route answers to an assessment that can be taken: always 200. */
export interface Completed {
  /** Whether the gateway has it, and the first letter is on its way. */
  readonly queued: boolean;
  readonly assessment_id: string;
  readonly results: Scorecard;
}

/** What the route answers to anything else, in the shape of RFC 9457, as the gateway does. */
export interface Refused {
  readonly type: "about:blank";
  readonly title: string;
  readonly status: number;
  readonly errors: readonly FieldError[];
}

type Checked = { readonly assessment: Assessment } | { readonly errors: readonly FieldError[] };

/** The assessment in what was sent, tidied, or every field at fault. An explicit null is the same as absent. */
export function checkAssessment(given: unknown): Checked {
  if (!isObject(given)) return { errors: [{ field: "body", message: "must be a JSON object" }] };
  const faults = new Faults();
  const assessment = {
    assessment_id: faults.required("assessment_id", given["assessment_id"], id),
    scores: faults.required("scores", given["scores"], (scores) => checkScores(object(scores), faults)),
    person: faults.required("person", given["person"], (person) => checkPerson(object(person), faults)),
  };
  return faults.errors.length > 0 ? { errors: faults.errors } : { assessment };
}

function checkScores(given: Given, faults: Faults): Scores {
  const scores = SYSTEMS.map((system) => [system, faults.required(`scores.${system}`, given[system], score)]);
  if (Object.keys(given).some((key) => !SYSTEMS.includes(key as System))) {
    faults.add("scores", `must hold nothing but ${SYSTEMS.join(", ")}`);
  }
  return Object.fromEntries(scores) as Scores;
}

function checkPerson(given: Given, faults: Faults): Person {
  const optional = {
    business_name: faults.optional("person.business_name", given["business_name"], text),
    phone: faults.optional("person.phone", given["phone"], text),
    timezone: faults.optional("person.timezone", given["timezone"], timezone),
    locale: faults.optional("person.locale", given["locale"], locale),
    revenue_leak_total: faults.optional("person.revenue_leak_total", given["revenue_leak_total"], dollars),
  };
  return {
    email: faults.required("person.email", given["email"], email),
    first_name: faults.required("person.first_name", given["first_name"], name),
    ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)),
  };
}

type Given = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Given {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function object(value: unknown): Given {
  if (!isObject(value)) throw new Wrong("must be an object");
  return value;
}

/** Collects what is wrong, so that the visitor hears of everything at once. */
class Faults {
  readonly errors: FieldError[] = [];

  add(field: string, message: string): void {
    this.errors.push({ field, message });
  }

  /** The value; where there is none, a fault: then nobody reads what this returns. */
  required<Value>(field: string, value: unknown, read: (value: unknown) => Value): Value {
    if (value === undefined || value === null) this.add(field, "is required");
    return this.optional(field, value, read) as Value;
  }

  optional<Value>(field: string, value: unknown, read: (value: unknown) => Value): Value | undefined {
    if (value === undefined || value === null) return undefined;
    try {
      return read(value);
    } catch (error) {
      if (!(error instanceof Wrong)) throw error;
      this.add(field, error.message);
      return undefined;
    }
  }
}
