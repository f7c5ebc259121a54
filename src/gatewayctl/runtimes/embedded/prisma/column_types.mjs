// PostgreSQL's result columns as the engine needs them: a type number and a text parser per OID.
// Prisma's own adapter refuses a query that returns a type it does not list (`name[]` of
// ARRAY_AGG(viewname), timestamptz[], void…) and ignores time zones. Here an unknown type is text.
import { parsePostgresArray, pg } from './packages.mjs';

// Numbers fixed by the engine's binary interface (ColumnTypeEnum of driver-adapter-utils 5.17).
const TYPE = {
  int32: 0, int64: 1, float: 2, double: 3, numeric: 4, boolean: 5, character: 6, text: 7, date: 8,
  time: 9, dateTime: 10, json: 11, bytes: 13, uuid: 15,
};
const ARRAY_OFFSET = 64;
// 12 and 14 are Enum and Set: the array numbers skip Set.
const arrayType = (type) => ARRAY_OFFSET + (type > 14 ? type - 1 : type);

const asText = (text) => text;
const asNumber = (text) => Number(text);
const asBoolean = (text) => text === 't';
const asBytes = (text) => Array.from(pg().types.getTypeParser(17)(text));
const withoutZone = (text) => text.replace(/[+-]\d\d(:?\d\d)?(:?\d\d)?$/, '');
// `$1,234.50` → `1234.50`: the sign and the separators depend on lc_monetary.
const asMoney = (text) => text.replace(/[^\d.-]/g, '');

/**
 * `2026-11-23 15:00:00.123456+01` → `2026-11-23 14:00:00.123456`: the engine expects UTC without a
 * zone, the server answers in its session's time zone. Microseconds, which Date does not have, are kept.
 */
export function timestamptzToUtc(text) {
  const parts = /^(.+?)(\.\d+)?([+-]\d\d(?::?\d\d)*)$/.exec(text);
  if (!parts || /^[+-]00(:?00)*$/.test(parts[3])) return withoutZone(text);
  const [hours, minutes = '0', seconds = '0'] = parts[3].slice(1).split(':');
  const offset = (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000;
  const local = Date.parse(`${parts[1].replace(' ', 'T')}Z`);
  if (Number.isNaN(local)) return withoutZone(text); // infinity, BC
  const utc = new Date(local - (parts[3][0] === '-' ? -offset : offset));
  return utc.toISOString().slice(0, 19).replace('T', ' ') + (parts[2] ?? '');
}

// [OID, OID of its array, type, parser]
const COLUMNS = [
  [16, 1000, TYPE.boolean, asBoolean],
  [17, 1001, TYPE.bytes, asBytes],
  [18, 1002, TYPE.character, asText],
  [19, 1003, TYPE.text, asText], // name
  [20, 1016, TYPE.int64, asText],
  [21, 1005, TYPE.int32, asNumber],
  [23, 1007, TYPE.int32, asNumber],
  [25, 1009, TYPE.text, asText],
  [26, 1028, TYPE.int64, asText], // oid
  [114, 199, TYPE.json, asText],
  [3802, 3807, TYPE.json, asText], // jsonb
  [700, 1021, TYPE.float, asNumber],
  [701, 1022, TYPE.double, asNumber],
  [790, 791, TYPE.numeric, asMoney],
  [1700, 1231, TYPE.numeric, asText],
  [1042, 1014, TYPE.text, asText], // char(n)
  [1043, 1015, TYPE.text, asText],
  [1082, 1182, TYPE.date, asText],
  [1083, 1183, TYPE.time, asText],
  [1266, 1270, TYPE.time, withoutZone],
  [1114, 1115, TYPE.dateTime, asText],
  [1184, 1185, TYPE.dateTime, timestamptzToUtc],
  [1560, 1561, TYPE.text, asText], // bit
  [1562, 1563, TYPE.text, asText],
  [869, 1041, TYPE.text, asText], // inet
  [650, 651, TYPE.text, asText],
  [142, 143, TYPE.text, asText], // xml
  [2950, 2951, TYPE.uuid, asText],
];

const BY_OID = new Map();
for (const [oid, arrayOid, type, parse] of COLUMNS) {
  BY_OID.set(oid, { type, parse });
  BY_OID.set(arrayOid, { type: arrayType(type), parse: (text) => parsePostgresArray(text, parse) });
}
const UNKNOWN = { type: TYPE.text, parse: asText };

/** @returns {number} the engine's number for the type of a column */
export const columnType = (oid) => (BY_OID.get(oid) ?? UNKNOWN).type;

/** Hook of pg: converts the text of one value to what the engine expects. */
export const typeParsers = { getTypeParser: (oid) => (BY_OID.get(oid) ?? UNKNOWN).parse };
