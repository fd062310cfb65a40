/** A site with only the route: the part of Next's server that the route needs. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { assessmentRoute, type Options } from "../api/assessment/complete";

export interface Site {
  readonly url: string;
  readonly close: () => void;
}

export async function site(options: Options): Promise<Site> {
  const route = assessmentRoute(options);
  const server: Server = createServer((request, response) => void answer(route, request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/assessment/complete`, close };
}

async function answer(route: ReturnType<typeof assessmentRoute>, request: IncomingMessage, response: ServerResponse) {
  let text = "";
  for await (const part of request.setEncoding("utf8")) text += part;
  const isJson = request.headers["content-type"] === "application/json";
  const { method, headers, socket } = request;
  await route(
    { method, headers, socket, body: isJson ? JSON.parse(text) : text },
    {
      setHeader: (name, value) => response.setHeader(name, value),
      status: (code) => ({
        json: (body) => response.writeHead(code, { "content-type": "application/json" }).end(JSON.stringify(body)),
      }),
    },
  );
}
