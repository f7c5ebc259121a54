// The answer of `GET /metrics`: the state of the pool, with the metric names of the native engine.

/** @returns {{counters: [], gauges: object[], histograms: []}} */
export function metrics(pool) {
  const gauge = (key, description, value) => ({ key, labels: {}, value, description });
  return {
    counters: [],
    gauges: [
      gauge('prisma_pool_connections_open', 'Open connections', pool.totalCount),
      gauge('prisma_pool_connections_idle', 'Idle connections', pool.idleCount),
      gauge('prisma_pool_connections_busy', 'Busy connections', pool.totalCount - pool.idleCount),
      gauge('prisma_client_queries_wait', 'Queries waiting for a connection', pool.waitingCount),
    ],
    histograms: [],
  };
}

export function prometheus({ gauges }) {
  return gauges
    .map(({ key, description, value }) => `# HELP ${key} ${description}\n# TYPE ${key} gauge\n${key} ${value}\n`)
    .join('\n');
}
