// Creates the WebAssembly query engine for a schema and a PostgreSQL pool.
import { readFileSync } from 'node:fs';
import { pg, wasmEngine } from './packages.mjs';
import { PostgresAdapter } from './postgres_adapter.mjs';

/**
 * @param {string} datamodel text of schema.prisma
 * @param {{pool: object, schemaName: string|undefined}} settings from databaseSettings
 * @param {(message: string) => void} log
 * @returns {Promise<{engine: object, adapter: PostgresAdapter, pool: object}>}
 */
export async function startEngine(datamodel, settings, log) {
  const pool = openPool(settings.pool, log);
  const adapter = new PostgresAdapter(pool, settings.schemaName);
  const { QueryEngine } = instantiate();
  const options = {
    datamodel,
    logLevel: 'error',
    logQueries: false,
    datasourceOverrides: {},
    env: {}, // the engine never connects by itself, so it needs no environment
    configDir: '.',
    ignoreEnvVarErrors: true,
    enableTracing: false,
  };
  const engine = new QueryEngine(options, (line) => logLine(line, log), adapter);
  await engine.connect(JSON.stringify({}));
  return { engine, adapter, pool };
}

function openPool(options, log) {
  const { Pool } = pg();
  const pool = new Pool(options);
  // Without listeners, a connection closed by the server (a restart) would end this process. The pool
  // replaces it at the next query.
  pool.on('error', (error) => log(`a database connection was lost (${error.code ?? error.message})`));
  pool.on('connect', (client) => client.on('error', () => {}));
  // Connect early, so that the first query need not wait. If the database is not up yet, that query
  // reports it.
  pool.connect().then((client) => client.release(), () => {});
  return pool;
}

function instantiate() {
  const { glue, path } = wasmEngine();
  const module = new WebAssembly.Module(readFileSync(path));
  const instance = new WebAssembly.Instance(module, { './query_engine_bg.js': glue });
  glue.__wbg_set_wasm(instance.exports);
  return glue;
}

function logLine(line, log) {
  try {
    const { level, message } = JSON.parse(line);
    if (level === 'error' && message) log(message);
  } catch {
    log('the engine wrote an unreadable log line');
  }
}
