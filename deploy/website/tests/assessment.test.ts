import assert from "node:assert/strict";
import { test } from "node:test";

import { checkAssessment, type Person } from "../lib/assessment";
import { assessment, person, SCORES } from "./people";

function faultsOf(given: unknown): string[] {
  const checked = checkAssessment(given);
  return "errors" in checked ? checked.errors.map(({ field }) => field) : [];
}

const withPerson = (given: object) => ({ ...assessment(), person: { ...person(), ...given } });

function personOf(given: object): Person {
  const checked = checkAssessment(withPerson(given));
  assert.ok("assessment" in checked);
  return checked.assessment.person;
}

test("what Ada sends is taken as it is", () => {
  const sent = assessment();

  assert.deepEqual(checkAssessment(sent), { assessment: sent });
});

test("everything at fault is named at once", () => {
  const sent = {
    assessment_id: "?",
    scores: { ...SCORES, GPS: 101, CREW: "72" },
    person: { email: "ada@", first_name: " " },
  };

  assert.deepEqual(faultsOf(sent), ["assessment_id", "scores.GPS", "scores.CREW", "person.email", "person.first_name"]);
});

test("what is missing is named", () => {
  assert.deepEqual(faultsOf({}), ["assessment_id", "scores", "person"]);
  assert.deepEqual(faultsOf({ ...assessment(), person: {} }), ["person.email", "person.first_name"]);
  assert.equal(faultsOf({ ...assessment(), scores: {} }).length, 8);
});

test("what is no assessment at all is said in one line", () => {
  for (const sent of [undefined, null, "{}", 7, [], ""]) assert.deepEqual(faultsOf(sent), ["body"]);
  assert.deepEqual(faultsOf({ ...assessment(), scores: [], person: "Ada" }), ["scores", "person"]);
});

test("a score is a number from 0 to 100, and there are eight", () => {
  for (const score of [-0.01, 100.01, NaN, Infinity, "50", true, null, {}]) {
    assert.deepEqual(faultsOf({ ...assessment(), scores: { ...SCORES, RADAR: score } }), ["scores.RADAR"]);
  }
  assert.deepEqual(faultsOf({ ...assessment(), scores: { ...SCORES, RADAR: 0, CABIN: 100, FUEL: 33.3 } }), []);
  assert.deepEqual(faultsOf({ ...assessment(), scores: { ...SCORES, SAILS: 50 } }), ["scores"]);
});

test("an address is what mail can be sent to", () => {
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
    assert.deepEqual(faultsOf(withPerson({ email })), ["person.email"], String(email));
  }
});

test("addresses are trimmed and lower-cased, texts made one line", () => {
  const tidied = personOf({ email: " Ada+Salon@People.Example ", first_name: "  Ada\n Maria ", business_name: " " });

  assert.equal(tidied.email, "ada+salon@people.example");
  assert.equal(tidied.first_name, "Ada Maria");
  assert.ok(!("business_name" in tidied));
});

test("an explicit null is the same as absent", () => {
  assert.ok(!("phone" in personOf({ phone: null })));
});

test("what the visitor typed is refused by name", () => {
  assert.deepEqual(faultsOf(withPerson({ business_name: "x".repeat(501) })), ["person.business_name"]);
  assert.deepEqual(faultsOf(withPerson({ first_name: "Ada\u0000" })), ["person.first_name"]);
  assert.deepEqual(faultsOf(withPerson({ phone: 4165550100 })), ["person.phone"]);
  assert.deepEqual(faultsOf(withPerson({ revenue_leak_total: -1 })), ["person.revenue_leak_total"]);
});

test("what the browser told is left out where it makes no sense, and costs nobody their letters", () => {
  const odd = personOf({ timezone: "Etc/Unknown", locale: "C.UTF-8" });

  assert.ok(!("timezone" in odd) && !("locale" in odd));
  assert.ok(!("timezone" in personOf({ timezone: "+05:30" })));
  assert.deepEqual(personOf({ timezone: "america/toronto", locale: "fr_CA" }).timezone, "America/Toronto");
  assert.deepEqual(personOf({ timezone: "America/Toronto", locale: "fr_CA" }).locale, "fr-CA");
});

test("nothing else gets through to the gateway", () => {
  const sneaky = personOf({ assessment_score: 100, segment: "CRITICAL", __proto__: null });

  assert.deepEqual(Object.keys(sneaky).sort(), Object.keys(person()).sort());
});
