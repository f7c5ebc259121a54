// Loads the npm packages. Must not know what they are used for.
//
// `require`, not `import`: only CommonJS resolution uses NODE_PATH, so this program works beside its
// node_modules and also from a read-only folder with the packages elsewhere.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** pg: pool, protocol, and the parsers of PostgreSQL's text formats. */
export const pg = () => require('pg');

/** Only the parser of graphql: the whole package takes five times as long to load. */
export const graphqlParser = () => require('graphql/language/parser');

/** Parser of PostgreSQL's array literals, `{a,"b c",NULL}`. */
export const parsePostgresArray = (text, parseElement) => require('postgres-array').parse(text, parseElement);

/** The glue code of the WebAssembly engine, and the path of the engine itself. */
export function wasmEngine() {
  const glue = '@prisma/client/runtime/query_engine_bg.postgresql.js';
  return { glue: require(glue), path: require.resolve(glue).replace(/\.js$/, '.wasm') };
}
