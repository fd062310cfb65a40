/**
 * What each kind of field may hold. As strict as the gateway, so that what passes here is not refused there, where the
 * visitor could no longer be asked.
 */

/** One field at fault, under the name by which it was sent, and what would be right. */
export interface FieldError {
  readonly field: string;
  readonly message: string;
}

/** What is wrong with a value, to be read by the visitor. */
export class Wrong extends Error {}

const EMAIL_CHARACTERS_MAX = 200;
const NAME_CHARACTERS_MAX = 200;
const TEXT_CHARACTERS_MAX = 500;
const DOLLARS_MAX = 1_000_000_000_000;

const ATOM = "[a-z0-9!#$%&'*+/=?^_`{|}~-]+";
const LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?";
const EMAIL = new RegExp(`^(?=[^@]{1,64}@)${ATOM}(?:\\.${ATOM})*@(?:${LABEL}\\.)+(?!\\d+$)${LABEL}$`);
const LOCALE = /^[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,4}$/;
const ZONE = /^[A-Za-z][A-Za-z0-9_+-]*(?:\/[A-Za-z0-9_+-]+)*$/;
const ID = /^[A-Za-z0-9_-]{8,64}$/;
// Control characters, and halves of surrogate pairs.
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\ud800-\udfff]/u;

/** Trimmed and lower-cased, ASCII: two spellings of one address would be two people. */
export function email(value: unknown): string {
  const address = string(value).trim();
  // Before lower-casing: some characters outside ASCII have a lower case inside it.
  if (/[^\u0000-\u007f]/.test(address)) throw new Wrong("must use plain letters (an international domain as xn--…)");
  if (address.length > EMAIL_CHARACTERS_MAX) throw new Wrong(`must have at most ${EMAIL_CHARACTERS_MAX} characters`);
  const lower = address.toLowerCase();
  if (!EMAIL.test(lower)) throw new Wrong("must be an e-mail address such as ada@example.com");
  return lower;
}

export function name(value: unknown): string {
  const text = tidy(value, NAME_CHARACTERS_MAX);
  if (!text) throw new Wrong("must not be empty");
  return text;
}

/** Any text; an empty one is the same as none. */
export function text(value: unknown): string | undefined {
  return tidy(value, TEXT_CHARACTERS_MAX) || undefined;
}

export function score(value: unknown): number {
  return number(value, 100);
}

export function dollars(value: unknown): number {
  return number(value, DOLLARS_MAX);
}

/** A UUID, or any other 8 to 64 letters, digits, `-` and `_`. */
export function id(value: unknown): string {
  if (typeof value !== "string" || !ID.test(value)) throw new Wrong("must be 8 to 64 letters, digits, - or _");
  return value;
}

/**
 * The zone's usual spelling; none for one that is not known. The browser tells it, not the visitor, and some say
 * `Etc/Unknown`: that must not cost anybody their letters.
 */
export function timezone(value: unknown): string | undefined {
  const zone = string(value).trim();
  if (!ZONE.test(zone)) return undefined;
  try {
    const known = new Intl.DateTimeFormat("en", { timeZone: zone }).resolvedOptions().timeZone;
    return known === "Etc/Unknown" ? undefined : known;
  } catch {
    return undefined;
  }
}

/** A language tag; none for what is not one: the browser's word as well. */
export function locale(value: unknown): string | undefined {
  const tag = string(value).trim().replaceAll("_", "-");
  return LOCALE.test(tag) ? tag : undefined;
}

function string(value: unknown): string {
  if (typeof value !== "string") throw new Wrong("must be a text");
  return value;
}

function tidy(value: unknown, charactersMax: number): string {
  // White space becomes single spaces: these texts go into subjects and headers.
  const words = string(value).trim().replace(/\s+/g, " ");
  if ([...words].length > charactersMax) throw new Wrong(`must have at most ${charactersMax} characters`);
  if (UNPRINTABLE.test(words)) throw new Wrong("must not contain control characters");
  return words;
}

function number(value: unknown, most: number): number {
  if (typeof value !== "number" || !Number.isFinite(value)) throw new Wrong(`must be a number from 0 to ${most}`);
  if (value < 0 || value > most) throw new Wrong(`must be from 0 to ${most}`);
  return value;
}
