// Converts a GraphQL document of the Prisma client for Python to a query of the JSON protocol, the
// only one of the WebAssembly engine. Pure: text in, data out. answers.mjs converts the answers.
import { graphqlParser } from './packages.mjs';
import { typedArguments } from './typed_arguments.mjs';

// `findFirstUserOrThrow` is action findFirstOrThrow on model User. Longest names first.
const ACTIONS = [
  'createManyAndReturn', 'createMany', 'createOne', 'updateMany', 'updateOne', 'upsertOne',
  'deleteMany', 'deleteOne', 'findUnique', 'findFirst', 'findMany', 'aggregate', 'groupBy',
];
const OR_THROW = 'OrThrow';
const RAW = new Set(['queryRaw', 'executeRaw']);

/**
 * @param {string} document GraphQL with one root field, e.g. `query { result: findManyUser {id} }`
 * @param {Map<string, Map<string, object>>} models from readModels
 * @returns {{alias: string, action: string, query: object}} `alias` is the key the client expects
 *   in the answer, `query` is for the engine
 * @throws {SyntaxError} for a document this program does not support
 */
export function translate(document, models) {
  const root = rootField(graphqlParser().parse(document, { noLocation: true }));
  const name = root.name.value;
  const { action, modelName } = splitName(name, models);
  const args = argumentsOf(root);
  const query = {
    action,
    query: {
      arguments: modelName ? typedArguments(args, modelName, models) : args,
      selection: selectionOf(root, modelName, models),
    },
  };
  if (modelName) query.modelName = modelName;
  return { alias: root.alias?.value ?? name, action, query };
}

function rootField(document) {
  const fields = document.definitions.flatMap((one) => one.selectionSet?.selections ?? []);
  if (fields.length !== 1 || fields[0].kind !== 'Field') {
    throw new SyntaxError(`expected one root field, got ${fields.length}`);
  }
  return fields[0];
}

function splitName(name, models) {
  if (RAW.has(name)) return { action: name, modelName: undefined };
  for (const action of ACTIONS) {
    if (!name.startsWith(action)) continue;
    const rest = name.slice(action.length);
    if (models.has(rest)) return { action, modelName: rest };
    const bare = rest.endsWith(OR_THROW) && rest.slice(0, -OR_THROW.length);
    if (bare && models.has(bare)) return { action: action + OR_THROW, modelName: bare };
  }
  throw new SyntaxError(`unknown operation ${name}`);
}

function argumentsOf(field) {
  return Object.fromEntries((field.arguments ?? []).map((one) => [one.name.value, literal(one.value)]));
}

function selectionOf(field, modelName, models) {
  const selection = {};
  for (const one of field.selectionSet?.selections ?? []) {
    const name = one.name.value;
    selection[name] = one.selectionSet || one.arguments?.length ? nested(one, modelName, models) : true;
  }
  return selection;
}

function nested(field, modelName, models) {
  const known = models.get(modelName)?.get(field.name.value);
  // `_count {_all}` and the like select from the same model; only a relation changes it.
  const inner = known?.kind === 'relation' ? known.type : modelName;
  const args = argumentsOf(field);
  return {
    arguments: inner ? typedArguments(args, inner, models) : args,
    selection: selectionOf(field, inner, models),
  };
}

function literal(node) {
  switch (node.kind) {
    case 'IntValue':
      return integer(node.value);
    case 'FloatValue':
      return Number(node.value);
    case 'NullValue':
      return null;
    case 'ListValue':
      return node.values.map(literal);
    case 'ObjectValue':
      return Object.fromEntries(node.fields.map((one) => [one.name.value, literal(one.value)]));
    case 'Variable':
      throw new SyntaxError('variables are not used by the Python client and not supported');
    default: // StringValue, BooleanValue, EnumValue
      return node.value;
  }
}

// JavaScript numbers are exact up to 2**53: larger integers stay strings.
function integer(text) {
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : { $type: 'BigInt', value: text };
}
