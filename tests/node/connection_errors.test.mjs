import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explainErrors } from '../../src/gatewayctl/runtimes/embedded/prisma/connection_errors.mjs';

const ADDRESS = { host: '127.0.0.1', port: '5432' };
const external = { errors: [{ error: 'x', user_facing_error: { error_code: 'P2036', meta: { id: 7 }, message: 'x' } }] };

function explained(error) {
  const registry = { consumeError: (id) => (id === 7 ? { error } : undefined) };
  return explainErrors(external, registry, ADDRESS).errors[0].user_facing_error;
}

for (const [name, error, code] of [
  ['a refused connection', Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }), 'P1001'],
  ['a lost connection', new Error('Connection terminated unexpectedly'), 'P1001'],
  ['a server shutting down', Object.assign(new Error('x'), { severity: 'FATAL', code: '57P01' }), 'P1001'],
  ['a full pool', new Error('timeout exceeded when trying to connect'), 'P2024'],
  ['a wrong password', Object.assign(new Error('x'), { severity: 'FATAL', code: '28P01' }), 'P1000'],
  ['no such database', Object.assign(new Error('x'), { severity: 'FATAL', code: '3D000' }), 'P1003'],
  ['a full server', Object.assign(new Error('sorry, too many clients already'), { severity: 'FATAL', code: '53300' }), 'P2037'],
]) {
  test(`${name} is ${code}`, () => assert.equal(explained(error).error_code, code));
}

test('the message has the text that LiteLLM matches', () => {
  assert.match(explained(new Error('Connection terminated')).message, /^Can't reach database server at `127.0.0.1:5432`/);
});

test('other errors are unchanged', () => {
  const answer = { errors: [{ error: 'x', user_facing_error: { error_code: 'P2002', meta: {} } }] };
  assert.deepEqual(explainErrors(answer, { consumeError: () => assert.fail() }, ADDRESS), answer);
});

test('answers of a batch are explained one by one', () => {
  const registry = { consumeError: () => ({ error: new Error('Connection terminated') }) };
  const answer = explainErrors({ batchResult: [external, { data: {} }] }, registry, ADDRESS);
  assert.equal(answer.batchResult[0].errors[0].user_facing_error.error_code, 'P1001');
  assert.deepEqual(answer.batchResult[1], { data: {} });
});
