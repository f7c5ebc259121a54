// Which fields the models of a Prisma schema have, as far as the translation of a query must know.
// It must not know about queries. Reading the few line shapes that matter is enough: the engine
// itself parses, and rejects, the schema.

const SCALARS = new Set([
  'String', 'Boolean', 'Int', 'BigInt', 'Float', 'Decimal', 'DateTime', 'Json', 'Bytes',
]);
const MODEL = /^\s*(model|view)\s+(\w+)\s*\{/;
const FIELD = /^\s*(\w+)\s+(\w+)(\[\])?(\?)?(\s|$)/;

/**
 * @param {string} schema the text of schema.prisma
 * @returns {Map<string, Map<string, {kind: 'scalar'|'relation', type: string}>>} by model, then field
 */
export function readModels(schema) {
  const models = new Map();
  let current = null;
  for (const line of schema.split('\n')) {
    const start = MODEL.exec(line);
    if (start) {
      current = new Map();
      models.set(start[2], current);
    } else if (/^\s*\}/.test(line)) {
      current = null;
    } else if (current && !/^\s*(\/\/|@@)/.test(line)) {
      const field = FIELD.exec(line);
      if (field) current.set(field[1], { type: field[2] });
    }
  }
  return withKinds(models);
}

// Only when every model is known can a field's type be told apart: relation, scalar or enum.
function withKinds(models) {
  for (const fields of models.values()) {
    for (const field of fields.values()) {
      field.kind = !SCALARS.has(field.type) && models.has(field.type) ? 'relation' : 'scalar';
    }
  }
  return models;
}
