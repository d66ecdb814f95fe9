// ioredis against a cluster: run.js <host> <port>.
"use strict";

const assert = require("node:assert");
const Redis = require("ioredis");

const KEYS = 10000;

async function main(host, port) {
  const cluster = new Redis.Cluster([{ host, port }]);
  const errors = [];
  cluster.on("error", (error) => errors.push(error));
  const numbers = Array.from({ length: KEYS }, (_, number) => number);
  await Promise.all(numbers.map((number) => cluster.set(`ioredis:${number}`, `value-${number}`)));
  const values = await Promise.all(numbers.map((number) => cluster.get(`ioredis:${number}`)));
  values.forEach((value, number) => assert.strictEqual(value, `value-${number}`));
  const sizes = await Promise.all(cluster.nodes("master").map((node) => node.dbsize()));
  assert.ok(sizes.every((size) => size > 0), `keys per node: ${sizes}`);
  await cluster.mset("{ioredis}a", "1", "{ioredis}b", "2");
  assert.deepStrictEqual(await cluster.mget("{ioredis}a", "{ioredis}b"), ["1", "2"]);
  assert.deepStrictEqual(errors, []);
  console.log(`ioredis: ${KEYS} keys set and read over ${sizes.length} nodes`);
  cluster.disconnect();
}

main(process.argv[2], Number(process.argv[3])).catch((error) => {
  console.error(error);
  process.exit(1);
});
