import assert from "node:assert/strict";
import { test } from "node:test";

import { assessmentRoute, complete, type Options, type Undelivered } from "../api/assessment/complete";
import type { Completed, Refused } from "../lib/assessment";
import { Gateway } from "../lib/gateway";
import { assessment, person, RESULTS } from "./people";
import { allow, answer, gateway, REQUEST, Scripted, type Act } from "./scripted";

/** Returns what the visitor and the site get when the gateway behaves like this. */
async function visit(acts: Act[], options: Partial<Options> = {}, headers: Record<string, string> = {}) {
  const runtime = new Scripted(acts);
  const lines: string[] = [];
  const undelivered: Undelivered[] = [];
  const sent = assessment();
  const { status, body } = await complete(sent, { ...REQUEST, headers }, {
    allow,
    gateway: () => gateway,
    runtime,
    log: (line) => lines.push(line),
    onUndelivered: (one) => undelivered.push(one),
    ...options,
  });
  return { sent, status, body: body as Completed, runtime, lines, undelivered };
}

test("Ada gets her results, and the gateway gets her signup", async () => {
  const { sent, status, body, runtime, lines, undelivered } = await visit([202]);

  assert.deepEqual([status, body], [200, { queued: true, assessment_id: sent.assessment_id, results: RESULTS }]);
  assert.deepEqual(JSON.parse(runtime.requests[0]?.body ?? ""), { ...RESULTS, ...person() });
  assert.equal(runtime.requests[0]?.headers["webhook-id"], `assessment_${sent.assessment_id}`);
  assert.deepEqual([lines, undelivered], [[], []]);
});

const troubles: Act[] = ["no connection", "silence", 301, 400, 401, 404, 422, 429, 500, 503];
for (const trouble of troubles) {
  test(`Ada gets her results although the gateway answers ${trouble}`, async () => {
    const { sent, status, body, undelivered } = await visit([trouble]);

    assert.deepEqual([status, body], [200, { queued: false, assessment_id: sent.assessment_id, results: RESULTS }]);
    assert.deepEqual(
      undelivered.map(({ webhookId, signup }) => ({ webhookId, signup })),
      [{ webhookId: `assessment_${sent.assessment_id}`, signup: { ...RESULTS, ...person() } }],
    );
  });
}

test("the log line explains the failure and contains nothing about Ada", async () => {
  const { sent, lines } = await visit([answer(422, {}, { errors: [{ field: "phone", message: "416 …" }] })]);

  assert.deepEqual(
    lines.map((line) => JSON.parse(line)),
    [
      {
        event: "signup_undelivered",
        webhook_id: `assessment_${sent.assessment_id}`,
        delivered: false,
        reason: "refused",
        detail: "answered 422; fields: phone",
        status: 422,
        attempts: 1,
      },
    ],
  );
  for (const personal of ["ada", "416", "salon"]) assert.ok(!lines.join().toLowerCase().includes(personal));
});

test("a wrong setting does not affect the visitor, and the log names it", async () => {
  const { status, body, lines, undelivered } = await visit([202], {
    gateway: () => Gateway.fromEnvironment({}),
  });

  assert.deepEqual([status, body.queued, undelivered[0]?.reason], [200, false, "misconfigured"]);
  assert.match(lines[0] ?? "", /ADVENT_WEBHOOK_URL: unset/);
});

test("a hook that throws, rejects or hangs does not affect the visitor", { timeout: 10_000 }, async () => {
  const hooks = [
    () => {
      throw new Error("ada@people.example");
    },
    () => Promise.reject(new Error("ada@people.example")),
    () => new Promise(() => undefined),
  ];
  for (const onUndelivered of hooks) {
    const { status, lines } = await visit([500], { onUndelivered });

    assert.equal(status, 200);
    assert.equal(JSON.parse(lines[1] ?? "").event, "undelivered_hook_failed");
    assert.ok(!lines.join().includes("ada@"));
  }
});

/** Calls the route as Next does. */
async function call(
  method: string,
  body?: unknown,
  handler = assessmentRoute({ allow, gateway: () => gateway, runtime: new Scripted([202]) }),
) {
  const headers: Record<string, string> = {};
  let got: { status: number; body: Completed | Refused } | undefined;
  await handler(
    { method, body },
    {
      setHeader: (name, value) => (headers[name.toLowerCase()] = value),
      status: (status) => ({ json: (body) => (got = { status, body }) }),
    },
  );
  assert.ok(got);
  return { ...got, headers };
}

