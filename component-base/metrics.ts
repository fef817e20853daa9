import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

export { Counter, Gauge, Histogram, Registry }

/** How often the lag of the event loop is looked at; each look wakes an idle process. */
const lagEveryMs = 200

/** A registry with the process's own figures (CPU seconds, resident memory, open files, event-loop lag). */
export function createRegistry(): Registry {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: lagEveryMs })
  return registry
}
