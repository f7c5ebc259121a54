// Maps connection errors to Prisma's error codes. The engine reports errors of the adapter as P2036
// «Error in external connector (id 7)», but LiteLLM needs P1001 and P2024 to decide whether to
// reconnect, to wait, or to fail the query. Pure.

const EXTERNAL = 'P2036';
const POOL_TIMEOUT = /timeout exceeded when trying to connect/i;
const QUERY_TIMEOUT = /query read timeout/i;
// SQLSTATE classes: wrong credentials, no such database, too many connections.
const BY_SQLSTATE = [
  [/^28/, 'P1000', () => 'Authentication failed against the database server; the credentials are not valid.'],
  [/^3D000$/, 'P1003', () => 'The database does not exist on the database server.'],
  [/^53300$/, 'P2037', (error) => `Too many database connections opened: ${error.message}`],
];

/**
 * @param {object} answer of the engine, `{errors: […]}`
 * @param {{consumeError: (id: number) => {error: Error} | undefined}} registry the adapter's
 * @param {{host: string, port: string}} address
 */
export function explainErrors(answer, registry, address) {
  if (Array.isArray(answer.batchResult)) {
    return { ...answer, batchResult: answer.batchResult.map((one) => explainErrors(one, registry, address)) };
  }
  if (!answer.errors) return answer;
  return { ...answer, errors: answer.errors.map((one) => explainOne(one, registry, address)) };
}

/** The same for a single `{error_code, message, meta}`, the form of transaction errors. */
export function explainFacing(facing, registry, address) {
  if (facing?.error_code !== EXTERNAL) return facing;
  const found = registry.consumeError(facing.meta?.id);
  return found ? facingError(found.error, address) : facing;
}

function explainOne(one, registry, address) {
  const facing = one.user_facing_error;
  const explained = explainFacing(facing, registry, address);
  if (explained === facing) return one;
  return { ...one, error: explained.message, user_facing_error: explained };
}

function facingError(error, { host, port }) {
  const facing = (error_code, message, meta = {}) => ({ is_panic: false, message, meta, error_code });
  const sqlstate = typeof error.severity === 'string' ? error.code : '';
  for (const [pattern, code, message] of BY_SQLSTATE) {
    if (pattern.test(sqlstate)) return facing(code, message(error), { code: sqlstate });
  }
  if (POOL_TIMEOUT.test(error.message)) {
    return facing('P2024', 'Timed out fetching a new connection from the connection pool.');
  }
  if (QUERY_TIMEOUT.test(error.message)) {
    return facing('P1008', 'Operations timed out: the database did not answer within socket_timeout.');
  }
  // An aggregate of a failed connect (IPv6 and IPv4) has no message of its own.
  const reason = sqlstate || error.code || error.message || 'no answer';
  return facing(
    'P1001',
    `Can't reach database server at \`${host}:${port}\` (${reason}). Please make sure your database server is running.`,
    { database_host: host, database_port: Number(port) },
  );
}
