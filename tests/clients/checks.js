// What the programs in JavaScript share: checks that are counted, and those that failed.
"use strict";

const { isDeepStrictEqual, inspect } = require("node:util");

class Checks {
  constructor(name) {
    this.name = name;
    this.count = 0;
    this.wrong = [];
  }

  // Replies may be objects without a prototype: only what they hold counts.
  equal(found, wanted, what) {
    this.count += 1;
    const plain = (value) => JSON.parse(JSON.stringify(value ?? null));
    if (!isDeepStrictEqual(plain(found), plain(wanted))) this.wrong.push(`${what}: ${inspect(found, { depth: 9 })}, not ${inspect(wanted, { depth: 9 })}`);
  }

  sameMembers(found, wanted, what) {
    this.equal([...found].sort(), [...wanted].sort(), what);
  }

  async refused(promise, text, what) {
    const message = await promise.then(() => "no error", (error) => error.message);
    this.equal(message.includes(text), true, `${what}: ${message}`);
  }

  // Prints the one line, or what was wrong, and ends the process.
  end() {
    if (this.wrong.length === 0) {
      console.log(`${this.name}: ${this.count} checks passed`);
      process.exit(0);
    }
    console.error([...this.wrong, `${this.name}: ${this.wrong.length} of ${this.count} checks failed`].join("\n"));
    process.exit(1);
  }
}

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

// Keys of a program, all in one slot: commands of several keys and transactions work in a cluster too.
const keysOf = (program) => (name) => `{${program}}:${name}`;

module.exports = { Checks, sleep, keysOf };
