// What one writes oneself, three ways; all ask a limiter of rate-limiter-flexible on Redis, and send by
// undici.
//   throws   sqs-consumer hands each message to a function that throws when the limiter says no. What
//            throws is not deleted: it comes back when its visibility ends, and each time is a
//            reception.
//   batch    the same by batches of ten, deleted together.
//   hand     without the SDK: SQS's JSON protocol over undici, batches deleted together.
// usage: node peers.mjs throws|batch|hand FOLDER_WITH_NODE_MODULES JSON_OF_SETTINGS
import { createRequire } from 'node:module';

const [way, folder, settings] = process.argv.slice(2);
const { endpoint, queue, redis, sink, n, windowS, visibilityS, consumers } = JSON.parse(settings);
const load = createRequire(`${folder}/`);
const { Redis } = load('ioredis');
const { RateLimiterRedis } = load('rate-limiter-flexible');
const { Pool } = load('undici');

const limiter = new RateLimiterRedis({
  storeClient: new Redis({ path: redis }), keyPrefix: 'peer', points: n, duration: windowS,
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

// Those of a batch that went.
async function handleMessageBatch(messages) {
  const ends = await Promise.allSettled(messages.map(handleMessage));
  return messages.filter((_, at) => ends[at].status === 'fulfilled');
}

function bySdk(handlers) {
  const { SQSClient } = load('@aws-sdk/client-sqs');
  const { Consumer } = load('sqs-consumer');
  const sqs = new SQSClient({ endpoint, region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' } });
  for (let i = 0; i < consumers; ++i) {
    const consumer = Consumer.create({
      queueUrl: queue, sqs, batchSize: 10, visibilityTimeout: visibilityS, waitTimeSeconds: 1,
      ...handlers,
    });
    consumer.on('processing_error', () => {}); // it said no
    consumer.on('error', (error) => console.error(error.message));
    consumer.start();
  }
}

async function byHand() {
  const aws = new Pool(endpoint, { connections: 2 * consumers });
  const call = async (operation, words) => {
    const answer = await aws.request({
      path: '/', method: 'POST', body: JSON.stringify({ QueueUrl: queue, ...words }),
      headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': `AmazonSQS.${operation}`,
        authorization: 'AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/sqs/aws4_request, '
          + 'SignedHeaders=host, Signature=none' },
    });
    return answer.body.json();
  };
  for (;;) {
    const { Messages: messages = [] } = await call('ReceiveMessage', {
      MaxNumberOfMessages: 10, WaitTimeSeconds: 1, VisibilityTimeout: visibilityS });
    const went = await handleMessageBatch(messages);
    const entries = went.map((message, at) => ({ Id: `${at}`, ReceiptHandle: message.ReceiptHandle }));
    if (entries.length > 0) await call('DeleteMessageBatch', { Entries: entries });
  }
}

if (way === 'throws') bySdk({ handleMessage });
if (way === 'batch') bySdk({ handleMessageBatch });
if (way === 'hand') for (let i = 0; i < consumers; ++i) byHand();
