// The models and fields of a Prisma schema, as far as translating a query needs them. Must not know
// about queries. Matching single lines is enough, because the engine itself validates the schema.

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

// Relations can be told from enums only once every model is known.
function withKinds(models) {
  for (const fields of models.values()) {
    for (const field of fields.values()) {
      field.kind = !SCALARS.has(field.type) && models.has(field.type) ? 'relation' : 'scalar';
    }
  }
  return models;
}
