// Converts answers of the JSON protocol to those of the native engine over GraphQL. Pure.

/**
 * @param {object} answer `{data}` or `{errors}` of one query
 * @param {string} alias the key the client expects instead of the action's name
 */
export function toGraphql(answer, alias) {
  if (answer.errors) return { ...answer, errors: answer.errors.map(withoutNullMeta) };
  const [value] = Object.values(answer.data);
  return { ...answer, data: { [alias]: unwrap(value) } };
}

/** The answers of a batch, each under its own query's alias. */
export function toGraphqlBatch(answer, aliases) {
  if (!answer.batchResult) return toGraphql(answer, '');
  return { ...answer, batchResult: answer.batchResult.map((one, i) => toGraphql(one, aliases[i])) };
}

// The Python client reads `meta.kind` and fails on null.
function withoutNullMeta(error) {
  const facing = error.user_facing_error;
  return facing && !facing.meta ? { ...error, user_facing_error: { ...facing, meta: {} } } : error;
}

// `{"$type": "DateTime", "value": "…"}` → "…". Both protocols use the same strings, also for BigInt,
// Decimal and Bytes; a Json value stays a string, which the client parses itself.
function unwrap(value) {
  if (Array.isArray(value)) return value.map(unwrap);
  if (value === null || typeof value !== 'object') return value;
  if ('$type' in value) return value.$type === 'Raw' ? rawResult(value.value) : unwrap(value.value);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, unwrap(inner)]));
}

// `{columns, types, rows}`. Unlike in a field of a model, the client expects parsed Json here.
function rawResult(result) {
  if (!Array.isArray(result?.rows)) return result;
  const parsers = result.types.map((type) => RAW_PARSERS[type]);
  if (!parsers.some(Boolean)) return result;
  const rows = result.rows.map((row) => row.map((cell, i) => (parsers[i] ? parsers[i](cell) : cell)));
  return { ...result, rows };
}

const parseText = (cell) => (typeof cell === 'string' ? JSON.parse(cell) : cell);
const RAW_PARSERS = {
  json: parseText,
  'json-array': (cell) => (Array.isArray(cell) ? cell.map(parseText) : cell),
};
