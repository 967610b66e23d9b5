import { createServer, type Server, type Socket } from "node:net";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { HttpClient, type Request, type RequestOptions } from "../../hosts/node/http-client.js";

const test = suite("node/http-client");

interface Outcome {
  status: number;
  headers: Map<string, string>;
  bytes: Buffer;
  error: Error | null;
}

/** A raw server: gives each request's text to `script`, which writes to the socket. */
async function withServer(
  script: (socket: Socket, request: string) => void,
  run: (port: number) => Promise<void>,
): Promise<void> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    let text = "";
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      const head = text.indexOf("\r\n\r\n");
      if (head < 0) return;
      const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0);
      if (text.length < head + 4 + length) return;
      const request = text;
      text = "";
      script(socket, request);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  try {
    await run(typeof address === "object" && address !== null ? address.port : 0);
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

function ask(client: HttpClient, options: RequestOptions = {}): Promise<Outcome> {
  const outcome: Outcome = { status: 0, headers: new Map(), bytes: Buffer.alloc(0), error: null };
  return new Promise((resolve) => {
    const handle = client.request({
      onHeaders(status, headers) {
        assert.is(this, handle);
        outcome.status = status;
        outcome.headers = headers;
      },
      onReadable(count) {
        const into = new Uint8Array(count);
        assert.is(this.read(into), count);
        outcome.bytes = Buffer.concat([outcome.bytes, into]);
      },
      onDone(error) {
        assert.is(this, handle);
        resolve({ ...outcome, error });
      },
      ...options,
    });
  });
}

test("content-length, twice on one connection", async () => {
  let connections = new Set<Socket>();
  await withServer(
    (socket, request) => {
      connections = connections.add(socket);
      const path = request.split(" ")[1];
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\nX-A: 1\r\n\r\n${path}`);
    },
    async (port) => {
      const client = new HttpClient({ host: "127.0.0.1", port });
      const [one, two] = await Promise.all([
        ask(client, { path: "/one", headersMask: ["x-a"] }),
        ask(client, { path: "/second" }),
      ]);
      client.close();
      assert.is(one.bytes.toString(), "/one");
      assert.equal([...one.headers], [["x-a", "1"]]);
      assert.is(two.bytes.toString(), "/second");
      assert.is(two.headers.get("content-length"), "7");
      assert.is(two.error, null);
    },
  );
  assert.is(connections.size, 1);
});

test("206, chunked, empty and HEAD", async () => {
  const answers: Record<string, string> = {
    "/206": "HTTP/1.1 206 P\r\nContent-Range: bytes 1-3/9\r\nContent-Length: 3\r\n\r\nbcd",
    "/chunked":
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    "/204": "HTTP/1.1 204 No\r\nContent-Length: 0\r\n\r\n",
    "/416": "HTTP/1.1 416 No\r\nContent-Range: bytes */9\r\nContent-Length: 0\r\n\r\n",
    "/head": "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n",
  };
  await withServer(
    (socket, request) => socket.write(answers[request.split(" ")[1]]),
    async (port) => {
      const client = new HttpClient({ host: "localhost", port });
      const part = await ask(client, { path: "/206" });
      assert.is(part.status, 206);
      assert.is(part.headers.get("content-range"), "bytes 1-3/9");
      assert.is(part.bytes.toString(), "bcd");
      assert.is((await ask(client, { path: "/chunked" })).bytes.toString(), "abcde");
      for (const path of ["/204", "/416"]) {
        const outcome = await ask(client, { path });
        assert.is(outcome.error, null);
        assert.is(outcome.status, Number(path.slice(1)));
      }
      assert.is((await ask(client, { path: "/head", method: "HEAD" })).error, null);
      client.close();
    },
  );
});

test("a body is written when asked for", async () => {
  const body = Buffer.alloc(40000, "x").toString();
  await withServer(
    (socket, request) => {
      const length = request.length - request.indexOf("\r\n\r\n") - 4;
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n${length}`);
    },
    async (port) => {
      const client = new HttpClient({ host: "127.0.0.1", port });
      let sent = 0;
      const outcome = await ask(client, {
        method: "POST",
        headers: new Map([["content-length", String(body.length)]]),
        onWritable(count) {
          const part = body.slice(sent, sent + count);
          sent += part.length;
          assert.throws(() => this.write(Buffer.alloc(count + 1)), /too much/);
          this.write(Buffer.from(part));
        },
      });
      client.close();
      assert.is(outcome.bytes.toString(), "40000");
    },
  );
});

