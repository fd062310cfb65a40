/** A finished assessment and its validation. The page and the route use the same function. */

import {
  browserText,
  dollars,
  email,
  evidence,
  id,
  InvalidValue,
  name,
  phone,
  score,
  text,
  timestamp,
  yesOrNo,
  type FieldError,
} from "./fields";
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
  /** The text that the visitor agreed to, as the page showed it. */
  readonly consent_text?: string | undefined;
  /** Where the visitor agreed; default: the address of the page. */
  readonly consent_source?: string | undefined;
  /** When the visitor agreed; default: the time of sending. */
  readonly consent_at?: string | undefined;
  /** Whether the visitor agreed to SMS to `phone` about a booked call: a separate checkbox, not ticked in advance. */
  readonly sms_consent?: boolean | undefined;
}

/** The body that the page posts to the route. */
export interface Assessment {
  /** One id per finished assessment, the same for each repetition. */
  readonly assessment_id: string;
  readonly scores: Scores;
  readonly person: Person;
}

/** The body that the route posts to the gateway. `visitor`: an opaque hash, see `lib/visitor.ts`. */
export type Signup = Scorecard & Person & { readonly visitor?: string };

/** The route's answer to a valid assessment: always 200. */
export interface Completed {
  /** True when the gateway has accepted the signup and sends the first e-mail. */
  readonly queued: boolean;
  readonly assessment_id: string;
  readonly results: Scorecard;
}

/** The route's answer to all other requests, as problem+json (RFC 9457), like the gateway's. */
export interface Refused {
  readonly type: "about:blank";
  readonly title: string;
  readonly status: number;
  readonly errors: readonly FieldError[];
}

type Checked = { readonly assessment: Assessment } | { readonly errors: readonly FieldError[] };

/** Returns the assessment with normalized fields, or all invalid fields. An explicit null counts as absent. */
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

/** Leaves out an optional field that cannot be used, because it must not prevent the signup. */
function checkPerson(given: Given, fields: FieldReader): Person {
  const optional = {
    business_name: usable(given["business_name"], text),
    phone: usable(given["phone"], phone),
    timezone: usable(given["timezone"], browserText),
    locale: usable(given["locale"], browserText),
    revenue_leak_total: usable(given["revenue_leak_total"], dollars),
    consent_text: usable(given["consent_text"], evidence),
    consent_source: usable(given["consent_source"], evidence),
    consent_at: usable(given["consent_at"], timestamp),
    sms_consent: usable(given["sms_consent"], yesOrNo),
  };
  return {
    email: fields.required("person.email", given["email"], email),
    first_name: fields.required("person.first_name", given["first_name"], name),
    ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)),
  };
}

function usable<Value>(value: unknown, read: (value: unknown) => Value): Value | undefined {
  return value === null ? undefined : new FieldReader().optional("", value, read);
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

  /** Returns the value. If there is none, adds an error, and the returned value must not be used. */
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
