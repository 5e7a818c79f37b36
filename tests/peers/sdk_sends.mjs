// The AWS SDK for JavaScript sends each line of standard input as a message:
//   node sdk_sends.mjs FOLDER_WITH_NODE_MODULES ENDPOINT REGION QUEUE
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const [folder, endpoint, region, name] = process.argv.slice(2);
const sdk = createRequire(`${folder}/`)('@aws-sdk/client-sqs');
const client = new sdk.SQSClient({ endpoint, region });
const { QueueUrl } = await client.send(new sdk.GetQueueUrlCommand({ QueueName: name }));
for await (const line of createInterface({ input: process.stdin })) {
  await client.send(new sdk.SendMessageCommand({ QueueUrl, MessageBody: line }));
}
client.destroy();
