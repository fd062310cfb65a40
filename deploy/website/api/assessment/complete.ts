/**
 * POST /api/assessment/complete: takes a finished assessment, hands it to the gateway, tells the visitor their results.
 *
 * The visitor never pays for trouble behind this page: whatever becomes of the gateway, an assessment that can be taken
 * is answered with 200 and its results.
 *
 * 1. Check what the page sent; what cannot be taken is answered with every field at fault (422), or 400 without any.
 * 2. Work out the results.
 * 3. Sign, post, repeat.
 * 4. What was not delivered is logged without a word about the person, and handed to `onUndelivered`.
 */

import { checkAssessment } from "../../lib/assessment";
import type { Assessment, Completed, FieldError, Refused, Signup } from "../../lib/assessment";
import { deliver, OUTSIDE, PATIENCE, type Delivery, type Outside, type Patience } from "../../lib/deliver";
import { Gateway, SettingError } from "../../lib/gateway";
import { scorecard } from "../../lib/scores";

/** A signup that the gateway does not have. Posted later under the same webhook id, it still counts once. */
export interface Undelivered {
  readonly webhookId: string;
  readonly signup: Signup;
  /** `misconfigured`: a setting of the website is wrong, and nothing was tried. */
  readonly reason: "refused" | "unreachable" | "misconfigured";
  readonly detail: string;
}

export interface Options {
  /** Keeps what was not delivered, in a table or a queue of the site. It may fail or hang: the visitor is answered. */
  readonly onUndelivered?: (undelivered: Undelivered) => unknown;
  readonly patience?: Partial<Patience>;
  /** Default: from ADVENT_WEBHOOK_URL and ADVENT_WEBHOOK_SECRET, read at each request. */
  readonly gateway?: () => Gateway;
  /** One line of JSON for each signup that was not delivered. */
  readonly log?: (line: string) => void;
  readonly outside?: Outside;
}

export interface Answer {
  readonly status: number;
  readonly body: Completed | Refused;
}

/** As much of Next's request and response as is used here, so that this file needs no Next. */
export interface RouteRequest {
  readonly method?: string | undefined;
  readonly body?: unknown;
}

export interface RouteResponse {
  setHeader(name: string, value: string): unknown;
  status(code: number): { json(body: Completed | Refused): unknown };
}

/** The answer to what the page sent: the route without its request and response. Never rejects. */
export async function complete(sent: unknown, options: Options = {}): Promise<Answer> {
  const checked = checkAssessment(sent);
  if ("errors" in checked) return refused(checked.errors);
  const { assessment } = checked;
  const results = scorecard(assessment.scores);
  const queued = await handOver(assessment, { ...results, ...assessment.person }, options);
  return { status: 200, body: { queued, assessment_id: assessment.assessment_id, results } };
}

/** A route with options; the default export is the one without. */
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

async function handOver(assessment: Assessment, signup: Signup, options: Options): Promise<boolean> {
  const webhookId = `assessment_${assessment.assessment_id}`;
  const fate = await attemptDelivery(webhookId, signup, options);
  if (fate.delivered) return true;
  const log = options.log ?? console.error;
  const { reason, detail } = fate;
  log(JSON.stringify({ event: "signup_undelivered", webhook_id: webhookId, ...fate }));
  await keep({ webhookId, signup, reason, detail }, options, log);
  return false;
}

type Misconfigured = { readonly delivered: false; readonly reason: "misconfigured"; readonly detail: string };

async function attemptDelivery(webhookId: string, signup: Signup, options: Options): Promise<Delivery | Misconfigured> {
  try {
    const gateway = (options.gateway ?? Gateway.fromEnvironment)();
    return await deliver(gateway, webhookId, signup, { ...PATIENCE, ...options.patience }, options.outside ?? OUTSIDE);
  } catch (error) {
    // A setting's message holds no secret; what any other error might quote is not known.
    const detail = error instanceof SettingError ? error.message : "an error that nobody foresaw";
    return { delivered: false, reason: "misconfigured", detail };
  }
}

const KEEPING_MS = 1_500;

async function keep(undelivered: Undelivered, options: Options, log: (line: string) => void): Promise<void> {
  if (!options.onUndelivered) return;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tooLate = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("too late")), KEEPING_MS);
  });
  try {
    await Promise.race([options.onUndelivered(undelivered), tooLate]);
  } catch {
    log(JSON.stringify({ event: "signup_not_kept", webhook_id: undelivered.webhookId }));
  } finally {
    clearTimeout(timer);
  }
}
