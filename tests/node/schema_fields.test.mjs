import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MODELS } from './support.mjs';

test('models are found, comments and enums are not models', () => {
  assert.deepEqual([...MODELS.keys()], ['Team', 'Key']);
});

test('fields are scalars, enums or relations', () => {
  const team = MODELS.get('Team');
  assert.deepEqual(team.get('metadata'), { type: 'Json', kind: 'scalar' });
  assert.deepEqual(team.get('status'), { type: 'JobStatus', kind: 'scalar' });
  assert.deepEqual(team.get('keys'), { type: 'Key', kind: 'relation' });
  assert.equal(team.get('limit').type, 'BigInt');
});

test('attributes of a block are not fields', () => {
  assert.deepEqual([...MODELS.get('Key').keys()], ['token', 'team_id', 'metadata', 'team']);
});
