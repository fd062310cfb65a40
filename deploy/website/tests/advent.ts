/** `advent up` in its own folder and on its own ports, with sandbox providers: no account, no real mail. */

import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { Gateway } from "../lib/gateway";

const COMMAND = resolve("../../.venv/bin/advent");
const SECRET = "whsec_YSB3ZWJzaXRlIHRoYXQgb25seSB0ZXN0cyBldmVyIHNhdw==";
const READY_MS = 90_000;
const STOP_MS = 35_000;

export interface Mail {
  readonly to: readonly string[];
  readonly subject: string;
}

export class Advent {
  private readonly folder = mkdtempSync(join(tmpdir(), "advent-website-"));
  private readonly log = join(this.folder, "log");
  private process: ChildProcess | undefined;

  private constructor(
    readonly gatewayPort: number,
    private readonly otherPorts: readonly number[],
  ) {}

  /** Chooses ports; starts nothing. */
  static async prepared(): Promise<Advent> {
    const [gateway, ...others] = await freePorts(4);
    return new Advent(gateway as number, others);
  }

  /** A day takes a second: the seven e-mails arrive within six seconds. Resolves when everything answers. */
  async start(): Promise<this> {
    if (!existsSync(COMMAND)) throw new Error(`${COMMAND} is missing; run \`make website\``);
    const out = openSync(this.log, "a");
    this.process = spawn(COMMAND, ["up"], { cwd: this.folder, env: this.settings(), stdio: ["ignore", out, out] });
    closeSync(out);
    endWithThisProcess(this.process);
    await until(
      () => this.logContains("Ctrl-C stops everything"),
      READY_MS,
      () => this.assertRunning(),
    );
    await this.removeRateLimits();
    return this;
  }

  /** Stops the process that `start` started. */
  async stop(): Promise<void> {
    const running = this.process;
    if (running && running.exitCode === null) {
      const ended = new Promise((resolve) => running.once("exit", resolve));
      running.kill("SIGTERM");
      const killTimer = setTimeout(() => running.kill("SIGKILL"), STOP_MS);
      await ended;
      clearTimeout(killTimer);
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** The gateway as the website sees it; at another port when a proxy is in front of it. */
  gateway(port = this.gatewayPort): Gateway {
    return Gateway.fromEnvironment({ ADVENT_WEBHOOK_URL: `http://127.0.0.1:${port}`, ADVENT_WEBHOOK_SECRET: SECRET });
  }

  /** Mail received at this address, oldest first. */
  async inbox(address: string): Promise<Mail[]> {
    return (await this.ask(`/inbox.json?to=${encodeURIComponent(address)}`)) as Mail[];
  }

  /** How often the provider accepted the e-mail of this enrollment and step. */
  async accepted(enrollmentId: string, step: string): Promise<number> {
    const { mails_by_key } = (await this.ask("/counts.json")) as { mails_by_key: Record<string, number> };
    const keys = Object.keys(mails_by_key).filter((key) => key.endsWith(`${enrollmentId}/${step}`));
    return keys.reduce((sum, key) => sum + (mails_by_key[key] ?? 0), 0);
  }

  /** Removes the sandbox providers' rate limits. */
  private async removeRateLimits(): Promise<void> {
    const dials = { resend_requests_per_second: 10_000, notion_requests_per_minute: 1_000_000 };
    await this.ask("/faults.json", { method: "PUT", body: JSON.stringify({ dials }) });
  }

  private async ask(path: string, request?: RequestInit): Promise<unknown> {
    return (await fetch(`http://127.0.0.1:${this.otherPorts[0]}${path}`, request)).json();
  }

  private settings(): NodeJS.ProcessEnv {
    const [sandbox, worker, console] = this.otherPorts.map(String);
    const kept = ["PATH", "HOME", "LANG", "TMPDIR"].filter((name) => process.env[name] !== undefined);
    return {
      ...Object.fromEntries(kept.map((name) => [name, process.env[name]])),
      GATEWAY_PORT: String(this.gatewayPort),
      SANDBOX_PORT: sandbox,
      WORKER_METRICS_PORT: worker,
      CONSOLE_PORT: console,
      TESTING_MODE: "true",
      CAMPAIGN_SPEED: "60",
      RESEND_REQUESTS_PER_SECOND: "10000",
      NOTION_REQUESTS_PER_MINUTE: "1000000",
      WEBHOOK_SECRET: SECRET,
    };
  }

  private logContains(text: string): boolean {
    return readFileSync(this.log, "utf8").includes(text);
  }

  private assertRunning(): void {
    if (this.process?.exitCode !== null) throw new Error(`advent up ended:\n${readFileSync(this.log, "utf8")}`);
  }
}

/** Ends the started process together with this one, even after an interruption. */
function endWithThisProcess(started: ChildProcess): void {
  process.once("exit", () => started.kill("SIGTERM"));
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
}

/** Polls every 50 ms until the condition is true. `meanwhile` may throw. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  withinMs = 20_000,
  meanwhile: () => void = () => undefined,
): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await condition())) {
    meanwhile();
    if (Date.now() > deadline) throw new Error(`not true within ${withinMs} ms: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Below the system's range for outgoing connections, so that none of these uses the port; fetch refuses 10080. */
async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  while (found.size < count) {
    const port = 11_000 + Math.floor(Math.random() * 21_000);
    if (await isFree(port)) found.add(port);
  }
  return [...found];
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}
