// Stops the engine when its parent process has ended. LiteLLM stops its engine on a normal exit, but
// not after a kill -9, and the connections would stay open.

const INTERVAL = 500; // milliseconds; a poll is one system call

/**
 * @param {number} expected process id of the parent, as seen before Node started
 * @param {() => number} current
 * @param {() => void} onOrphaned called once
 */
export function watchParent(expected, current, onOrphaned) {
  const timer = setInterval(() => {
    if (current() === expected) return;
    clearInterval(timer);
    onOrphaned();
  }, INTERVAL);
  timer.unref();
  return timer;
}
