/**
 * POST /api/assessment/complete accepts a finished assessment, sends it to the gateway and returns the results.
 *
 * A failing gateway never affects the visitor: the route answers every valid assessment with 200 and its results.
 *
 * 1. Ask `allow` whether this request may sign somebody up; if not, answer 403.
 * 2. Validate. Answer an invalid body with all its invalid fields (422), or with 400 if it is no object.
 * 3. Compute the results.
 * 4. Sign, post, retry.
 * 5. Log an undelivered signup, without personal data, and pass it to `onUndelivered`.
 */

import { checkAssessment } from "../../lib/assessment";
import type { Assessment, Completed, FieldError, Refused, Signup } from "../../lib/assessment";
import { DEFAULT_RETRY, deliver, RUNTIME, type Delivery, type RetryPolicy, type Runtime } from "../../lib/deliver";
import { Gateway, SettingError } from "../../lib/gateway";
import { scorecard } from "../../lib/scores";
import { visitorAddress, type VisitorRequest } from "../../lib/visitor";

/** A signup that did not reach the gateway. Posted later under the same webhook id, it counts once. */
export interface Undelivered {
  readonly webhookId: string;
  readonly signup: Signup;
  /** `misconfigured`: a setting of the website is wrong, and nothing was posted. */
  readonly reason: "refused" | "unreachable" | "misconfigured";
  readonly detail: string;
}

export interface Options<Request extends VisitorRequest = RouteRequest> {
  /**
   * Whether this request may sign somebody up: a bot check, or a limit by address. The route is as public as the page,
   * and each signup sends mail to an address that anybody may have typed. Must not throw; if it does, the request is
   * allowed and the log says so, because an outage of a bot check must not cost leads.
   */
  readonly allow: (request: Request) => boolean | Promise<boolean>;
  /** Returns what distinguishes visitors, sent as a keyed hash; default: their address. If it throws, none is sent. */
  readonly visitor?: (request: Request) => string | undefined;
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
export interface RouteRequest extends VisitorRequest {
  readonly method?: string | undefined;
  readonly body?: unknown;
}

export interface RouteResponse {
  setHeader(name: string, value: string): unknown;
  status(code: number): { json(body: Completed | Refused): unknown };
}

/** The route's logic: takes a request of either router and its body, and returns the answer. Never rejects. */
export async function complete<Request extends VisitorRequest>(
  sent: unknown,
  request: Request,
  options: Options<Request>,
): Promise<Answer> {
  if (!(await isAllowed(request, options))) return problem(403, "Forbidden");
  const checked = checkAssessment(sent);
  if ("errors" in checked) return refused(checked.errors);
  const { assessment } = checked;
  const results = scorecard(assessment.scores);
  const visitor = visitorOf(request, options);
  const queued = await sendToGateway(assessment, { ...results, ...assessment.person }, visitor, options);
  return { status: 200, body: { queued, assessment_id: assessment.assessment_id, results } };
}

/** The route for the pages router. */
export function assessmentRoute<Request extends RouteRequest = RouteRequest>(options: Options<Request>) {
  return async (request: Request, response: RouteResponse): Promise<void> => {
    response.setHeader("Cache-Control", "no-store");
    response.setHeader("Allow", "POST");
    const answer =
      request.method === "POST" ? await complete(request.body, request, options) : problem(405, "Method Not Allowed");
    response.status(answer.status).json(answer.body);
  };
}

async function isAllowed<Request extends VisitorRequest>(request: Request, options: Options<Request>) {
  try {
    return await options.allow(request);
  } catch {
    (options.log ?? console.error)(JSON.stringify({ event: "allow_hook_failed" }));
    return true;
  }
}

function visitorOf<Request extends VisitorRequest>(request: Request, options: Options<Request>): string | undefined {
  try {
    return (options.visitor ?? visitorAddress)(request);
  } catch {
    (options.log ?? console.error)(JSON.stringify({ event: "visitor_hook_failed" }));
    return undefined;
  }
}

function refused(errors: readonly FieldError[]): Answer {
  const isObject = errors.every((error) => error.field !== "body");
  return isObject ? problem(422, "Unprocessable Entity", errors) : problem(400, "Bad Request", errors);
}

function problem(status: number, title: string, errors: readonly FieldError[] = []): Answer {
  return { status, body: { type: "about:blank", title, status, errors } };
}

type DeliveryOptions = Pick<Options, "onUndelivered" | "retry" | "gateway" | "log" | "runtime">;

async function sendToGateway(
  assessment: Assessment,
  person: Signup,
  address: string | undefined,
  options: DeliveryOptions,
): Promise<boolean> {
  const webhookId = `assessment_${assessment.assessment_id}`;
  const { signup, ...delivery } = await tryDelivery(webhookId, person, address, options);
  if (delivery.delivered) return true;
  const log = options.log ?? console.error;
  const { reason, detail } = delivery;
  log(JSON.stringify({ event: "signup_undelivered", webhook_id: webhookId, ...delivery }));
  await callHook({ webhookId, signup, reason, detail }, options, log);
  return false;
}

type Misconfigured = { readonly delivered: false; readonly reason: "misconfigured"; readonly detail: string };

/** The signup as it was posted, and its result. */
async function tryDelivery(
  webhookId: string,
  person: Signup,
  address: string | undefined,
  options: DeliveryOptions,
): Promise<(Delivery | Misconfigured) & { readonly signup: Signup }> {
  let signup = person;
  try {
    const gateway = (options.gateway ?? Gateway.fromEnvironment)();
    if (address) signup = { ...person, visitor: await gateway.visitor(address) };
    const retry = { ...DEFAULT_RETRY, ...options.retry };
    return { signup, ...(await deliver(gateway, webhookId, signup, retry, options.runtime ?? RUNTIME)) };
  } catch (error) {
    // A SettingError never contains a secret; the message of any other error might contain personal data.
    const detail = error instanceof SettingError ? error.message : "unexpected error";
    return { signup, delivered: false, reason: "misconfigured", detail };
  }
}

const HOOK_TIMEOUT_MS = 1_500;

async function callHook(undelivered: Undelivered, options: DeliveryOptions, log: (line: string) => void): Promise<void> {
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
