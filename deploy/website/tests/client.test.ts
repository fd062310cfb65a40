import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import type * as Client from "../client";
import type { Assessment } from "../lib/assessment";
import { person, RESULTS, SCORES } from "./people";
import { allow, gateway, Scripted } from "./scripted";
import { site } from "./site";

let client: typeof Client;
beforeEach(() => (client = freshPage()));

/** A newly loaded page has no state. */
function freshPage(): typeof Client {
  delete require.cache[require.resolve("../client")];
  return require("../client") as typeof Client;
}

class Tab {
  private readonly items = new Map<string, string>();
  getItem = (key: string) => this.items.get(key) ?? null;
  setItem = (key: string, value: string) => void this.items.set(key, value);
  get text() {
    return JSON.stringify([...this.items]);
  }
}

/** Answers like the route and records the requests. */
function routeThat(...answers: (Response | "no connection")[]) {
  const sent: Assessment[] = [];
  const fetch = async (_url: unknown, init?: RequestInit): Promise<Response> => {
    sent.push(JSON.parse(String(init?.body)) as Assessment);
    const answer = answers[sent.length - 1] ?? completed();
    if (answer === "no connection") throw new TypeError("fetch failed");
    return answer;
  };
  return { sent, fetch, ids: () => sent.map(({ assessment_id }) => assessment_id) };
}

const completed = () => Response.json({ queued: true, assessment_id: "…", results: RESULTS });

test("from page to route to gateway and back", async () => {
  const runtime = new Scripted([202]);
  const { url, close } = await site({ allow, gateway: () => gateway, runtime, visitor: () => undefined });
  try {
    const submission = await client.submitAssessment(SCORES, person("Ada"), { url });

    assert.deepEqual(submission, { status: "completed", queued: true, results: RESULTS });
    assert.deepEqual(JSON.parse(runtime.requests[0]?.body ?? ""), { ...RESULTS, ...person("Ada") });
  } finally {
    close();
  }
});

test("invalid fields are reported before anything is sent", async () => {
  const { sent, fetch } = routeThat();

  const submission = await client.submitAssessment({ ...SCORES, GPS: 120 }, person("Ada", { email: "ada" }), { fetch });

  assert.deepEqual(submission.status === "invalid" && submission.errors.map(({ field }) => field), [
    "scores.GPS",
    "person.email",
  ]);
  assert.equal(sent.length, 0);
});

test("errors that only the route finds are reported too", async () => {
  const errors = [{ field: "person.email", message: "is on holiday" }];
  const { fetch } = routeThat(Response.json({ type: "about:blank", title: "", status: 422, errors }, { status: 422 }));

  assert.deepEqual(await client.submitAssessment(SCORES, person(), { fetch }), { status: "invalid", errors });
});

test("a double click, a second attempt and a reload are one assessment", async () => {
  const storage = new Tab();
  const { fetch, ids } = routeThat();

  const submit = () => client.submitAssessment(SCORES, person(), { fetch, storage });
  await Promise.all([submit(), submit()]);
  await submit();
  client = freshPage();
  await submit();

  assert.equal(ids().length, 4);
  assert.equal(new Set(ids()).size, 1);
  assert.match(ids()[0] ?? "", /^[0-9a-f-]{36}$/);
});

test("a corrected address or answer is a new assessment, not a repetition", async () => {
  const storage = new Tab();
  const { fetch, ids } = routeThat();

  await client.submitAssessment(SCORES, person("Ada", { email: "ada@oeople.example" }), { fetch, storage });
  await client.submitAssessment(SCORES, person("Ada"), { fetch, storage });
  await client.submitAssessment({ ...SCORES, GPS: 36 }, person("Ada"), { fetch, storage });

  assert.equal(new Set(ids()).size, 3);
});

test("the tab stores no address and no name", async () => {
  const storage = new Tab();
  await client.submitAssessment(SCORES, person("Ada"), { fetch: routeThat().fetch, storage });

  assert.ok(!/ada|people/i.test(storage.text), storage.text);
});

test("a browser without storage still sends one assessment once", async () => {
  const refuse = () => {
    throw new DOMException("denied", "SecurityError");
  };
  const { fetch, ids } = routeThat();
  const options = { fetch, storage: { getItem: refuse, setItem: refuse } };

  await client.submitAssessment(SCORES, person(), options);
  await client.submitAssessment(SCORES, person(), options);

  assert.equal(new Set(ids()).size, 1);
});

test("a lost connection is retried once, under the same id", async () => {
  const { fetch, ids } = routeThat("no connection");

  assert.equal((await client.submitAssessment(SCORES, person(), { fetch })).status, "completed");
  assert.equal(ids().length, 2);
  assert.equal(new Set(ids()).size, 1);
});

test("a visitor whom the bot check refuses still gets the results, and is asked once", async () => {
  const { fetch, sent } = routeThat(Response.json({ type: "about:blank", title: "", status: 403, errors: [] }, { status: 403 }));

  assert.deepEqual(await client.submitAssessment(SCORES, person(), { fetch }), { status: "refused", results: RESULTS });
  assert.equal(sent.length, 1);
});

test("a consent is sent with its time, and a repetition is still one assessment", async () => {
  const { fetch, sent, ids } = routeThat();
  const agreeing = person("Ada", { consent_text: "I agree" });
  await client.submitAssessment(SCORES, agreeing, { fetch, storage: new Tab() });
  await new Promise((resolve) => setTimeout(resolve, 2));
  await client.submitAssessment(SCORES, agreeing, { fetch, storage: new Tab() });

  assert.equal(sent[0]?.person.consent_text, "I agree");
  assert.ok(Date.parse(sent[0]?.person.consent_at ?? "") > 0);
  assert.equal(new Set(ids()).size, 1);
});

test("a consent to SMS is sent with its time, and taken back it is another assessment", async () => {
  const { fetch, sent, ids } = routeThat();
  for (const sms_consent of [true, false]) {
    await client.submitAssessment(SCORES, person("Ada", { sms_consent }), { fetch, storage: new Tab() });
  }

  assert.deepEqual(
    sent.map((each) => each.person.sms_consent),
    [true, false],
  );
  for (const each of sent) assert.ok(Date.parse(each.person.consent_at ?? "") > 0);
  assert.equal(new Set(ids()).size, 2);
});

test("when the site does not answer, the visitor still gets the results", async () => {
  const { fetch, sent } = routeThat("no connection", new Response("<h1>502</h1>", { status: 502 }));

  assert.deepEqual(await client.submitAssessment(SCORES, person(), { fetch }), {
    status: "unreachable",
    results: RESULTS,
  });
  assert.equal(sent.length, 2);
});

test("the browser's time zone is sent", async () => {
  const { fetch, sent } = routeThat();
  const { timezone: _, ...rest } = person();

  await client.submitAssessment(SCORES, rest, { fetch });

  assert.equal(sent[0]?.person.timezone, Intl.DateTimeFormat().resolvedOptions().timeZone);
});
