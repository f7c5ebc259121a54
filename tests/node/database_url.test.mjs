import assert from 'node:assert/strict';
import { test } from 'node:test';
import { databaseSettings } from '../../src/gatewayctl/runtimes/embedded/prisma/database_url.mjs';

const URL_WITH_ALL =
  'postgresql://user:p%40ss@127.0.0.1:15432/litellm?connection_limit=7&pool_timeout=60&schema=public&pgbouncer=true&connect_timeout=5&socket_timeout=9&application_name=x';

test("Prisma's own parameters become pool settings and leave the URL", () => {
  const { pool, schemaName, address } = databaseSettings({ DATABASE_URL: URL_WITH_ALL }, 2);
  assert.equal(pool.max, 7);
  assert.equal(pool.connectionTimeoutMillis, 60_000);
  assert.equal(pool.query_timeout, 9000);
  assert.equal(schemaName, 'public');
  assert.deepEqual(address, { host: '127.0.0.1', port: '15432' });
  assert.equal(pool.connectionString, 'postgresql://user:p%40ss@127.0.0.1:15432/litellm?application_name=x');
});

test("the defaults are Prisma's", () => {
  const { pool } = databaseSettings({ DATABASE_URL: 'postgresql://u@h/db' }, 2);
  assert.equal(pool.max, 5);
  assert.equal(pool.connectionTimeoutMillis, 10_000);
});

test('an overwritten data source wins', () => {
  const env = { DATABASE_URL: 'postgresql://u@one/db', OVERWRITE_DATASOURCES: '[{"name":"client","url":"postgresql://u@two/db"}]' };
  assert.equal(databaseSettings(env, 2).address.host, 'two');
});

test('another schema becomes the search path', () => {
  const { pool } = databaseSettings({ DATABASE_URL: 'postgresql://u@h/db?schema=other' }, 2);
  assert.match(new URL(pool.connectionString).searchParams.get('options'), /search_path="other"/);
});

test('an invalid URL is never shown', () => {
  for (const env of [{ DATABASE_URL: 'postgresql://u:geheim@h:notaport/db' }, { DATABASE_URL: 'x', OVERWRITE_DATASOURCES: '{geheim' }]) {
    assert.throws(() => databaseSettings(env, 2), (error) => !JSON.stringify([error.message, error.input, error.cause]).includes('geheim'));
  }
  assert.throws(() => databaseSettings({}, 2), /DATABASE_URL is not set/);
});
