// The three calls of interactive transactions: start, commit, rollback. The engine keeps the
// transactions and their time limits; this converts to and from HTTP.
import { explainFacing } from './connection_errors.mjs';

const PATH = /^\/transaction\/(?:(start)|([^/]+)\/(commit|rollback))$/;
const TRACE = '{}';
const TOO_LATE = JSON.stringify({
  is_panic: false,
  error_code: 'P2028',
  message: 'Transaction API error: Unable to start a transaction in the given time.',
  meta: { error: 'Unable to start a transaction in the given time.' },
});

/** @returns {{verb: 'start'|'commit'|'rollback', id?: string} | undefined} */
export function transactionCall(path) {
  const match = PATH.exec(path);
  if (!match) return undefined;
  return match[1] ? { verb: 'start' } : { verb: match[3], id: match[2] };
}

/**
 * @param {{verb: string, id?: string}} call from transactionCall
 * @param {string} body of a start: `{"max_wait": ms, "timeout": ms}`
 * @returns {Promise<{status: number, body: object}>}
 */
export async function runTransaction({ engine, adapter, address }, call, body) {
  const answer = JSON.parse(await send(engine, call, body));
  const facing = answer.error_code ? answer : answer.errors?.[0]?.user_facing_error;
  if (!facing) return { status: 200, body: answer };
  const explained = explainFacing(facing, adapter.errorRegistry, address);
  return { status: statusOf(explained), body: explained };
}

function send(engine, { verb, id }, body) {
  if (verb === 'start') return start(engine, body || '{}');
  if (verb === 'commit') return engine.commitTransaction(id, TRACE);
  return engine.rollbackTransaction(id, TRACE);
}

// The WebAssembly engine ignores max_wait and waits as long as the pool does.
async function start(engine, options) {
  const { max_wait: limit = 2000 } = JSON.parse(options);
  const started = engine.startTransaction(options, TRACE);
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, limit, TOO_LATE);
  });
  const answer = await Promise.race([started, late]);
  clearTimeout(timer);
  if (answer === TOO_LATE) started.then((text) => undo(engine, JSON.parse(text).id), () => {});
  return answer;
}

// The client never learns the id of a transaction that started too late, so it is rolled back here.
function undo(engine, id) {
  if (id) engine.rollbackTransaction(id, TRACE).catch(() => {});
}

// The statuses of the native server. P2028 is any misuse of a transaction; only its message differs.
function statusOf({ error_code: code, message = '' }) {
  if (code !== 'P2028') return 500;
  if (/unable to start a transaction in the given time/i.test(message)) return 504;
  if (/already closed/i.test(message)) return 422;
  return /not found|already started/i.test(message) ? 404 : 500;
}
