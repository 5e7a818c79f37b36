// fauxqs on a port of 127.0.0.1: its own program listens on every address.
//   node fauxqs.mjs FOLDER PORT       FOLDER is that of its package
const [folder, port] = process.argv.slice(2);
const { buildApp } = await import(`file://${folder}/dist/app.js`);
await buildApp({ logger: false }).listen({ host: "127.0.0.1", port: Number(port) });
