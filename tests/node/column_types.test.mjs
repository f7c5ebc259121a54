import assert from 'node:assert/strict';
import { test } from 'node:test';
import { columnType, timestamptzToUtc, typeParsers } from '../../src/gatewayctl/runtimes/embedded/prisma/column_types.mjs';

const parse = (oid, text) => typeParsers.getTypeParser(oid)(text);

test('name[] and unknown types are text', () => {
  assert.equal(columnType(1003), 64 + 7);
  assert.deepEqual(parse(1003, '{a,"b c"}'), ['a', 'b c']);
  assert.equal(columnType(2278), 7); // void
  assert.equal(columnType(99999), 7); // an enum
});

test('the numbers of the array types skip Set', () => {
  assert.equal(columnType(2951), 78); // uuid[]
  assert.equal(columnType(3807), 75); // jsonb[]
});

test('values keep their digits', () => {
  assert.equal(parse(20, '9223372036854775807'), '9223372036854775807');
  assert.equal(parse(1700, '0.10'), '0.10');
  assert.deepEqual(parse(1016, '{9223372036854775807,NULL}'), ['9223372036854775807', null]);
});

test('bytes are numbers, booleans are booleans', () => {
  assert.deepEqual(parse(17, '\\x00ff'), [0, 255]);
  assert.deepEqual(parse(1000, '{t,f}'), [true, false]);
});

for (const [text, utc] of [
  ['2026-11-23 14:00:00.123456+00', '2026-11-23 14:00:00.123456'],
  ['2026-11-23 14:00:00.5+01', '2026-11-23 13:00:00.5'],
  ['2026-12-31 23:30:00-05:30', '2027-01-01 05:00:00'],
]) {
  test(`${text} is ${utc} in UTC`, () => assert.equal(timestamptzToUtc(text), utc));
}
