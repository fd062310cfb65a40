/**
 * Validation of each kind of field. It repairs what the gateway repairs, and refuses what the gateway refuses, because
 * only here can the visitor still correct it.
 */

/** One invalid field, under the name in the request, and what is expected. */
export interface FieldError {
  readonly field: string;
  readonly message: string;
}

/** The message says what is wrong with a value; the visitor reads it. */
export class InvalidValue extends Error {}

const EMAIL_CHARACTERS_MAX = 200;
const NAME_CHARACTERS_MAX = 200;
const TEXT_CHARACTERS_MAX = 500;
const CONSENT_CHARACTERS_MAX = 1_000;
const BROWSER_CHARACTERS_MAX = 200;
const DOLLARS_MAX = 1_000_000_000_000;

const ATOM = "[a-z0-9!#$%&'*+/=?^_`{|}~-]+";
const LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?";
const EMAIL = new RegExp(`^(?=[^@]{1,64}@)${ATOM}(?:\\.${ATOM})*@(?:${LABEL}\\.)+(?!\\d+$)${LABEL}$`);
const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d{1,3})?$/i;
const ID = /^[A-Za-z0-9_-]{8,64}$/;
// Zero-width and bidirectional marks, soft hyphens, byte order marks, private use, halves of surrogate pairs.
const INVISIBLE = /[\p{Cf}\p{Co}\p{Cs}]/gu;
const CONTROL = /\p{Cc}/gu;
const NO_BREAK = /[^\S \t\r\n]/gu;

/** Removes invisible characters, lower-cases, and writes the domain in ASCII, so that one address is one contact. */
export function email(value: unknown): string {
  const [, local = "", domain = ""] = /^(.*)@(.*)$/su.exec(visibleAddress(string(value))) ?? [];
  // Checked before lower-casing, because some non-ASCII characters have an ASCII lower case.
  if (/[^\u0000-\u007f]/.test(local)) throw new InvalidValue("must use plain letters before the @");
  const address = `${local.toLowerCase()}@${asciiDomain(domain)}`;
  if (address.length > EMAIL_CHARACTERS_MAX) {
    throw new InvalidValue(`must have at most ${EMAIL_CHARACTERS_MAX} characters`);
  }
  if (!EMAIL.test(address)) throw new InvalidValue("must be an e-mail address such as ada@example.com");
  return address;
}

function visibleAddress(text: string): string {
  return text.replace(INVISIBLE, "").replace(NO_BREAK, "").trim();
}

function asciiDomain(domain: string): string {
  if (!/[^\u0000-\u007f]/.test(domain)) return domain.toLowerCase();
  try {
    return new URL(`http://${domain}`).hostname;
  } catch {
    return domain;
  }
}

export function name(value: unknown): string {
  const text = oneLine(value, NAME_CHARACTERS_MAX);
  if (!text) throw new InvalidValue("must not be empty");
  return text;
}

/** Any text; an empty one counts as absent. */
export function text(value: unknown): string | undefined {
  return oneLine(value, TEXT_CHARACTERS_MAX) || undefined;
}

/** Text or place of a consent. It is evidence, so a long value is cut instead of left out. */
export function evidence(value: unknown): string | undefined {
  return visibleLine(string(value)).slice(0, CONSENT_CHARACTERS_MAX).trimEnd() || undefined;
}

/** Some forms send the digits as a number. */
export function phone(value: unknown): string | undefined {
  return text(typeof value === "number" && Number.isFinite(value) ? String(value) : value);
}

/** A timestamp such as `2026-12-03T18:00:00.000Z`. */
export function timestamp(value: unknown): string {
  const at = Date.parse(string(value));
  if (Number.isNaN(at)) throw new InvalidValue("must be a timestamp such as 2026-12-03T18:00:00Z");
  return new Date(at).toISOString();
}

/** Accepts only true and false, because no other value is a clear answer. */
export function yesOrNo(value: unknown): boolean {
  if (typeof value !== "boolean") throw new InvalidValue("must be true or false");
  return value;
}

export function score(value: unknown): number {
  return number(value, 100);
}

export function dollars(value: unknown): number {
  return number(value, DOLLARS_MAX);
}

/** A UUID, or any other 8 to 64 letters, digits, `-` and `_`. */
export function id(value: unknown): string {
  if (typeof value !== "string" || !ID.test(value)) throw new InvalidValue("must be 8 to 64 letters, digits, - or _");
  return value;
}

/** Time zone and language of the browser, passed on unchanged: the gateway reads more spellings than this file. */
export function browserText(value: unknown): string | undefined {
  const text = oneLine(Array.isArray(value) ? value.join(",") : value, BROWSER_CHARACTERS_MAX);
  return text || undefined;
}

function string(value: unknown): string {
  if (typeof value !== "string") throw new InvalidValue("must be text");
  return value;
}

function oneLine(value: unknown, charactersMax: number): string {
  const line = visibleLine(string(value));
  if ([...line].length > charactersMax) throw new InvalidValue(`must have at most ${charactersMax} characters`);
  return line;
}

/** Collapses white space into single spaces, because these texts appear in subjects and headers. */
function visibleLine(text: string): string {
  return text.replace(INVISIBLE, "").replace(CONTROL, " ").trim().replace(/\s+/g, " ");
}

/** Accepts a number, or a text that contains one, because forms send texts. */
function number(value: unknown, max: number): number {
  const read = typeof value === "string" && NUMBER.test(value.trim()) ? Number(value) : value;
  if (typeof read !== "number" || !Number.isFinite(read)) throw new InvalidValue(`must be a number from 0 to ${max}`);
  if (read < 0 || read > max) throw new InvalidValue(`must be from 0 to ${max}`);
  return read;
}
