import assert from "node:assert/strict";
import { test } from "node:test";

import { Gateway, SettingError } from "../lib/gateway";

const SECRET = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const URL = "https://advent.example.com";

const gateway = (url: string | undefined, secret: string | undefined) =>
  Gateway.fromEnvironment({ ADVENT_WEBHOOK_URL: url, ADVENT_WEBHOOK_SECRET: secret });

test("the signature matches the gateway's verification", () => {
  // The Python tests use the same vector.
  const body = '{"type":"assessment.completed","data":{"email":"a@b.c"}}';

  assert.deepEqual(gateway(URL, SECRET).headers("msg_1", body, new Date(1_795_521_600_999)), {
    "content-type": "application/json",
    "webhook-id": "msg_1",
    "webhook-timestamp": "1795521600",
    "webhook-signature": "v1,Zy6+ffZTPkCz567oa9aIl9Psy3MXWnM1Ut1dSPc1kL4=",
  });
});

test("the address may include the path or not", () => {
  assert.equal(gateway(URL, SECRET).url, `${URL}/webhook/christmas-signup`);
  assert.equal(gateway(`${URL}/\n`, SECRET).url, `${URL}/webhook/christmas-signup`);
  assert.equal(gateway(`${URL}/advent/webhook/christmas-signup`, SECRET).url, `${URL}/advent/webhook/christmas-signup`);
});

test("an unusable address is refused by setting name", () => {
  for (const url of [
    undefined,
    "",
    "advent.example.com",
    "ftp://advent.example.com",
    "https://me:pw@advent.example.com",
  ]) {
    assert.throws(
      () => gateway(url, SECRET),
      (error) => error instanceof SettingError && /^ADVENT_WEBHOOK_URL: /.test(error.message),
    );
  }
});

test("a secret that the two sides would decode differently is refused and not quoted", () => {
  const wrong = {
    unset: undefined,
    "a password": "hunter2",
    "no prefix": SECRET.slice(6),
    "no padding": SECRET.slice(0, -1),
    "url-safe base64": "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGx-_Hh8=",
    "stray bits": SECRET.replace("Hh8=", "Hh9="),
    "a space in it": SECRET.replace("CQoL", "CQ oL"),
    quotes: `"${SECRET}"`,
    "too short": "whsec_c2hvcnQ=",
    "a list": `${SECRET},${SECRET}`,
  };
  for (const [what, secret] of Object.entries(wrong)) {
    assert.throws(
      () => gateway(URL, secret),
      (error) =>
        error instanceof SettingError &&
        error.message.startsWith("ADVENT_WEBHOOK_SECRET: ") &&
        (secret === undefined || !error.message.includes(secret)),
      what,
    );
  }
});

test("a line break after a pasted secret is ignored", () => {
  assert.doesNotThrow(() => gateway(URL, `${SECRET}\n`));
});
