// fauxqs on a port of 127.0.0.1 that counts what it is asked:
//   GET /counts    {"calls": {OPERATION: n}, "times": {received so often: messages}, "received": {ID of a
//                  document that is a probe: the first time, in milliseconds since 1970}}
// usage: node fauxqs.mjs FOLDER_WITH_NODE_MODULES PORT
const [folder, port] = process.argv.slice(2);
const { buildApp } = await import(`file://${folder}/node_modules/fauxqs/dist/app.js`);
const app = buildApp({ logger: false });
const calls = {};
const receives = new Map();
const received = {};

app.addHook('onSend', async (request, _reply, payload) => {
  const operation = String(request.headers['x-amz-target'] ?? '').replace('AmazonSQS.', '');
  if (!operation) return payload;
  calls[operation] = (calls[operation] ?? 0) + 1;
  if (operation !== 'ReceiveMessage') return payload;
  for (const message of JSON.parse(payload).Messages ?? []) {
    receives.set(message.MessageId, (receives.get(message.MessageId) ?? 0) + 1);
    if (!message.Body.includes('"probe-')) continue;
    received[JSON.parse(message.Body).messageId] ??= Date.now();
  }
  return payload;
});
app.get('/counts', async () => {
  const times = {};
  for (const n of receives.values()) times[n] = (times[n] ?? 0) + 1;
  return { calls, times, received };
});
await app.listen({ host: '127.0.0.1', port: Number(port) });
