import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import type * as Client from "../client";
import type { Assessment } from "../lib/assessment";
import { person, RESULTS, SCORES } from "./people";
import { gateway, Scripted } from "./scripted";
import { site } from "./site";

let client: typeof Client;
beforeEach(() => (client = freshPage()));

/** A page that has just been loaded remembers nothing. */
function freshPage(): typeof Client {
  delete require.cache[require.resolve("../client")];
  return require("../client") as typeof Client;
}

class Tab {
  private readonly kept = new Map<string, string>();
  getItem = (key: string) => this.kept.get(key) ?? null;
  setItem = (key: string, value: string) => void this.kept.set(key, value);
  get text() {
    return JSON.stringify([...this.kept]);
  }
}

/** Answers like the route, and keeps what was sent. */
function listening(...answers: (Response | "no connection")[]) {
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
  const outside = new Scripted([202]);
  const { url, close } = await site({ gateway: () => gateway, outside });
  try {
    const submission = await client.submitAssessment(SCORES, person("Ada"), { url });

    assert.deepEqual(submission, { status: "completed", queued: true, results: RESULTS });
    assert.deepEqual(JSON.parse(outside.requests[0]?.body ?? ""), { ...RESULTS, ...person("Ada") });
  } finally {
    close();
  }
});

test("what is wrong is said before anything is sent", async () => {
  const { sent, fetch } = listening();

  const submission = await client.submitAssessment({ ...SCORES, GPS: 120 }, person("Ada", { email: "ada" }), { fetch });

  assert.deepEqual(submission.status === "invalid" && submission.errors.map(({ field }) => field), [
    "scores.GPS",
    "person.email",
  ]);
  assert.equal(sent.length, 0);
});

test("what only the route finds wrong is said as well", async () => {
  const errors = [{ field: "person.email", message: "is on holiday" }];
  const { fetch } = listening(Response.json({ type: "about:blank", title: "", status: 422, errors }, { status: 422 }));

  assert.deepEqual(await client.submitAssessment(SCORES, person(), { fetch }), { status: "invalid", errors });
});

test("a double click, a second try and a reload are one assessment", async () => {
  const storage = new Tab();
  const { fetch, ids } = listening();

  const submit = () => client.submitAssessment(SCORES, person(), { fetch, storage });
  await Promise.all([submit(), submit()]);
  await submit();
  client = freshPage();
  await submit();

  assert.equal(ids().length, 4);
  assert.equal(new Set(ids()).size, 1);
  assert.match(ids()[0] ?? "", /^[0-9a-f-]{36}$/);
});

test("a corrected address or answer is a new assessment, or it would be taken for a repetition", async () => {
  const storage = new Tab();
  const { fetch, ids } = listening();

  await client.submitAssessment(SCORES, person("Ada", { email: "ada@oeople.example" }), { fetch, storage });
  await client.submitAssessment(SCORES, person("Ada"), { fetch, storage });
  await client.submitAssessment({ ...SCORES, GPS: 36 }, person("Ada"), { fetch, storage });

  assert.equal(new Set(ids()).size, 3);
});

test("the tab keeps no address and no name", async () => {
  const storage = new Tab();
  await client.submitAssessment(SCORES, person("Ada"), { fetch: listening().fetch, storage });

  assert.ok(!/ada|people/i.test(storage.text), storage.text);
});

test("a browser that keeps nothing still sends one assessment once", async () => {
  const refuse = () => {
    throw new DOMException("denied", "SecurityError");
  };
  const { fetch, ids } = listening();
  const options = { fetch, storage: { getItem: refuse, setItem: refuse } };

  await client.submitAssessment(SCORES, person(), options);
  await client.submitAssessment(SCORES, person(), options);

  assert.equal(new Set(ids()).size, 1);
});

test("a lost connection is tried once more, under the same id", async () => {
  const { fetch, ids } = listening("no connection");

  assert.equal((await client.submitAssessment(SCORES, person(), { fetch })).status, "completed");
  assert.equal(ids().length, 2);
  assert.equal(new Set(ids()).size, 1);
});

test("with no site to answer, the visitor still has the results", async () => {
  const { fetch, sent } = listening("no connection", new Response("<h1>502</h1>", { status: 502 }));

  assert.deepEqual(await client.submitAssessment(SCORES, person(), { fetch }), {
    status: "unreachable",
    results: RESULTS,
  });
  assert.equal(sent.length, 2);
});

test("what the browser knows of time zone is sent along", async () => {
  const { fetch, sent } = listening();
  const { timezone: _, ...rest } = person();

  await client.submitAssessment(SCORES, rest, { fetch });

  assert.equal(sent[0]?.person.timezone, Intl.DateTimeFormat().resolvedOptions().timeZone);
});
