/** The gateway's address and signature. Server only: this file reads the secret. */

import { Webhook } from "standardwebhooks";

import { visitorHash } from "./visitor";

/** A setting is wrong; the message names the setting and the cure, never the value. */
export class SettingError extends Error {}

const PATH = "/webhook/christmas-signup";
const KEY_BYTES_MIN = 24;
const PREFIX = "whsec_";

export class Gateway {
  private readonly webhook: Webhook;

  private constructor(
    readonly url: string,
    private readonly secret: string,
  ) {
    this.webhook = new Webhook(secret);
  }

  /**
   * Reads ADVENT_WEBHOOK_URL, the gateway's address with or without the path, and ADVENT_WEBHOOK_SECRET, one of the
   * secrets in the gateway's WEBHOOK_SECRET. Throws SettingError.
   */
  static fromEnvironment(environment: Readonly<Record<string, string | undefined>> = process.env): Gateway {
    return new Gateway(
      checkUrl(environment["ADVENT_WEBHOOK_URL"]?.trim() ?? ""),
      checkSecret(environment["ADVENT_WEBHOOK_SECRET"]?.trim() ?? ""),
    );
  }

  /** The opaque hash under which the gateway counts this visitor's signups. */
  async visitor(address: string): Promise<string> {
    return visitorHash(address, this.secret);
  }

  /** The headers of one attempt with this body. The gateway accepts timestamps within five minutes of its clock. */
  headers(webhookId: string, body: string, now: Date): Record<string, string> {
    return {
      "content-type": "application/json",
      "webhook-id": webhookId,
      "webhook-timestamp": String(Math.floor(now.getTime() / 1000)),
      "webhook-signature": this.webhook.sign(webhookId, now, body),
    };
  }
}

function checkUrl(text: string): string {
  if (!text) throw new SettingError("ADVENT_WEBHOOK_URL: unset; set it to the gateway's address, https://…");
  const url = parsed(text);
  if (!url || !["http:", "https:"].includes(url.protocol)) {
    throw new SettingError("ADVENT_WEBHOOK_URL: not a web address; write it as https://advent.example.com");
  }
  if (url.username || url.password) {
    throw new SettingError("ADVENT_WEBHOOK_URL: contains a user or password; remove them, the signature is enough");
  }
  if (url.pathname === "/") url.pathname = PATH;
  return url.href;
}

function parsed(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

/** Strict, because both sides must decode the same bytes, and base64 decoders tolerate different errors. */
function checkSecret(secret: string): string {
  const cure = 'make one with: echo "whsec_$(openssl rand -base64 32)", and use it on both sides';
  if (!secret) throw new SettingError(`ADVENT_WEBHOOK_SECRET: unset; ${cure}`);
  if (secret.includes(",")) {
    throw new SettingError("ADVENT_WEBHOOK_SECRET: is a list; set exactly one of the gateway's secrets");
  }
  if (!secret.startsWith(PREFIX))
    throw new SettingError(`ADVENT_WEBHOOK_SECRET: does not start with ${PREFIX}; ${cure}`);
  const key = decoded(secret.slice(PREFIX.length));
  if (key === undefined) throw new SettingError(`ADVENT_WEBHOOK_SECRET: not base64 after ${PREFIX}; ${cure}`);
  if (key.length < KEY_BYTES_MIN) {
    throw new SettingError(`ADVENT_WEBHOOK_SECRET: has fewer than ${KEY_BYTES_MIN} bytes; ${cure}`);
  }
  return secret;
}

function decoded(base64: string): string | undefined {
  try {
    const bytes = atob(base64);
    // Encoding again detects what `atob` tolerates: white space, missing padding, stray bits.
    return btoa(bytes) === base64 ? bytes : undefined;
  } catch {
    return undefined;
  }
}
