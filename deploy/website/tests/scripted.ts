/** A gateway with scripted answers, and a clock that moves only during waits. */

import type { Runtime } from "../lib/deliver";
import { Gateway } from "../lib/gateway";

export const SECRET = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
export const gateway = Gateway.fromEnvironment({
  ADVENT_WEBHOOK_URL: "https://advent.example.com",
  ADVENT_WEBHOOK_SECRET: SECRET,
});

/** A request without special headers, and a route that lets everybody sign up. */
export const REQUEST = { method: "POST", headers: {} };
export const allow = () => true;

export type Act = Response | "no connection" | "silence" | number;

export interface Request {
  readonly atMs: number;
  readonly body: string;
  readonly headers: Record<string, string>;
  readonly redirect: string | undefined;
}

/** Plays the acts in order and repeats the last one; `silence` lasts until the attempt times out. */
export class Scripted implements Runtime {
  readonly requests: Request[] = [];
  readonly waits: number[] = [];
  private timeoutMs = 0;
  private nowMs = 1_795_521_600_000;

  constructor(
    private readonly acts: readonly Act[],
    private readonly chance = 1,
  ) {}

  readonly fetch = async (_url: unknown, init: RequestInit = {}): Promise<Response> => {
    const headers = init.headers as Record<string, string>;
    this.requests.push({ atMs: this.nowMs, body: String(init.body), headers, redirect: init.redirect });
    const act = this.acts[Math.min(this.requests.length, this.acts.length) - 1];
    if (act === "silence") {
      this.nowMs += this.timeoutMs;
      throw new DOMException("too long", "TimeoutError");
    }
    if (typeof act === "number") return new Response(null, { status: act });
    if (act instanceof Response) return act;
    throw new TypeError("fetch failed");
  };

  readonly now = () => this.nowMs;
  readonly timeout = (ms: number) => {
    this.timeoutMs = ms;
    return new AbortController().signal;
  };
  readonly random = () => this.chance;
  readonly sleep = async (ms: number) => {
    this.waits.push(ms);
    this.nowMs += ms;
  };
}

export function answer(status: number, headers: Record<string, string> = {}, body: unknown = {}): Response {
  return new Response(JSON.stringify(body), { status, headers });
}
