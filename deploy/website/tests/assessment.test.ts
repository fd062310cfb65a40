import assert from "node:assert/strict";
import { test } from "node:test";

import { checkAssessment, type Person } from "../lib/assessment";
import { assessment, person, SCORES } from "./people";

function invalidFieldsOf(given: unknown): string[] {
  const checked = checkAssessment(given);
  return "errors" in checked ? checked.errors.map(({ field }) => field) : [];
}

const withPerson = (given: object) => ({ ...assessment(), person: { ...person(), ...given } });

function personOf(given: object): Person {
  const checked = checkAssessment(withPerson(given));
  assert.ok("assessment" in checked);
  return checked.assessment.person;
}

test("a valid assessment is accepted unchanged", () => {
  const sent = assessment();

  assert.deepEqual(checkAssessment(sent), { assessment: sent });
});

test("all invalid fields are named at once", () => {
  const sent = {
    assessment_id: "?",
    scores: { ...SCORES, GPS: 101, CREW: "1,5" },
    person: { email: "ada@", first_name: " " },
  };

  const invalid = ["assessment_id", "scores.GPS", "scores.CREW", "person.email", "person.first_name"];
  assert.deepEqual(invalidFieldsOf(sent), invalid);
});

test("missing fields are named", () => {
  assert.deepEqual(invalidFieldsOf({}), ["assessment_id", "scores", "person"]);
  assert.deepEqual(invalidFieldsOf({ ...assessment(), person: {} }), ["person.email", "person.first_name"]);
  assert.equal(invalidFieldsOf({ ...assessment(), scores: {} }).length, 8);
});

test("a body that is no assessment gets one error", () => {
  for (const sent of [undefined, null, "{}", 7, [], ""]) assert.deepEqual(invalidFieldsOf(sent), ["body"]);
  assert.deepEqual(invalidFieldsOf({ ...assessment(), scores: [], person: "Ada" }), ["scores", "person"]);
});

test("a score is a number from 0 to 100, and there are eight", () => {
  for (const score of [-0.01, 100.01, NaN, Infinity, "fifty", "5 %", "", "1e999", true, null, {}]) {
    assert.deepEqual(invalidFieldsOf({ ...assessment(), scores: { ...SCORES, RADAR: score } }), ["scores.RADAR"]);
  }
  assert.deepEqual(invalidFieldsOf({ ...assessment(), scores: { ...SCORES, RADAR: 0, CABIN: 100, FUEL: 33.3 } }), []);
  assert.deepEqual(invalidFieldsOf({ ...assessment(), scores: { ...SCORES, SAILS: 50 } }), ["scores"]);
});

test("an address must be deliverable", () => {
  for (const email of [
    "ada",
    "@people.example",
    "a@b",
    "a b@people.example",
    "ada@people..example",
    "ädä@people.example",
    "ada@1.2.3.4",
    7,
  ]) {
    assert.deepEqual(invalidFieldsOf(withPerson({ email })), ["person.email"], String(email));
  }
});

test("addresses are trimmed and lower-cased, texts become one line", () => {
  const normalized = personOf({ email: " Ada+Salon@People.Example ", first_name: "  Ada\n Maria ", business_name: " " });

  assert.equal(normalized.email, "ada+salon@people.example");
  assert.equal(normalized.first_name, "Ada Maria");
  assert.ok(!("business_name" in normalized));
});

test("an explicit null is the same as absent", () => {
  assert.ok(!("phone" in personOf({ phone: null })));
});

test("an optional field that cannot be used is left out and does not prevent the signup", () => {
  const odd = personOf({ business_name: "x".repeat(501), revenue_leak_total: -1, consent_at: "yesterday" });

  for (const field of ["business_name", "revenue_leak_total", "consent_at"]) assert.ok(!(field in odd), field);
  assert.equal(personOf({ phone: 4165550100 }).phone, "4165550100");
});

test("only true and false say whether SMS are wanted", () => {
  assert.equal(personOf({ sms_consent: true }).sms_consent, true);
  assert.equal(personOf({ sms_consent: false }).sms_consent, false);
  for (const odd of ["on", "yes", 1, null]) assert.ok(!("sms_consent" in personOf({ sms_consent: odd })), String(odd));
});

test("invisible characters are removed, and a domain is written in ASCII", () => {
  assert.equal(personOf({ email: "\u200bada@M\u00fcller.example\ufeff" }).email, "ada@xn--mller-kva.example");
  assert.equal(personOf({ email: "a\u00a0da@EXAMPLE\u3002com" }).email, "ada@example.com");
  assert.equal(personOf({ first_name: "\u202eA\u00adda\u0000" }).first_name, "Ada");
  assert.deepEqual(invalidFieldsOf(withPerson({ first_name: "\u200b" })), ["person.first_name"]);
});

test("a number that a form sends as text counts", () => {
  const checked = checkAssessment({ ...withPerson({ revenue_leak_total: "12500.5" }), scores: { ...SCORES, RADAR: " 50 " } });

  assert.ok("assessment" in checked);
  assert.equal(checked.assessment.scores.RADAR, 50);
  assert.equal(checked.assessment.person.revenue_leak_total, 12500.5);
});

test("a time zone or locale in any spelling is left to the gateway, which repairs or notes it", () => {
  for (const timezone of ["Eastern Standard Time", "america/toronto", "Etc/Unknown", "+05:30"]) {
    assert.equal(personOf({ timezone: ` ${timezone}\n` }).timezone, timezone);
  }
  for (const locale of ["fr_CA", "fr-CA,fr;q=0.9", "en_US.UTF-8"]) assert.equal(personOf({ locale }).locale, locale);
  assert.equal(personOf({ locale: ["fr-CA", "en"] }).locale, "fr-CA,en");
  const odd = personOf({ timezone: "x".repeat(201), locale: { language: "fr" } });
  assert.ok(!("timezone" in odd) && !("locale" in odd));
});

test("unknown fields do not reach the gateway", () => {
  const extended = personOf({ assessment_score: 100, segment: "CRITICAL", __proto__: null });

  assert.deepEqual(Object.keys(extended).sort(), Object.keys(person()).sort());
});
