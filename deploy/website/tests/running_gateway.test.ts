/** Tests against `advent up`: real processes, real HTTP, e-mails in the sandbox inbox. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { complete, type Options } from "../api/assessment/complete";
import { submitAssessment } from "../client";
import type { Assessment, Completed, Person } from "../lib/assessment";
import { RUNTIME } from "../lib/deliver";
import { Gateway } from "../lib/gateway";
import { Advent, until } from "./advent";
import { FlakyProxy, type Behavior } from "./flaky_proxy";
import { assessment, person, RESULTS, SCORES } from "./people";
import { allow, REQUEST, SECRET } from "./scripted";
import { site } from "./site";

interface GatewayAnswer {
  readonly status: string;
  readonly enrollment_id: string;
  readonly email: string;
  readonly segment: string;
}

const QUIET = { allow, log: () => undefined };
let advent: Advent;
before(async () => (advent = await (await Advent.prepared()).start()), { timeout: 120_000 });
after(() => advent.stop(), { timeout: 60_000 });

/** Makes one visit through a proxy with these behaviors. */
async function visit(sent: Assessment, behaviors: Behavior[] = [], options: Partial<Options> = {}) {
  const proxy = await new FlakyProxy(advent.gatewayPort, behaviors).started();
  const statuses: number[] = [];
  const runtime = {
    ...RUNTIME,
    fetch: async (...request: Parameters<typeof fetch>) => {
      const response = await fetch(...request);
      statuses.push(response.status);
      return response;
    },
  };
  try {
    const { status, body } = await complete(sent, REQUEST, {
      gateway: () => advent.gateway(proxy.port),
      runtime,
      ...QUIET,
      ...options,
    });
    const answers = proxy.answers.map((answer) => JSON.parse(answer) as GatewayAnswer);
    return { status, body: body as Completed, statuses, answers, raw: proxy.answers, connections: proxy.connections };
  } finally {
    proxy.close();
  }
}

test("Ada's assessment is accepted, and her first e-mail arrives", { timeout: 60_000 }, async () => {
  const { status, body, statuses, answers } = await visit(assessment("Ada"));

  assert.deepEqual([status, body.queued, body.results, statuses], [200, true, RESULTS, [202]]);
  assert.deepEqual(
    answers.map((answer) => [answer.status, answer.email, answer.segment]),
    [["accepted", "ada@people.example", "CRITICAL"]], // Two red systems.
  );
  await until(async () => (await advent.inbox("ada@people.example")).length > 0);
});

test("the same assessment again gets the same answer and starts nothing", { timeout: 60_000 }, async () => {
  const boris = assessment("Boris");

  const [first, second] = [await visit(boris), await visit(boris)];

  assert.deepEqual([first.statuses, second.statuses], [[202], [202]]);
  assert.deepEqual(second.raw, first.raw);
});

test("another assessment of a known contact is recognized", { timeout: 60_000 }, async () => {
  const [first, second] = [await visit(assessment("Chen")), await visit(assessment("Chen"))];

  assert.deepEqual([first.statuses, second.statuses, second.body.queued], [[202], [200], true]);
  assert.equal(second.answers[0]?.enrollment_id, first.answers[0]?.enrollment_id);
});

test("a gateway that is down for two attempts gets it at the third, once", { timeout: 60_000 }, async () => {
  const { body, connections, answers } = await visit(assessment("Dunya"), ["reset", "reset"]);

  assert.deepEqual([body.queued, connections, answers.length], [true, 3, 1]);
  await eachMailOnce(answers[0]);
});

test("after a lost answer it is posted again, and each e-mail is sent once", { timeout: 60_000 }, async () => {
  const { body, raw, answers, connections } = await visit(assessment("Emeka"), ["lose", "lose"]);

  assert.deepEqual([body.queued, connections], [true, 3]);
  assert.equal(new Set(raw).size, 1);
  assert.equal(raw.length, 3);
  await eachMailOnce(answers[0]);
});

