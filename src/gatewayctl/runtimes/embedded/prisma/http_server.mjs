// The HTTP interface of the native query engine: paths, requests and responses.
import { createServer } from 'node:http';
import { toGraphql, toGraphqlBatch } from './answers.mjs';
import { explainErrors } from './connection_errors.mjs';
import { translate } from './graphql_protocol.mjs';
import { metrics, prometheus } from './metrics.mjs';
import { runTransaction, transactionCall } from './transactions.mjs';

const TRACE = '{}';

/**
 * @param {{engine: object, adapter: object, pool: object, models: Map, address: object,
 *   log: (message: string) => void}} context
 */
export function createEngineServer(context) {
  const server = createServer((request, response) => {
    serve(context, request).then(
      (answer) => send(response, answer),
      (error) => send(response, refusal(error, context.log)),
    );
  });
  // The client reuses its connections, and one closed at the wrong moment is a failed request. Queries
  // have no time limit here.
  server.keepAliveTimeout = 0;
  server.requestTimeout = 0;
  return server;
}

async function serve(context, request) {
  const { pathname, searchParams } = new URL(request.url, 'http://engine');
  const body = await read(request);
  if (request.method === 'GET' && pathname === '/status') return { status: 200, body: { status: 'ok' } };
  if (request.method === 'GET' && pathname === '/metrics') {
    const values = metrics(context.pool);
    return { status: 200, body: searchParams.get('format') === 'json' ? values : prometheus(values) };
  }
  const call = request.method === 'POST' ? transactionCall(pathname) : undefined;
  if (call) return runTransaction(context, call, body);
  if (request.method === 'POST' && pathname === '/') {
    return { status: 200, body: await answerQuery(context, JSON.parse(body), request.headers['x-transaction-id']) };
  }
  return { status: 404, body: { error: 'not found' } };
}

async function answerQuery(context, payload, transactionId) {
  const { engine, adapter, models, address } = context;
  const run = async (query) =>
    explainErrors(JSON.parse(await engine.query(JSON.stringify(query), TRACE, transactionId)), adapter.errorRegistry, address);
  if (!payload.batch) {
    const { alias, query } = translate(payload.query, models);
    return toGraphql(await run(query), alias);
  }
  const queries = payload.batch.map((one) => translate(one.query, models));
  // With `transaction: true` the batch is atomic; without it each query is on its own.
  const transaction = payload.transaction ? { isolationLevel: payload.isolation_level ?? null } : undefined;
  const answer = await run({ batch: queries.map((one) => one.query), transaction });
  return toGraphqlBatch(answer, queries.map((one) => one.alias));
}

async function read(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

function send(response, { status, body }) {
  const isText = typeof body === 'string';
  const text = isText ? body : JSON.stringify(body);
  response.writeHead(status, {
    'content-type': isText ? 'text/plain; charset=utf-8' : 'application/json',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}

// A query that cannot be parsed is an error of the client, everything else is an internal error.
function refusal(error, log) {
  const unreadable = error instanceof SyntaxError || error?.name === 'GraphQLError';
  if (!unreadable) log(`internal error: ${error?.message ?? error}`);
  const facing = { is_panic: false, error_code: 'P2009', meta: {}, message: `Failed to read the query: ${error?.message}` };
  if (unreadable) return { status: 200, body: { errors: [{ error: facing.message, user_facing_error: facing }] } };
  return { status: 500, body: { error: `${error?.message ?? error}` } };
}
