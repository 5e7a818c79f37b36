// The contestants that live in Node, for loads that do not: one line of JSON in, one out.
//   {"ask": CONTESTANT, "key": KEY, "id": n}      -> {"id": n, "wait_ms": 0 means go}
//   {"work": KEY}                                 a BullMQ queue and its worker for that key
//   {"add": KEY, "name": NAME}                    a job for it; when its turn comes:
//                                                 -> {"job": KEY, "name": NAME}
//   {"done": KEY, "name": NAME}                   the job has been sent and answered
// usage: node peers.cjs FOLDER_WITH_NODE_MODULES REDIS_SOCKET N WINDOW_MS
'use strict';
const { createRequire } = require('node:module');
const readline = require('node:readline');

const [folder, path, n, windowMs] = process.argv.slice(2);
const load = createRequire(`${folder}/`);
const { Redis } = load('ioredis');
const { RateLimiterRedis, BurstyRateLimiter, RateLimiterRes } = load('rate-limiter-flexible');
const { Queue, Worker } = load('bullmq');
const max = Number(n);
const windowS = Number(windowMs) / 1000;

const connect = () => new Redis({ path, maxRetriesPerRequest: null });
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

const client = connect();
const limiter = (keyPrefix, points, duration) =>
  new RateLimiterRedis({ storeClient: client, keyPrefix, points, duration });
const limiters = {
  // n in each window.
  'rate-limiter-flexible': limiter('rlflx', max, windowS),
  // In all n in a window: 1 each 2/15 of it (8 s of 60), and 2 more.
  bursty: new BurstyRateLimiter(limiter('steady', 1, (windowS * 2) / 15),
    limiter('burst', 2, windowS)),
};

async function ask({ ask: contestant, key, id }) {
  try {
    await limiters[contestant].consume(key);
    say({ id, wait_ms: 0 });
  } catch (refused) {
    if (!(refused instanceof RateLimiterRes)) throw refused;
    say({ id, wait_ms: Math.max(1, refused.msBeforeNext) });
  }
}

const queues = new Map();
const done = new Map();

// The free version limits a queue as a whole; limits by group are BullMQ Pro's. So a queue a key.
async function work({ work: key }) {
  const run = (job) => new Promise((resolve) => {
    done.set(`${key} ${job.name}`, resolve);
    say({ job: key, name: job.name });
  });
  const worker = new Worker(key, run, {
    connection: connect(), concurrency: max, limiter: { max, duration: Number(windowMs) },
  });
  worker.on('error', (error) => console.error(error));
  const queue = new Queue(key, { connection: connect() });
  queues.set(key, queue);
  await worker.waitUntilReady();
  say({ working: key });
}

async function turn(line) {
  if (line.ask) return ask(line);
  if (line.work) return work(line);
  if (line.add) return queues.get(line.add).add(line.name, {});
  done.get(`${line.done} ${line.name}`)();
  return done.delete(`${line.done} ${line.name}`);
}

process.on('unhandledRejection', (error) => {
  console.error(error);
  process.exit(75);
});
const input = readline.createInterface({ input: process.stdin });
input.on('line', (line) => { turn(JSON.parse(line)); });
input.on('close', () => process.exit(0));
