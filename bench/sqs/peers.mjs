// What one writes first: sqs-consumer hands each message to a function that asks a limiter of
// rate-limiter-flexible on Redis and throws when it says no. What throws is not deleted: it comes
// back when its visibility ends, and each time is a reception.
// usage: node naive.mjs FOLDER_WITH_NODE_MODULES JSON_OF_SETTINGS
import { createRequire } from 'node:module';

const [folder, settings] = process.argv.slice(2);
const { endpoint, queue, redis, sink, n, windowS, visibilityS, consumers } = JSON.parse(settings);
const load = createRequire(`${folder}/`);
const { SQSClient } = load('@aws-sdk/client-sqs');
const { Consumer } = load('sqs-consumer');
const { Redis } = load('ioredis');
const { RateLimiterRedis } = load('rate-limiter-flexible');
const { Pool } = load('undici');

const limiter = new RateLimiterRedis({
  storeClient: new Redis({ path: redis }), keyPrefix: 'naive', points: n, duration: windowS,
});
const pool = new Pool(sink, { connections: 64 });

async function handleMessage(message) {
  const { messageId, userId } = JSON.parse(message.Body);
  await limiter.consume(userId);
  const answer = await pool.request({
    path: '/', method: 'POST', body: message.Body, headers: { 'idempotency-key': messageId },
  });
  await answer.body.dump();
  if (answer.statusCode !== 200) throw new Error(`status ${answer.statusCode}`);
  return message;
}

const sqs = new SQSClient({ endpoint, region: 'us-east-1',
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' } });
for (let i = 0; i < consumers; ++i) {
  const consumer = Consumer.create({
    queueUrl: queue, sqs, batchSize: 10, visibilityTimeout: visibilityS, waitTimeSeconds: 1,
    handleMessage,
  });
  consumer.on('processing_error', () => {}); // it said no
  consumer.on('error', (error) => console.error(error.message));
  consumer.start();
}
