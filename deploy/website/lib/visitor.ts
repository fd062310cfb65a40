/** Lets the gateway limit signups per visitor without revealing who the visitor is. Server only. */

/** The parts of Next's requests, of both routers, that contain a visitor's address. */
export interface VisitorRequest {
  readonly headers?: unknown;
  readonly socket?: { readonly remoteAddress?: string | undefined } | null;
}

/**
 * The visitor's address as the nearest proxy saw it: `x-real-ip`, otherwise the last entry of `x-forwarded-for`,
 * otherwise the connection's. The visitor may have invented earlier entries of `x-forwarded-for`.
 */
export function visitorAddress(request: VisitorRequest): string | undefined {
  const forwarded = header(request, "x-forwarded-for")?.split(",").at(-1);
  const address = (header(request, "x-real-ip") ?? forwarded ?? request.socket?.remoteAddress)?.trim();
  return address ? network(address) : undefined;
}

/** An opaque hash of 32 characters, the same for the same visitor; without the secret nobody can reverse it. */
export async function visitorHash(visitor: string, secret: string): Promise<string> {
  const bytes = new TextEncoder();
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", bytes.encode(secret), algorithm, false, ["sign"]);
  const mac = await crypto.subtle.sign("HMAC", key, bytes.encode(`visitor ${visitor}`));
  return [...new Uint8Array(mac)].slice(0, 16).map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function header({ headers }: VisitorRequest, name: string): string | undefined {
  if (headers instanceof Headers) return headers.get(name) ?? undefined;
  const value: unknown = (headers as Record<string, unknown> | undefined)?.[name];
  return typeof value === "string" ? value : Array.isArray(value) ? String(value.at(-1)) : undefined;
}

/** A household has a whole /64 of IPv6 addresses. */
function network(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, "");
  if (!plain.includes(":")) return plain;
  return plain.split("::", 1)[0]?.split(":").slice(0, 4).join(":") || plain;
}
