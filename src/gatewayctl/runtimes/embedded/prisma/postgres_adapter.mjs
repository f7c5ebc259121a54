// The engine's connection to PostgreSQL: a driver adapter (the interface of
// @prisma/driver-adapter-utils 5.17) over one pg pool. Prisma's own adapter keeps every error forever
// and never releases the pool slot of a connection that is lost inside a transaction: after ten such
// losses the gateway hangs.
import { columnType, typeParsers } from './column_types.mjs';

const ok = (value) => ({
  ok: true,
  value,
  map: (change) => ok(change(value)),
  flatMap: (change) => change(value),
});
const failed = (error) => {
  const result = { ok: false, error, map: () => result, flatMap: () => result };
  return result;
};

/**
 * The engine passes on errors it cannot represent as a number. Each error is consumed once; errors
 * that the engine never returns are dropped from 1000 on.
 */
class ErrorRegistry {
  #errors = new Map();
  #next = 0;

  add(error) {
    const id = this.#next;
    this.#next = (id + 1) % 1_000_000;
    this.#errors.set(id, error);
    if (this.#errors.size > 1000) this.#errors.delete(this.#errors.keys().next().value);
    return id;
  }

  consumeError(id) {
    const error = this.#errors.get(id);
    this.#errors.delete(id);
    return error === undefined ? undefined : { error };
  }
}

class Queryable {
  provider = 'postgres';
  adapterName = '@prisma/adapter-pg';

  constructor(client, errorRegistry) {
    this.client = client;
    this.errorRegistry = errorRegistry;
    // The engine calls these as plain functions.
    this.queryRaw = this.queryRaw.bind(this);
    this.executeRaw = this.executeRaw.bind(this);
  }

  async queryRaw(query) {
    const result = await this.send(query);
    return result.map(({ fields, rows }) => ({
      columnNames: fields.map((field) => field.name),
      columnTypes: fields.map((field) => columnType(field.dataTypeID)),
      rows,
    }));
  }

  async executeRaw(query) {
    const result = await this.send(query);
    return result.map(({ rowCount }) => rowCount ?? 0);
  }

  async send({ sql, args }) {
    try {
      return ok(
        await this.client.query({ text: sql, values: args.map(toParameter), rowMode: 'array', types: typeParsers }),
      );
    } catch (error) {
      this.onError(error);
      return failed(this.describe(error));
    }
  }

  onError() {}

  describe(error) {
    if (!isFromServer(error)) return { kind: 'GenericJs', id: this.errorRegistry.add(error) };
    const { code, severity, message, detail, column, hint } = error;
    return { kind: 'Postgres', code, severity, message, detail, column, hint };
  }
}

class Transaction extends Queryable {
  // The engine sends BEGIN, COMMIT and ROLLBACK as statements of its own.
  options = { usePhantomQuery: false };
  #released = false;
  // When the connection is lost between two statements, its slot is released at once.
  #onLost = () => this.#release(true);

  constructor(client, errorRegistry) {
    super(client, errorRegistry);
    client.on('error', this.#onLost);
    this.commit = this.rollback = async () => {
      this.#release(false);
      return ok(undefined);
    };
  }

  async send(query) {
    const result = await super.send(query);
    // After a failed COMMIT or ROLLBACK the engine does not use the connection again.
    if (!result.ok && /^(COMMIT|ROLLBACK)$/i.test(query.sql.trim())) this.#release(true);
    return result;
  }

  onError(error) {
    if (!isFromServer(error) || error.severity === 'FATAL' || error.severity === 'PANIC') this.#release(true);
  }

  #release(broken) {
    if (this.#released) return;
    this.#released = true;
    this.client.off('error', this.#onLost);
    this.client.release(broken);
  }
}

export class PostgresAdapter extends Queryable {
  /**
   * @param {import('pg').Pool} pool
   * @param {string | undefined} schemaName the schema of unqualified tables, `public` when absent
   */
  constructor(pool, schemaName) {
    super(pool, new ErrorRegistry());
    this.schemaName = schemaName;
    this.startTransaction = this.startTransaction.bind(this);
    this.getConnectionInfo = () => ok({ schemaName: this.schemaName });
  }

  async startTransaction() {
    try {
      return ok(new Transaction(await this.client.connect(), this.errorRegistry));
    } catch (error) {
      return failed(this.describe(error));
    }
  }
}

function isFromServer(error) {
  // FATAL means that the connection was closed: a connection error, not an error of the query.
  return typeof error?.severity === 'string' && typeof error.code === 'string' && error.severity !== 'FATAL';
}

// pg sends a view of bytes as bytea, but views inside a list as JSON.
function toParameter(value) {
  if (!Array.isArray(value)) return value;
  return value.map((one) => (ArrayBuffer.isView(one) ? Buffer.from(one.buffer, one.byteOffset, one.byteLength) : one));
}
