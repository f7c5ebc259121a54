// Replaces Prisma's native `query-engine` 5.17.0 on machines that can reach package registries but not
// Prisma's download server: same arguments, same environment, same HTTP interface.
//
//   query_engine.mjs -p PORT [--enable-metrics] [--enable-raw-queries] …
//   PRISMA_DML_PATH (the schema), DATABASE_URL or OVERWRITE_DATASOURCES
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { databaseSettings } from './database_url.mjs';
import { startEngine } from './engine.mjs';
import { createEngineServer } from './http_server.mjs';
import { watchParent } from './parent_watch.mjs';
import { readModels } from './schema_fields.mjs';

const VERSION = 'query-engine 393aa359c9ad4a4bb28630fb5613f9c281cde053';
const DISCONNECT_LIMIT = 300; // milliseconds; LiteLLM kills after 500
const log = (message) => process.stderr.write(`query-engine: ${message}\n`);

function optionValue(...names) {
  const index = process.argv.findIndex((one) => names.includes(one));
  return index < 0 ? undefined : process.argv[index + 1];
}

async function main() {
  if (process.argv.includes('--version')) {
    process.stdout.write(`${VERSION}\n`);
    return;
  }
  // LiteLLM recognizes orphaned engines by this name.
  process.title = 'query-engine';
  if (!process.env.PRISMA_DML_PATH) throw new Error('PRISMA_DML_PATH is not set');
  const datamodel = readFileSync(process.env.PRISMA_DML_PATH, 'utf8');
  const settings = databaseSettings(process.env, availableParallelism());
  const parts = await startEngine(datamodel, settings, log);
  const server = createEngineServer({ ...parts, models: readModels(datamodel), address: settings.address, log });
  stopWhenAsked(server, parts);
  server.on('error', (error) => fail(`cannot listen: ${error.code}`));
  server.listen(Number(optionValue('-p', '--port')), optionValue('-H', '--host') ?? '127.0.0.1');
}

function stopWhenAsked(server, { engine, pool }) {
  let stopping = false;
  const stop = () => {
    if (stopping) return;
    stopping = true;
    // A database that does not answer must not keep the engine from exiting.
    setTimeout(() => process.exit(0), DISCONNECT_LIMIT).unref();
    server.close();
    server.closeAllConnections();
    Promise.allSettled([engine.disconnect('{}'), pool.end()]).then(() => process.exit(0));
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  watchParent(Number(process.env.GATEWAYCTL_ENGINE_PARENT ?? process.ppid), () => process.ppid, stop);
}

function fail(message) {
  log(message);
  process.exit(1);
}

// Only the message: the whole error could contain the URL of the database.
process.on('uncaughtException', (error) => fail(error?.message ?? 'unknown error'));
main().catch((error) => fail(error?.message ?? `${error}`));