test("a truncated body, and one without a length, are failures", async () => {
  const heads = ["Content-Length: 10\r\n", ""];
  for (const head of heads) {
    await withServer(
      (socket) => socket.end(`HTTP/1.1 200 OK\r\n${head}\r\nabc`),
      async (port) => {
        let errors = 0;
        const client = new HttpClient({ host: "127.0.0.1", port, onError: () => errors++ });
        const first = ask(client);
        const waiting = ask(client);
        assert.is((await first).bytes.toString(), "abc");
        assert.ok((await first).error);
        assert.ok((await waiting).error);
        assert.is(errors, 1);
        assert.throws(() => client.request({}), /closed/);
      },
    );
  }
});

test("a refused connection and a garbled answer are failures", async () => {
  let freed = 0;
  await withServer(
    (socket) => socket.end("what?\r\n\r\n"),
    async (port) => {
      freed = port;
      assert.ok((await ask(new HttpClient({ host: "127.0.0.1", port }))).error);
    },
  );
  let heard = false;
  const client = new HttpClient({ host: "127.0.0.1", port: freed, onError: () => (heard = true) });
  assert.ok((await ask(client)).error);
  assert.ok(heard);
});

test("nothing is called after close", async () => {
  await withServer(
    (socket) => {
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
      socket.write(Buffer.alloc(50000));
    },
    async (port) => {
      let calls = 0;
      const client = new HttpClient({ host: "127.0.0.1", port, onError: () => calls++ });
      await new Promise<void>((resolve) => {
        client.request({
          onReadable() {
            client.close();
            resolve();
          },
          onDone: () => calls++,
        });
        client.request({ onDone: () => calls++ });
      });
      await new Promise((resolve) => setTimeout(resolve, 50));
      assert.is(calls, 0);
    },
  );
});

test("a slow reader keeps the rest in the socket", async () => {
  const total = 32 * 1024 * 1024;
  let stalled = false;
  await withServer(
    (socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`);
      let left = total;
      const pump = (): void => {
        while (left > 0) {
          left -= 65536;
          if (!socket.write(Buffer.alloc(65536))) {
            stalled = left > 0;
            socket.once("drain", pump);
            return;
          }
        }
        stalled = false;
      };
      pump();
    },
    async (port) => {
      const client = new HttpClient({ host: "127.0.0.1", port });
      let handle: Request | null = null;
      let ready = 0;
      let finished = false;
      handle = client.request({
        onReadable: (count) => {
          ready = count;
        },
        onDone: () => {
          finished = true;
        },
      });
      await new Promise((resolve) => setTimeout(resolve, 200));
      assert.ok(ready > 0 && ready < 1024 * 1024, `${ready} bytes taken unasked`);
      assert.ok(stalled);
      let got = 0;
      const into = new Uint8Array(1024);
      while (got < total && !finished) {
        const count: number | undefined = handle.read(into);
        if (count === undefined) await new Promise((resolve) => setImmediate(resolve));
        else got += count;
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
      assert.is(got, total);
      assert.ok(finished);
      client.close();
    },
  );
});

test("other hosts need a flag", () => {
  assert.throws(() => new HttpClient({ host: "example.com" }), /anyHost/);
  new HttpClient({ host: "example.com", anyHost: true }).close();
});

test.run();
