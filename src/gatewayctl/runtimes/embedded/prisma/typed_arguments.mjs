// Adds the types that the JSON protocol needs and GraphQL lacks to the arguments of a query. In
// GraphQL the value of a Json field is a plain string with JSON text; without a type, the JSON
// protocol would store that text as a JSON *string*, encoded twice. Pure.

// Enum values that are allowed in place of Json; none of them is valid JSON text.
const JSON_NULLS = new Set(['DbNull', 'JsonNull', 'AnyNull']);
// Operators of a Json filter whose operand is not Json.
const PLAIN_OPERATORS = new Set([
  'path', 'mode', 'string_contains', 'string_starts_with', 'string_ends_with',
]);
// Keys of a nested write or filter that contain arguments again (`upsert: {where, create, update}`).
const ARGUMENT_KEYS = new Set(['where', 'create', 'update', 'data', 'skipDuplicates']);

/**
 * @param {object} args arguments of one operation on `modelName` (`where`, `data`, `take`…)
 * @returns {object} the same, with values of Json fields tagged
 */
export function typedArguments(args, modelName, models) {
  return mapObject(args, (value) => ofModel(value, modelName, models));
}

// An object whose keys are fields of the model, or AND / OR / NOT, or a compound key's name.
function ofModel(value, modelName, models) {
  if (Array.isArray(value)) return value.map((one) => ofModel(one, modelName, models));
  if (!isPlainObject(value)) return value;
  const fields = models.get(modelName);
  return mapObject(value, (inner, key) => {
    const field = fields?.get(key);
    if (!field) return ofModel(inner, modelName, models);
    if (field.kind === 'relation') return ofRelation(inner, field.type, models);
    return ofScalar(inner, field.type);
  });
}

// `{create: …}`, `{some: …}`, `{connectOrCreate: {where, create}}`; or the related model's fields.
function ofRelation(value, modelName, models) {
  if (Array.isArray(value)) return value.map((one) => ofRelation(one, modelName, models));
  if (!isPlainObject(value)) return value;
  const fields = models.get(modelName);
  return mapObject(value, (inner, key) =>
    fields?.has(key) ? ofModel({ [key]: inner }, modelName, models)[key] : operand(inner, modelName, models),
  );
}

function operand(value, modelName, models) {
  if (Array.isArray(value)) return value.map((one) => operand(one, modelName, models));
  const holdsArguments =
    isPlainObject(value) && Object.keys(value).length > 0 && Object.keys(value).every((key) => ARGUMENT_KEYS.has(key));
  return holdsArguments ? typedArguments(value, modelName, models) : ofModel(value, modelName, models);
}

function ofScalar(value, type) {
  if (type === 'Json') return json(value);
  if (type === 'Float') return floats(value);
  return value;
}

function json(value) {
  if (typeof value === 'string') return { $type: JSON_NULLS.has(value) ? 'Enum' : 'Json', value };
  if (Array.isArray(value)) return value.map(json);
  if (!isPlainObject(value)) return value;
  return mapObject(value, (inner, key) => (PLAIN_OPERATORS.has(key) ? inner : json(inner)));
}

// A large integer literal may also belong to a Float field, which accepts no BigInt.
function floats(value) {
  if (Array.isArray(value)) return value.map(floats);
  if (value?.$type === 'BigInt') return Number(value.value);
  return isPlainObject(value) ? mapObject(value, floats) : value;
}

function isPlainObject(value) {
  return value !== null && typeof value === 'object' && !Array.isArray(value) && !('$type' in value);
}

function mapObject(object, change) {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(value, key)]));
}
