// Decisions of a Node contestant as fast as it makes them, for 100,000 keys; prints the seconds.
// "script": prints the script of rate-limiter-flexible instead.
// usage: node speed.cjs FOLDER_WITH_NODE_MODULES REDIS_SOCKET CONTESTANT COUNT
'use strict';
const { createRequire } = require('node:module');
const fs = require('node:fs');

const [folder, path, contestant, count] = process.argv.slice(2);
const load = createRequire(`${folder}/`);
const { Redis } = load('ioredis');
const { RateLimiterRedis } = load('rate-limiter-flexible');
const { Queue, Worker } = load('bullmq');
const total = Number(count);
const KEYS = 100000;
const AT_ONCE = 512; // ioredis writes what is asked for in one turn as one pipeline

const connect = (more) => new Redis({ path, maxRetriesPerRequest: null, ...more });

async function decisions(decide) {
  let made = 0;
  const worker = async () => {
    while (made < total) {
      made += 1;
      await decide(`key-${Math.floor(Math.random() * KEYS)}`);
    }
  };
  const began = process.hrtime.bigint();
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return Number(process.hrtime.bigint() - began) / 1e9;
}

const library = () => new RateLimiterRedis({
  storeClient: connect({ enableAutoPipelining: true }), keyPrefix: 'r', points: 10, duration: 60,
});

function flexible() {
  const limiter = library();
  return decisions((key) => limiter.consume(key).catch((refused) => {
    if (refused instanceof Error) throw refused;
  }));
}

function gcra() {
  const client = connect({ enableAutoPipelining: true });
  client.defineCommand('gcra', {
    numberOfKeys: 1, lua: fs.readFileSync(`${__dirname}/lua/gcra.lua`, 'utf8'),
  });
  return decisions((key) => client.gcra(`g:${key}`, 10, 60000000, 3));
}

// A job is added, taken by a worker whose limit does not bind, and completed.
async function bullmq() {
  const queue = new Queue('jobs', { connection: connect() });
  const began = process.hrtime.bigint();
  for (let at = 0; at < total; at += 1000) {
    const jobs = Array.from({ length: Math.min(1000, total - at) },
      (_, number) => ({ name: `j-${at + number}`, data: {}, opts: { removeOnComplete: true } }));
    await queue.addBulk(jobs);
  }
  let ended = 0;
  await new Promise((resolve) => {
    const worker = new Worker('jobs', async () => {}, {
      connection: connect(), concurrency: 64, limiter: { max: 1e9, duration: 60000 },
    });
    worker.on('completed', () => {
      ended += 1;
      if (ended === total) resolve();
    });
  });
  return Number(process.hrtime.bigint() - began) / 1e9;
}

const script = async () => library()._incrTtlLuaScript;

({ 'rate-limiter-flexible': flexible, gcra, bullmq, script })[contestant]().then((said) => {
  process.stdout.write(String(said), () => process.exit(0));
});