test("an invalid assessment is answered with its invalid fields, and nothing is posted", async () => {
  const runtime = new Scripted([202]);
  const handler = assessmentRoute({ allow, gateway: () => gateway, runtime });

  const { status, body } = await call("POST", { ...assessment(), person: { ...person(), email: "ada" } }, handler);

  assert.equal(status, 422);
  assert.deepEqual((body as Refused).errors, [
    { field: "person.email", message: "must be an e-mail address such as ada@example.com" },
  ]);
  assert.equal(runtime.requests.length, 0);
});

test("a body that is no JSON object gets 400", async () => {
  for (const body of [undefined, null, "", "email=ada", []]) assert.equal((await call("POST", body)).status, 400);
});

test("a request that the hook refuses gets 403, and nothing is posted", async () => {
  const runtime = new Scripted([202]);
  for (const allow of [() => false, async () => false]) {
    const handler = assessmentRoute({ allow, gateway: () => gateway, runtime });

    assert.equal((await call("POST", assessment(), handler)).status, 403);
  }
  assert.equal(runtime.requests.length, 0);
});

test("a hook that fails costs nobody their signup, and the log says so", async () => {
  const failing = () => Promise.reject(new Error("ada@people.example"));
  const { status, body, lines } = await visit([202], { allow: failing });

  assert.deepEqual([status, body.queued, lines], [200, true, ['{"event":"allow_hook_failed"}']]);
});

test("the gateway learns which signups are of one visitor, and not who that is", async () => {
  const visitors = [];
  const addresses = ["203.0.113.7", "198.51.100.1, 203.0.113.7", "203.0.113.8", "2001:db8:1:2:3::4", "2001:db8:1:2::5"];
  for (const address of addresses) {
    const { runtime } = await visit([202], {}, { "x-forwarded-for": address });
    visitors.push(JSON.parse(runtime.requests[0]?.body ?? "").visitor);
  }

  const [one, viaProxy, other, six, sameNetwork] = visitors;
  assert.match(one, /^[0-9a-f]{32}$/);
  assert.deepEqual([viaProxy, sameNetwork], [one, six]);
  assert.equal(new Set(visitors).size, 3);
  assert.ok(other);
});

test("a hook for visitors that throws costs nobody their signup, and the log says so", async () => {
  const visitor = () => {
    throw new Error("ada@people.example");
  };
  const { sent, status, body, runtime, lines } = await visit([202], { visitor });

  assert.deepEqual([status, body.queued, lines], [200, true, ['{"event":"visitor_hook_failed"}']]);
  assert.deepEqual(JSON.parse(runtime.requests[0]?.body ?? ""), { ...RESULTS, ...sent.person });
});

test("what the visitor agreed to reaches the gateway", async () => {
  const consent = { consent_text: "I agree", consent_source: "https://site.example/quiz", consent_at: "2026-11-29T10:00:00.000Z", sms_consent: true };
  const runtime = new Scripted([202]);
  const sent = assessment("Ada", { person: person("Ada", consent) });
  await complete(sent, REQUEST, { allow, gateway: () => gateway, runtime });

  assert.deepEqual(JSON.parse(runtime.requests[0]?.body ?? ""), { ...RESULTS, ...person("Ada", consent) });
});

test("only POST is allowed, and nothing is cached", async () => {
  for (const method of ["GET", "HEAD", "PUT", "OPTIONS"]) {
    const { status, headers } = await call(method);

    assert.deepEqual([status, headers["allow"], headers["cache-control"]], [405, "POST", "no-store"]);
  }
});

test("the route reads its settings at each request", async () => {
  const before = { ...process.env };
  delete process.env["ADVENT_WEBHOOK_URL"];
  const { status, body } = await withoutConsole(() => call("POST", assessment(), assessmentRoute({ allow })));
  process.env = before;

  assert.deepEqual([status, (body as Completed).queued], [200, false]);
});

async function withoutConsole<Result>(act: () => Promise<Result>): Promise<Result> {
  const { error } = console;
  console.error = () => undefined;
  try {
    return await act();
  } finally {
    console.error = error;
  }
}