/** Waits for the third e-mail: a duplicate of the first two would have arrived by then. */
async function eachMailOnce(answer: GatewayAnswer | undefined): Promise<void> {
  assert.ok(answer);
  await until(async () => (await advent.accepted(answer.enrollment_id, "step-3")) > 0);
  for (const step of ["step-1", "step-2"]) assert.equal(await advent.accepted(answer.enrollment_id, step), 1, step);
}

test("from the page, through the route, to the inbox", { timeout: 60_000 }, async () => {
  const { url, close } = await site({ gateway: () => advent.gateway(), ...QUIET });
  try {
    const submission = await submitAssessment(SCORES, person("Farah"), { url });

    assert.deepEqual(submission, { status: "completed", queued: true, results: RESULTS });
    await until(async () => (await advent.inbox("farah@people.example")).length > 0);
  } finally {
    close();
  }
});

test("a signup stored during an outage can be posted later and counts once", { timeout: 60_000 }, async () => {
  const goran = assessment("Goran");
  const stored: string[] = [];
  const down = await visit(goran, Array<Behavior>(20).fill("reset"), {
    retry: { budgetMs: 500 },
    onUndelivered: ({ webhookId }) => stored.push(webhookId),
  });

  const later = await visit(goran);

  assert.deepEqual([down.status, down.body.queued, later.body.queued, later.statuses], [200, false, true, [202]]);
  assert.deepEqual(stored, [`assessment_${goran.assessment_id}`]);
});

test("the gateway refuses nothing that the page accepts", { timeout: 60_000 }, async () => {
  const borderline: Partial<Person>[] = [
    { email: `${"a".repeat(64)}@people.example` },
    { email: `edge@${"b".repeat(63)}.${"c".repeat(63)}.example` },
    { email: " O'Neill+{tag}=!#$%&*/?^_`|~@Sub.People.Example " },
    { first_name: "名".repeat(200), business_name: "🎄".repeat(500) },
    { first_name: "Zoë\u00a0\u2028Ünal", phone: " " },
    { timezone: "asia/calcutta", locale: "zh_Hant_TW" },
    { timezone: "UTC", locale: "x" },
    { timezone: "Etc/Unknown", locale: "en-GB-oxendict" },
    { timezone: "Etc/GMT+5", revenue_leak_total: 1e12 },
    { timezone: "GMT", revenue_leak_total: 0.01 },
  ];
  for (const [number, given] of borderline.entries()) {
    const sent = assessment("Hana", { person: person("Hana", { email: `hana${number}@people.example`, ...given }) });
    const { body, statuses } = await visit(sent);

    assert.ok(body.queued, `${JSON.stringify(given)}: ${statuses}`);
  }
});

test(
  "a website with another secret is refused, and the visitor gets the results",
  { timeout: 60_000 },
  async () => {
    const lines: string[] = [];
    const stranger = () =>
      Gateway.fromEnvironment({ ADVENT_WEBHOOK_URL: advent.gateway().url, ADVENT_WEBHOOK_SECRET: SECRET });
    const { status, body } = await complete(assessment("Ivana"), REQUEST, {
      allow,
      gateway: stranger,
      log: (line) => lines.push(line),
    });

    assert.deepEqual([status, (body as Completed).queued], [200, false]);
    const { status: answered, attempts, detail } = JSON.parse(lines[0] ?? "");
    assert.equal(answered, 401);
    assert.ok(attempts > 1);
    assert.match(detail, /ADVENT_WEBHOOK_SECRET/);
  },
);

test("a gateway that starts late gets what was posted before", { timeout: 120_000 }, async () => {
  const late = await Advent.prepared();
  const jonas = assessment("Jonas");
  try {
    const visiting = complete(jonas, REQUEST, { gateway: () => late.gateway(), retry: { budgetMs: 100_000 }, ...QUIET });
    await late.start();
    const { status, body } = await visiting;

    assert.deepEqual([status, (body as Completed).queued], [200, true]);
    await until(async () => (await late.inbox("jonas@people.example")).length > 0);
  } finally {
    await late.stop();
  }
});
