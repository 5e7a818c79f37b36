// Calls of the AWS SDK for JavaScript, one after the other. Standard input has a list of [service,
// operation, input], standard output is the list of their answers:
//   node sdk.mjs FOLDER_WITH_NODE_MODULES ENDPOINT REGION
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const [folder, endpoint, region] = process.argv.slice(2);
const bring = createRequire(`${folder}/`);
const answers = [];
for (const [service, operation, input] of JSON.parse(readFileSync(0, 'utf8'))) {
  const sdk = bring(`@aws-sdk/client-${service}`);
  const client = new sdk[{ dynamodb: 'DynamoDBClient', sqs: 'SQSClient' }[service]]({ endpoint, region });
  answers.push(await client.send(new sdk[`${operation}Command`](input)));
  client.destroy();
}
process.stdout.write(JSON.stringify(answers));
