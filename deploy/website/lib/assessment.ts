/** A finished assessment and its validation. The page and the route use the same function. */

import { dollars, email, id, InvalidValue, locale, name, score, text, timezone, type FieldError } from "./fields";
import { SYSTEMS, type Scorecard, type Scores, type System } from "./scores";

export type { FieldError } from "./fields";

/** The person who took the assessment. Field names are the gateway's. */
export interface Person {
  readonly email: string;
  readonly first_name: string;
  readonly business_name?: string | undefined;
  readonly phone?: string | undefined;
  /** IANA name, from `Intl.DateTimeFormat().resolvedOptions().timeZone`. */
  readonly timezone?: string | undefined;
  /** Language tag, from `navigator.language`. */
  readonly locale?: string | undefined;
  /** The cost of the weak systems, in dollars. */
  readonly revenue_leak_total?: number | undefined;
}

/** The body that the page posts to the route. */
export interface Assessment {
  /** One id per finished assessment, the same for each repetition. */
  readonly assessment_id: string;
  readonly scores: Scores;
  readonly person: Person;
}

/** The body that the route posts to the gateway. */
export type Signup = Scorecard & Person;

/** The route's answer to a valid assessment: always 200. */
export interface Completed {
  /** True when the gateway has accepted the signup and sends the first e-mail. */
  readonly queued: boolean;
  readonly assessment_id: string;
  readonly results: Scorecard;
}

/** The route's answer to everything else, as problem+json (RFC 9457), like the gateway's. */
export interface Refused {
  readonly type: "about:blank";
  readonly title: string;
  readonly status: number;
  readonly errors: readonly FieldError[];
}

type Checked = { readonly assessment: Assessment } | { readonly errors: readonly FieldError[] };

/** The assessment with normalized fields, or all invalid fields. An explicit null is the same as absent. */
export function checkAssessment(given: unknown): Checked {
  if (!isObject(given)) return { errors: [{ field: "body", message: "must be a JSON object" }] };
  const fields = new FieldReader();
  const assessment = {
    assessment_id: fields.required("assessment_id", given["assessment_id"], id),
    scores: fields.required("scores", given["scores"], (scores) => checkScores(object(scores), fields)),
    person: fields.required("person", given["person"], (person) => checkPerson(object(person), fields)),
  };
  return fields.errors.length > 0 ? { errors: fields.errors } : { assessment };
}

function checkScores(given: Given, fields: FieldReader): Scores {
  const scores = SYSTEMS.map((system) => [system, fields.required(`scores.${system}`, given[system], score)]);
  if (Object.keys(given).some((key) => !SYSTEMS.includes(key as System))) {
    fields.add("scores", `must contain only ${SYSTEMS.join(", ")}`);
  }
  return Object.fromEntries(scores) as Scores;
}

function checkPerson(given: Given, fields: FieldReader): Person {
  const optional = {
    business_name: fields.optional("person.business_name", given["business_name"], text),
    phone: fields.optional("person.phone", given["phone"], text),
    timezone: fields.optional("person.timezone", given["timezone"], timezone),
    locale: fields.optional("person.locale", given["locale"], locale),
    revenue_leak_total: fields.optional("person.revenue_leak_total", given["revenue_leak_total"], dollars),
  };
  return {
    email: fields.required("person.email", given["email"], email),
    first_name: fields.required("person.first_name", given["first_name"], name),
    ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)),
  };
}

type Given = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Given {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function object(value: unknown): Given {
  if (!isObject(value)) throw new InvalidValue("must be an object");
  return value;
}

/** Reads fields and collects all errors, so that the visitor sees them at once. */
class FieldReader {
  readonly errors: FieldError[] = [];

  add(field: string, message: string): void {
    this.errors.push({ field, message });
  }

  /** The value. Without one, an error is added, and the returned value must not be used. */
  required<Value>(field: string, value: unknown, read: (value: unknown) => Value): Value {
    if (value === undefined || value === null) this.add(field, "is required");
    return this.optional(field, value, read) as Value;
  }

  optional<Value>(field: string, value: unknown, read: (value: unknown) => Value): Value | undefined {
    if (value === undefined || value === null) return undefined;
    try {
      return read(value);
    } catch (error) {
      if (!(error instanceof InvalidValue)) throw error;
      this.add(field, error.message);
      return undefined;
    }
  }
}
