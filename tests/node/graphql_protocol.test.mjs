import assert from 'node:assert/strict';
import { test } from 'node:test';
import { translate } from '../../src/gatewayctl/runtimes/embedded/prisma/graphql_protocol.mjs';
import { MODELS } from './support.mjs';

const json = (value) => ({ $type: 'Json', value });
const argumentsOf = (document) => translate(document, MODELS).query.query.arguments;

test('a find becomes action, model, arguments and selection', () => {
  const { alias, query } = translate(
    'query { result: findManyTeam(where: {team_id: "a"}, take: 2, orderBy: [{spend: "desc"}]) { team_id keys(take: 1) { token } } }',
    MODELS,
  );
  assert.equal(alias, 'result');
  assert.deepEqual(query, {
    modelName: 'Team',
    action: 'findMany',
    query: {
      arguments: { where: { team_id: 'a' }, take: 2, orderBy: [{ spend: 'desc' }] },
      selection: { team_id: true, keys: { arguments: { take: 1 }, selection: { token: true } } },
    },
  });
});

for (const [name, action] of [
  ['findUniqueTeam', 'findUnique'],
  ['findFirstTeamOrThrow', 'findFirstOrThrow'],
  ['createManyTeam', 'createMany'],
  ['createOneTeam', 'createOne'],
  ['upsertOneTeam', 'upsertOne'],
  ['deleteManyTeam', 'deleteMany'],
  ['groupByTeam', 'groupBy'],
]) {
  test(`${name} is action ${action}`, () => {
    const { query } = translate(`query { result: ${name} { team_id } }`, MODELS);
    assert.deepEqual([query.action, query.modelName], [action, 'Team']);
  });
}

test('a count selects inside _count', () => {
  const { query } = translate('query { result: aggregateTeam { _count { _all } } }', MODELS);
  assert.deepEqual(query.query.selection, { _count: { arguments: {}, selection: { _all: true } } });
});

test('a raw query has no model and its parameters stay JSON text', () => {
  const { query } = translate('mutation { result: queryRaw(query: "SELECT $1", parameters: "[{\\"a\\": 1}]") }', MODELS);
  assert.deepEqual(query, {
    action: 'queryRaw',
    query: { arguments: { query: 'SELECT $1', parameters: '[{"a": 1}]' }, selection: {} },
  });
});

test('Json is tagged in data, in filters, in lists and under set', () => {
  assert.deepEqual(argumentsOf('mutation { result: createOneTeam(data: {metadata: "{}", extras: {set: ["1", "2"]}}) { team_id } }'), {
    data: { metadata: json('{}'), extras: { set: [json('1'), json('2')] } },
  });
  assert.deepEqual(
    argumentsOf('query { result: findManyTeam(where: {OR: [{metadata: {equals: "{}", path: ["a"]}}, {NOT: {metadata: {path: ["b"], string_contains: "x"}}}]}) { team_id } }'),
    {
      where: {
        OR: [
          { metadata: { equals: json('{}'), path: ['a'] } },
          { NOT: { metadata: { path: ['b'], string_contains: 'x' } } },
        ],
      },
    },
  );
});

test('a field named like an argument is still a field', () => {
  assert.deepEqual(argumentsOf('mutation { result: createOneTeam(data: {data: "[1]"}) { team_id } }'), { data: { data: json('[1]') } });
});

test('null enums of a Json field are not tagged as Json', () => {
  assert.deepEqual(argumentsOf('query { result: findManyTeam(where: {data: {equals: DbNull}}) { team_id } }'), {
    where: { data: { equals: { $type: 'Enum', value: 'DbNull' } } },
  });
  assert.deepEqual(argumentsOf('mutation { result: createOneTeam(data: {data: "null"}) { team_id } }'), { data: { data: json('null') } });
});

test('Json is tagged in nested writes of related models', () => {
  const args = argumentsOf(`mutation { result: upsertOneTeam(
      where: {team_id: "a"},
      data: {
        create: {keys: {create: [{token: "t", metadata: "{}"}]}},
        update: {keys: {
          upsert: [{where: {token: "t"}, create: {token: "t", metadata: "1"}, update: {metadata: "2"}}],
          connectOrCreate: {where: {token: "u"}, create: {token: "u", metadata: "3"}},
          updateMany: {where: {metadata: {equals: "4"}}, data: {metadata: "5"}}
        }}
      }) { team_id } }`);
  const { create, update } = args.data;
  assert.deepEqual(create.keys.create[0].metadata, json('{}'));
  assert.deepEqual(update.keys.upsert[0].create.metadata, json('1'));
  assert.deepEqual(update.keys.upsert[0].update.metadata, json('2'));
  assert.deepEqual(update.keys.connectOrCreate.create.metadata, json('3'));
  assert.deepEqual(update.keys.updateMany, { where: { metadata: { equals: json('4') } }, data: { metadata: json('5') } });
});

test('compound keys and relation filters reach the right model', () => {
  const args = argumentsOf('query { result: findManyKey(where: {token_team_id: {token: "a", team_id: "b"}, team: {is: {metadata: {equals: "{}"}}}}) { token } }');
  assert.deepEqual(args.where.team, { is: { metadata: { equals: json('{}') } } });
  assert.deepEqual(args.where.token_team_id, { token: 'a', team_id: 'b' });
});

test('integers beyond 2**53 keep every digit, floats stay numbers', () => {
  const args = argumentsOf('mutation { result: createOneTeam(data: {limit: 9223372036854775807, spend: 1e-7, models: ["a", "b"]}) { team_id } }');
  assert.deepEqual(args.data, { limit: { $type: 'BigInt', value: '9223372036854775807' }, spend: 1e-7, models: ['a', 'b'] });
  const float = argumentsOf('mutation { result: createOneTeam(data: {spend: {increment: 12345678901234567890}}) { team_id } }');
  assert.deepEqual(float.data, { spend: { increment: 12345678901234567000 } });
});

test('unsupported documents are refused', () => {
  assert.throws(() => translate('query { result: findManyNothing { id } }', MODELS), /unknown operation/);
  assert.throws(() => translate('query { a: findManyTeam { team_id } b: findManyTeam { team_id } }', MODELS), /one root field/);
  assert.throws(() => translate('query ($x: Int) { result: findManyTeam(take: $x) { team_id } }', MODELS), /variables/);
  assert.throws(() => translate('query {', MODELS));
});
