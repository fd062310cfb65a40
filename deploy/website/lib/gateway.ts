/** Where the gateway is and how to sign for it. Server only: this file knows the secret. */

import { Webhook } from "standardwebhooks";

/** Something is wrong with the settings; the message names the setting and the cure, never its value. */
export class SettingError extends Error {}

const PATH = "/webhook/christmas-signup";
const KEY_BYTES_MIN = 24;
const PREFIX = "whsec_";

export class Gateway {
  private readonly webhook: Webhook;

  private constructor(
    readonly url: string,
    secret: string,
  ) {
    this.webhook = new Webhook(secret);
  }

  /**
   * From the environment: ADVENT_WEBHOOK_URL, the gateway's address with or without the path, and
   * ADVENT_WEBHOOK_SECRET, one of those that the gateway knows as WEBHOOK_SECRET. Raises SettingError.
   */
  static fromEnvironment(environment: Readonly<Record<string, string | undefined>> = process.env): Gateway {
    return new Gateway(
      checkUrl(environment["ADVENT_WEBHOOK_URL"]?.trim() ?? ""),
      checkSecret(environment["ADVENT_WEBHOOK_SECRET"]?.trim() ?? ""),
    );
  }

  /** The headers of one attempt at this very body. The gateway takes a timestamp within five minutes of its clock. */
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
  if (!text) throw new SettingError("ADVENT_WEBHOOK_URL: unset; set the gateway's address, https://…");
  const url = parsed(text);
  if (!url || !["http:", "https:"].includes(url.protocol)) {
    throw new SettingError("ADVENT_WEBHOOK_URL: not an address; write it as https://advent.example.com");
  }
  if (url.username || url.password) {
    throw new SettingError("ADVENT_WEBHOOK_URL: has a user or password in it; take them out, the signature is enough");
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

/** Strict: the gateway and this side must read the same bytes from it, and base64 readers forgive different things. */
function checkSecret(secret: string): string {
  const cure = 'make one with: echo "whsec_$(openssl rand -base64 32)", and give both sides the same';
  if (!secret) throw new SettingError(`ADVENT_WEBHOOK_SECRET: unset; ${cure}`);
  if (secret.includes(",")) {
    throw new SettingError("ADVENT_WEBHOOK_SECRET: is a list; the gateway may hold several, a website signs with one");
  }
  if (!secret.startsWith(PREFIX))
    throw new SettingError(`ADVENT_WEBHOOK_SECRET: does not begin with ${PREFIX}; ${cure}`);
  const key = decoded(secret.slice(PREFIX.length));
  if (key === undefined) throw new SettingError(`ADVENT_WEBHOOK_SECRET: not base64 after ${PREFIX}; ${cure}`);
  if (key.length < KEY_BYTES_MIN) {
    throw new SettingError(`ADVENT_WEBHOOK_SECRET: holds fewer than ${KEY_BYTES_MIN} bytes; ${cure}`);
  }
  return secret;
}

function decoded(base64: string): string | undefined {
  try {
    const bytes = atob(base64);
    // The way back finds what `atob` forgives: white space, missing padding, stray bits.
    return btoa(bytes) === base64 ? bytes : undefined;
  } catch {
    return undefined;
  }
}
