// Loads the npm packages. It must not know what they are used for.
//
// `require`, not `import`: only CommonJS resolution looks into NODE_PATH, so the same program
// works both beside its node_modules and from a read-only folder with the packages elsewhere.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** pg: pool, protocol, and the parsers of PostgreSQL's text formats. */
export const pg = () => require('pg');

/** Only graphql's parser: the whole package costs five times as long to load. */
export const graphqlParser = () => require('graphql/language/parser');

/** Parser of PostgreSQL's array literals, `{a,"b c",NULL}`. */
export const parsePostgresArray = (text, parseElement) => require('postgres-array').parse(text, parseElement);

/** The glue code of the WebAssembly engine, and the path of the engine itself. */
export function wasmEngine() {
  const glue = '@prisma/client/runtime/query_engine_bg.postgresql.js';
  return { glue: require(glue), path: require.resolve(glue).replace(/\.js$/, '.wasm') };
}
