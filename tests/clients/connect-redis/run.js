// express-session with connect-redis on one node: run.js <host> <port> <sessions>.
// Sessions are made, read and ended through a web server, as a browser would.
"use strict";

const assert = require("node:assert");
const http = require("node:http");
const session = require("express-session");
const { RedisStore } = require("connect-redis");
const { createClient } = require("redis");

const PREFIX = "connect-redis:";
const AT_ONCE = 50;
const BRIEF_S = 2;

async function main(host, port, sessions) {
  const client = await createClient({ url: `redis://${host}:${port}` }).connect();
  const store = new RedisStore({ client, prefix: PREFIX, ttl: (data) => (data.brief ? BRIEF_S : 600) });
  await store.clear();
  const middleware = session({ store, secret: "of this test", resave: false, saveUninitialized: false, name: "sid" });
  // /make/N makes a session for user N, /brief lets it expire soon, /end ends it; all answer the session's user.
  const server = http.createServer((request, response) => {
    middleware(request, response, (error) => {
      if (error) return response.writeHead(500).end(error.message);
      const [, action, user] = request.url.split("/");
      if (action === "make") request.session.user = user;
      if (action === "brief") request.session.brief = true;
      const answer = request.session.user ?? "nobody";
      if (action !== "end") return response.end(answer);
      return request.session.destroy((failed) => response.writeHead(failed ? 500 : 200).end(answer));
    });
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const agent = new http.Agent({ keepAlive: true, maxSockets: AT_ONCE });
  const get = (path, cookie) =>
    new Promise((done, fail) => {
      const options = { host: "127.0.0.1", port: server.address().port, path, agent, headers: cookie ? { cookie } : {} };
      const request = http.get(options, (response) => {
        let body = "";
        response.on("data", (part) => (body += part));
        response.on("end", () => done({ status: response.statusCode, body, cookie: response.headers["set-cookie"]?.[0].split(";")[0] }));
      });
      request.on("error", fail);
    });
  // All visits, some at a time.
  const all = async (visit) => {
    let next = 0;
    const visitor = async () => {
      while (next < sessions) {
        const number = next++;
        await visit(number);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, visitor));
  };
  const cookies = new Array(sessions);
  const visit = (path, wanted) => all(async (number) => {
    const { status, body } = await get(path, cookies[number]);
    assert.deepStrictEqual([status, body], [200, wanted(number)], `session ${number} at ${path}`);
  });

  await all(async (number) => {
    const answer = await get(`/make/user${number}`);
    assert.strictEqual(answer.body, `user${number}`);
    cookies[number] = answer.cookie;
  });
  assert.strictEqual(new Set(cookies).size, sessions, "cookies");
  assert.strictEqual(await store.length(), sessions, "sessions in the store");
  await visit("/read", (number) => `user${number}`);
  const ids = await store.ids();
  const left = await client.ttl(PREFIX + ids[0]);
  assert.ok(left > 500 && left <= 600, `a session has ${left} s left`);
  // One in ten is ended by its user, all others expire.
  const ended = (number) => number % 10 === 0;
  await all(async (number) => get(ended(number) ? "/end" : "/brief", cookies[number]));
  await new Promise((done) => setTimeout(done, BRIEF_S * 1000 + 200));
  await visit("/read", () => "nobody");
  assert.strictEqual(await store.length(), 0, "sessions left in the store");
  console.log(`connect-redis: ${sessions} sessions made, read and expired`);
  process.exit(0);
}

main(process.argv[2], Number(process.argv[3]), Number(process.argv[4])).catch((error) => {
  console.error(error);
  process.exit(1);
});
