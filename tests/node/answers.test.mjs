import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toGraphql, toGraphqlBatch } from '../../src/gatewayctl/runtimes/embedded/prisma/answers.mjs';

test('typed values are unwrapped at every level, under the alias', () => {
  const answer = {
    data: {
      findManyTeam: [
        {
          created: { $type: 'DateTime', value: '2026-11-23T00:00:00.000Z' },
          big: { $type: 'BigInt', value: '9223372036854775807' },
          metadata: { $type: 'Json', value: '{"$type":"x","value":1}' },
          keys: [{ at: { $type: 'DateTime', value: 'x' }, nothing: null }],
          models: ['a'],
        },
      ],
    },
  };
  assert.deepEqual(toGraphql(answer, 'result').data, {
    result: [
      {
        created: '2026-11-23T00:00:00.000Z',
        big: '9223372036854775807',
        metadata: '{"$type":"x","value":1}',
        keys: [{ at: 'x', nothing: null }],
        models: ['a'],
      },
    ],
  });
});

test('Json of a raw query is parsed, text that looks like Json is not', () => {
  const value = {
    columns: ['j', 't', 'js'],
    types: ['json', 'string', 'json-array'],
    rows: [['{"a":1}', '{"a":1}', ['1', null]], [null, 'x', null]],
  };
  assert.deepEqual(toGraphql({ data: { queryRaw: { $type: 'Raw', value } } }, 'result').data.result.rows, [
    [{ a: 1 }, '{"a":1}', [1, null]],
    [null, 'x', null],
  ]);
});

test('an error keeps its code, and a missing meta becomes an empty one', () => {
  const errors = [{ error: 'x', user_facing_error: { error_code: 'P2002', message: 'm', meta: null } }];
  const answer = toGraphql({ errors }, 'result');
  assert.deepEqual(answer.errors[0].user_facing_error, { error_code: 'P2002', message: 'm', meta: {} });
});

test('each answer of a batch gets its own alias', () => {
  const answer = { batchResult: [{ data: { createOneTeam: { id: 'a' } } }, { data: { deleteManyTeam: { count: 2 } } }] };
  assert.deepEqual(toGraphqlBatch(answer, ['one', 'two']).batchResult, [
    { data: { one: { id: 'a' } } },
    { data: { two: { count: 2 } } },
  ]);
});

test('a batch that fails as a whole stays an error', () => {
  assert.equal(toGraphqlBatch({ errors: [{ error: 'x' }] }, ['one']).errors[0].error, 'x');
});
