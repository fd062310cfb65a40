/** A TCP proxy in front of the gateway that can reset connections; it records every answer of the gateway. */

import { createServer, connect, type AddressInfo, type Server, type Socket } from "node:net";

/** `reset`: the connection is reset at once. `lose`: the gateway answers, but the answer is lost. */
export type Behavior = "reset" | "lose" | "forward";

export class FlakyProxy {
  /** Complete bodies of the gateway's answers, forwarded or not. */
  readonly answers: string[] = [];
  connections = 0;
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();

  /** Behaviors of the first connections; later ones are forwarded. */
  constructor(
    private readonly gatewayPort: number,
    private readonly behaviors: readonly Behavior[],
  ) {
    this.server = createServer((client) => this.receive(client));
  }

  async started(): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    return this;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
  }

  private receive(client: Socket): void {
    const behavior = this.behaviors[this.connections] ?? "forward";
    this.connections += 1;
    this.watch(client);
    if (behavior === "reset") return void client.resetAndDestroy();
    const gateway = this.watch(connect(this.gatewayPort, "127.0.0.1"));
    client.on("data", (part) => gateway.write(part));
    client.on("close", () => gateway.destroy());
    gateway.on("close", () => client.destroy());
    let received = "";
    gateway.on("data", (part) => {
      received += part.toString("utf8");
      if (behavior === "forward") client.write(part);
      const body = wholeBody(received);
      if (body === undefined) return;
      this.answers.push(body);
      received = "";
      if (behavior === "lose") client.resetAndDestroy();
    });
  }

  private watch(socket: Socket): Socket {
    this.sockets.add(socket);
    socket.on("close", () => this.sockets.delete(socket));
    return socket.on("error", () => socket.destroy());
  }
}

/** The body of an HTTP answer, once it is complete. */
function wholeBody(answer: string): string | undefined {
  const [head, body] = answer.split("\r\n\r\n", 2);
  const length = /^content-length: (\d+)/im.exec(head ?? "")?.[1];
  return body !== undefined && Buffer.byteLength(body) >= Number(length) ? body : undefined;
}
