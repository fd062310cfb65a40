import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";

import { Webhook } from "standardwebhooks";

import { DEFAULT_RETRY, deliver, RUNTIME, type RetryPolicy } from "../lib/deliver";
import { Gateway } from "../lib/gateway";
import { person, RESULTS } from "./people";
import { answer, gateway, Scripted, SECRET, type Act } from "./scripted";

const SIGNUP = { ...RESULTS, ...person() } as Parameters<typeof deliver>[2];

const play = (runtime: Scripted, retry: Partial<RetryPolicy> = {}) =>
  deliver(gateway, "assessment_1", SIGNUP, { ...DEFAULT_RETRY, ...retry }, runtime);

test("a signup that is accepted at once is posted once", async () => {
  const runtime = new Scripted([202]);

  assert.deepEqual(await play(runtime), { delivered: true, status: 202, attempts: 1 });
  assert.deepEqual(runtime.waits, []);
});

test("200 for a known contact counts like 202", async () => {
  assert.deepEqual(await play(new Scripted([200])), { delivered: true, status: 200, attempts: 1 });
});

for (const trouble of ["no connection", "silence", 429, 500, 502, 503, 529] satisfies Act[]) {
  test(`after ${trouble} it is posted again: same id, same bytes, new signature`, async () => {
    const runtime = new Scripted([trouble, trouble, 202]);

    assert.deepEqual(await play(runtime), { delivered: true, status: 202, attempts: 3 });
    const [first, ...others] = runtime.requests;
    for (const other of others) {
      assert.equal(other.body, first?.body);
      assert.equal(other.headers["webhook-id"], "assessment_1");
    }
    for (const { atMs, body, headers } of runtime.requests) {
      assert.equal(headers["webhook-timestamp"], String(Math.floor(atMs / 1000)));
      assert.equal(headers["webhook-signature"], new Webhook(SECRET).sign("assessment_1", new Date(atMs), body));
    }
  });
}

for (const status of [301, 307, 400, 404, 405, 413, 415, 422]) {
  test(`after ${status} it is not posted again`, async () => {
    const runtime = new Scripted([status, 202]);

    const delivery = await play(runtime);

    assert.equal(runtime.requests.length, 1);
    assert.deepEqual([delivery.delivered, "reason" in delivery && delivery.reason], [false, "refused"]);
  });
}

for (const status of [401, 403]) {
  test(`after ${status} it is posted again, since a clock may be wrong for a while`, async () => {
    assert.deepEqual(await play(new Scripted([status, status, 202])), { delivered: true, status: 202, attempts: 3 });

    const refused = await play(new Scripted([status]));
    assert.deepEqual(["reason" in refused && refused.reason, "status" in refused && refused.status], ["refused", status]);
    assert.ok(refused.attempts >= 3);
  });
}

test("a redirect is not followed, because it would become a GET", async () => {
  const runtime = new Scripted([308]);

  const delivery = await play(runtime);

  assert.equal(runtime.requests[0]?.redirect, "manual");
  assert.ok("detail" in delivery && delivery.detail.includes("ADVENT_WEBHOOK_URL"));
});

test("a refusal is reported by field names, never with their content", async () => {
  const errors = [
    { field: "email", message: "ada@people.example is odd" },
    { field: "Ada <ada@people.example>", message: "" },
  ];

  assert.deepEqual(await play(new Scripted([answer(422, {}, { errors })])), {
    delivered: false,
    reason: "refused",
    detail: "answered 422; fields: email",
    status: 422,
    attempts: 1,
  });
});

test("a refusal in an unknown format is reported by its status", async () => {
  for (const body of ["gone fishing", "null", '{"errors": 7}']) {
    const delivery = await play(new Scripted([new Response(body, { status: 404 })]));

    assert.equal("detail" in delivery && delivery.detail, "answered 404");
  }
});

test("waits double up to the maximum, with half of each random", async () => {
  const [longest, shortest] = [new Scripted([500], 1), new Scripted([500], 0)];
  await play(longest, { waitMaxMs: 1_000 });
  await play(shortest, { waitMaxMs: 1_000 });

  assert.deepEqual(longest.waits.slice(0, 5), [250, 500, 1_000, 1_000, 1_000]);
  assert.deepEqual(shortest.waits.slice(0, 5), [125, 250, 500, 500, 500]);
});

test("it stops within its time budget, whatever the gateway does", async () => {
  for (const trouble of ["no connection", "silence", 503] satisfies Act[]) {
    const runtime = new Scripted([trouble]);
    const began = runtime.now();

    const delivery = await play(runtime, { timeoutMs: 2_000 });

    assert.deepEqual([delivery.delivered, "reason" in delivery && delivery.reason], [false, "unreachable"]);
    assert.ok(runtime.now() - began <= 8_000, `${trouble}: ${runtime.now() - began} ms`);
    assert.ok(runtime.requests.length >= 3);
  }
});

test("Retry-After is obeyed, in seconds or as a date", async () => {
  const runtime = new Scripted([
    answer(429, { "retry-after": "2" }),
    answer(503, { "retry-after": new Date(1_795_521_600_000 + 5_000).toUTCString() }),
    202,
  ]);

  assert.equal((await play(runtime)).delivered, true);
  assert.deepEqual(runtime.waits, [2_000, 3_000]);
});

test("a Retry-After beyond the budget ends the retries at once", async () => {
  const runtime = new Scripted([answer(429, { "retry-after": "60" })]);

  assert.deepEqual(await play(runtime), {
    delivered: false,
    reason: "unreachable",
    detail: "answered 429",
    status: 429,
    attempts: 1,
  });
  assert.deepEqual(runtime.waits, []);
});

test("an invalid Retry-After is ignored", async () => {
  for (const odd of ["-5", "soon", "", "Thu, 01 Jan 1970 00:00:00 GMT"]) {
    const runtime = new Scripted([answer(503, { "retry-after": odd }), 202]);
    await play(runtime);

    assert.deepEqual(runtime.waits, [250], odd);
  }
});

test("a gateway that accepts the connection and does not answer times out", async () => {
  const silent = createServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const there = Gateway.fromEnvironment({ ADVENT_WEBHOOK_URL: url, ADVENT_WEBHOOK_SECRET: SECRET });
  try {
    const began = Date.now();
    const delivery = await deliver(
      there,
      "assessment_1",
      SIGNUP,
      { ...DEFAULT_RETRY, budgetMs: 400, timeoutMs: 50 },
      RUNTIME,
    );

    assert.equal("detail" in delivery && delivery.detail, "no answer in time");
    assert.ok(Date.now() - began < 2_000);
  } finally {
    silent.closeAllConnections();
    silent.close();
  }
});
