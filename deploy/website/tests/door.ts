/** A door before the gateway, which may be shut in somebody's face; it keeps every answer that went through. */

import { createServer, connect, type AddressInfo, type Server, type Socket } from "node:net";

/** `shut`: the connection is reset. `lose`: the gateway hears and answers, and the answer is lost. */
export type Mood = "shut" | "lose" | "open";

export class Door {
  /** Whole bodies of the gateway's answers, whether or not they were let out. */
  readonly answers: string[] = [];
  connections = 0;
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();

  /** The moods of the first connections; afterwards it is open. */
  constructor(
    private readonly gatewayPort: number,
    private readonly moods: readonly Mood[],
  ) {
    this.server = createServer((visitor) => this.receive(visitor));
  }

  async opened(): Promise<this> {
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

  private receive(visitor: Socket): void {
    const mood = this.moods[this.connections] ?? "open";
    this.connections += 1;
    this.watch(visitor);
    if (mood === "shut") return void visitor.resetAndDestroy();
    const gateway = this.watch(connect(this.gatewayPort, "127.0.0.1"));
    visitor.on("data", (part) => gateway.write(part));
    visitor.on("close", () => gateway.destroy());
    gateway.on("close", () => visitor.destroy());
    let heard = "";
    gateway.on("data", (part) => {
      heard += part.toString("utf8");
      if (mood === "open") visitor.write(part);
      const body = wholeBody(heard);
      if (body === undefined) return;
      this.answers.push(body);
      heard = "";
      if (mood === "lose") visitor.resetAndDestroy();
    });
  }

  private watch(socket: Socket): Socket {
    this.sockets.add(socket);
    socket.on("close", () => this.sockets.delete(socket));
    return socket.on("error", () => socket.destroy());
  }
}

/** The body of an HTTP answer, once all of it is there. */
function wholeBody(answer: string): string | undefined {
  const [head, body] = answer.split("\r\n\r\n", 2);
  const length = /^content-length: (\d+)/im.exec(head ?? "")?.[1];
  return body !== undefined && Buffer.byteLength(body) >= Number(length) ? body : undefined;
}
