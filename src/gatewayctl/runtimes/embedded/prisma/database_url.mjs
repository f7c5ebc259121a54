// Connection settings from the environment that the Prisma client sets. Only host and port of the URL
// may ever be logged: it can contain the password.

// Parameters of Prisma's own pool and client, which PostgreSQL refuses.
const PRISMA_ONLY = [
  'connection_limit', 'pool_timeout', 'schema', 'pgbouncer', 'connect_timeout', 'socket_timeout',
  'statement_cache_size', 'sslaccept', 'sslidentity', 'max_idle_connection_lifetime', 'single_use_connections',
];
// Prisma's defaults, see its «PostgreSQL connection URL» reference; seconds.
const POOL_TIMEOUT = 10;
// pg would verify certificates for these; for Prisma, `prefer` means TLS only if the server has it.
const WITHOUT_TLS = new Set(['disable', 'allow', 'prefer']);

/**
 * @param {Record<string, string | undefined>} env
 * @param {number} processors for Prisma's default pool size, 2 * processors + 1
 * @returns {{pool: object, schemaName: string|undefined, address: {host: string, port: string}}}
 * @throws {Error} without the URL in its message
 */
export function databaseSettings(env, processors) {
  const url = parseUrl(overwrittenUrl(env) ?? env.DATABASE_URL);
  const parameter = (name) => url.searchParams.get(name) ?? undefined;
  const seconds = (name, fallback) => Number(parameter(name) ?? fallback);
  const schemaName = parameter('schema');
  const pool = {
    max: Math.max(1, Number(parameter('connection_limit') ?? processors * 2 + 1)),
    // pg has one limit for waiting in the queue and for connecting. In both, 0 means no limit.
    connectionTimeoutMillis: seconds('pool_timeout', POOL_TIMEOUT) * 1000,
    idleTimeoutMillis: 0,
    keepAlive: true,
    application_name: parameter('application_name') ?? 'gatewayctl-query-engine',
  };
  const socketTimeout = seconds('socket_timeout', 0);
  if (socketTimeout > 0) pool.query_timeout = socketTimeout * 1000;
  if (schemaName && schemaName !== 'public') searchPath(url, schemaName);
  if (WITHOUT_TLS.has(parameter('sslmode'))) url.searchParams.delete('sslmode');
  for (const name of PRISMA_ONLY) url.searchParams.delete(name);
  const address = { host: url.hostname || 'localhost', port: url.port || '5432' };
  return { pool: { ...pool, connectionString: url.href }, schemaName, address };
}

function searchPath(url, schemaName) {
  const option = `-c search_path="${schemaName.replace(/[\\\s]/g, '\\$&')}"`;
  url.searchParams.set('options', [url.searchParams.get('options'), option].filter(Boolean).join(' '));
}

function overwrittenUrl(env) {
  if (!env.OVERWRITE_DATASOURCES) return undefined;
  try {
    return JSON.parse(env.OVERWRITE_DATASOURCES)[0]?.url;
  } catch {
    throw new Error('OVERWRITE_DATASOURCES is not a valid JSON list');
  }
}

function parseUrl(text) {
  if (!text) throw new Error('DATABASE_URL is not set');
  try {
    return new URL(text);
  } catch {
    // The error of URL() contains its input, including the password.
    throw new Error('DATABASE_URL is not a valid URL');
  }
}
