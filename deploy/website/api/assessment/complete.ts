/**
 * POST /api/assessment/complete: accepts a finished assessment, sends it to the gateway, returns the results.
 *
 * A failing gateway never affects the visitor: every valid assessment is answered with 200 and its results.
 *
 * 1. Validate. An invalid body is answered with all invalid fields (422), or with 400 if it is no object.
 * 2. Compute the results.
 * 3. Sign, post, retry.
 * 4. Log what could not be delivered, without personal data, and pass it to `onUndelivered`.
 */

import { checkAssessment } from "../../lib/assessment";
import type { Assessment, Completed, FieldError, Refused, Signup } from "../../lib/assessment";
import { DEFAULT_RETRY, deliver, RUNTIME, type Delivery, type RetryPolicy, type Runtime } from "../../lib/deliver";
import { Gateway, SettingError } from "../../lib/gateway";
import { scorecard } from "../../lib/scores";

/** A signup that did not reach the gateway. Posted later under the same webhook id, it counts once. */
export interface Undelivered {
  readonly webhookId: string;
  readonly signup: Signup;
  /** `misconfigured`: a setting of the website is wrong, and nothing was posted. */
  readonly reason: "refused" | "unreachable" | "misconfigured";
  readonly detail: string;
}

export interface Options {
  /** Stores an undelivered signup, for example in the site's database. The visitor is answered even if it fails. */
  readonly onUndelivered?: (undelivered: Undelivered) => unknown;
  readonly retry?: Partial<RetryPolicy>;
  /** Default: from ADVENT_WEBHOOK_URL and ADVENT_WEBHOOK_SECRET, read at each request. */
  readonly gateway?: () => Gateway;
  /** Receives one JSON line for each undelivered signup. */
  readonly log?: (line: string) => void;
  readonly runtime?: Runtime;
}

export interface Answer {
  readonly status: number;
  readonly body: Completed | Refused;
}

/** The parts of Next's request and response that this file uses, so that it does not import Next. */
export interface RouteRequest {
  readonly method?: string | undefined;
  readonly body?: unknown;
}

export interface RouteResponse {
  setHeader(name: string, value: string): unknown;
  status(code: number): { json(body: Completed | Refused): unknown };
}

/** The route without its request and response: body in, answer out. Never rejects. */
export async function complete(sent: unknown, options: Options = {}): Promise<Answer> {
  const checked = checkAssessment(sent);
  if ("errors" in checked) return refused(checked.errors);
  const { assessment } = checked;
  const results = scorecard(assessment.scores);
  const queued = await sendToGateway(assessment, { ...results, ...assessment.person }, options);
  return { status: 200, body: { queued, assessment_id: assessment.assessment_id, results } };
}

/** A route with options; the default export has none. */
export function assessmentRoute(options: Options = {}) {
  return async (request: RouteRequest, response: RouteResponse): Promise<void> => {
    response.setHeader("Cache-Control", "no-store");
    response.setHeader("Allow", "POST");
    const answer =
      request.method === "POST" ? await complete(request.body, options) : problem(405, "Method Not Allowed");
    response.status(answer.status).json(answer.body);
  };
}

export default assessmentRoute();

function refused(errors: readonly FieldError[]): Answer {
  const isObject = errors.every((error) => error.field !== "body");
  return isObject ? problem(422, "Unprocessable Entity", errors) : problem(400, "Bad Request", errors);
}

function problem(status: number, title: string, errors: readonly FieldError[] = []): Answer {
  return { status, body: { type: "about:blank", title, status, errors } };
}

async function sendToGateway(assessment: Assessment, signup: Signup, options: Options): Promise<boolean> {
  const webhookId = `assessment_${assessment.assessment_id}`;
  const delivery = await tryDelivery(webhookId, signup, options);
  if (delivery.delivered) return true;
  const log = options.log ?? console.error;
  const { reason, detail } = delivery;
  log(JSON.stringify({ event: "signup_undelivered", webhook_id: webhookId, ...delivery }));
  await callHook({ webhookId, signup, reason, detail }, options, log);
  return false;
}

type Misconfigured = { readonly delivered: false; readonly reason: "misconfigured"; readonly detail: string };

async function tryDelivery(webhookId: string, signup: Signup, options: Options): Promise<Delivery | Misconfigured> {
  try {
    const gateway = (options.gateway ?? Gateway.fromEnvironment)();
    const retry = { ...DEFAULT_RETRY, ...options.retry };
    return await deliver(gateway, webhookId, signup, retry, options.runtime ?? RUNTIME);
  } catch (error) {
    // A SettingError never contains a secret; the message of any other error might contain personal data.
    const detail = error instanceof SettingError ? error.message : "unexpected error";
    return { delivered: false, reason: "misconfigured", detail };
  }
}

const HOOK_TIMEOUT_MS = 1_500;

async function callHook(undelivered: Undelivered, options: Options, log: (line: string) => void): Promise<void> {
  if (!options.onUndelivered) return;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("timeout")), HOOK_TIMEOUT_MS);
  });
  try {
    await Promise.race([options.onUndelivered(undelivered), timeout]);
  } catch {
    log(JSON.stringify({ event: "undelivered_hook_failed", webhook_id: undelivered.webhookId }));
  } finally {
    clearTimeout(timer);
  }
}
