/** Upstream's metrics of what is there now: counted when they are asked for, so that nothing is kept up to date meanwhile. */
import { Counter, Gauge, type Registry } from '../../component-base/metrics.ts'
import { kubernetesVersion } from '../../component-base/version.ts'
import type { RequestInfo } from '../http/request-info.ts'
import { scopeOf, verbOf } from '../http/request-metrics.ts'
import { storagePrefix } from '../registry/keys.ts'
import type { HandlerContext } from './context.ts'

/** The watches and streams of the moment. */
export type LongRunning = () => readonly RequestInfo[]

/** Registers the metrics. */
export function registerStateMetrics(registry: Registry, context: HandlerContext, longRunning: LongRunning): void {
  registerObjects(registry, context)
  registerLongRunning(registry, longRunning)
  registerBuild(registry)
}

type Stored = { readonly group: string; readonly resource: string; readonly count: number }

/** Objects by kind; another version of the same objects is not counted again. */
function stored({ resources, caches }: HandlerContext): readonly Stored[] {
  return resources.all().flatMap((resource) => {
    const { facts, storedAs } = resource
    if (facts.storagePrefix === undefined || storedAs !== undefined) return []
    return [{ group: facts.group, resource: facts.plural, count: caches.cache(storagePrefix(resource)).size }]
  })
}

const objectsHelp =
  'Number of stored objects at the time of last check split by kind. In case of a fetching error, the value will be -1.'

function registerObjects(registry: Registry, context: HandlerContext): void {
  new Gauge({
    name: 'apiserver_resource_objects',
    help: objectsHelp,
    labelNames: ['group', 'resource'] as const,
    registers: [registry],
    collect() {
      this.reset()
      for (const { group, resource, count } of stored(context)) this.set({ group, resource }, count)
    },
  })
  new Gauge({
    name: 'apiserver_storage_objects',
    help: `[DEPRECATED, consider using apiserver_resource_objects instead] ${objectsHelp}`,
    labelNames: ['resource'] as const,
    registers: [registry],
    collect() {
      this.reset()
      for (const { group, resource, count } of stored(context)) {
        this.set({ resource: group === '' ? resource : `${resource}.${group}` }, count)
      }
    },
  })
  new Counter({
    name: 'apiserver_watch_events_total',
    help: 'Number of events sent in watch clients',
    labelNames: ['group', 'version', 'resource'] as const,
    registers: [registry],
    collect() {
      this.reset()
      for (const [{ facts }, count] of context.watchEvents) {
        this.inc({ group: facts.group, version: facts.version, resource: facts.plural }, count)
      }
    },
  })
}

function registerLongRunning(registry: Registry, longRunning: LongRunning): void {
  new Gauge({
    name: 'apiserver_longrunning_requests',
    help: 'Gauge of all active long-running apiserver requests broken out by verb, group, version, resource, scope and component. Not all requests are tracked this way.',
    labelNames: ['verb', 'group', 'version', 'resource', 'subresource', 'scope', 'component'] as const,
    registers: [registry],
    collect() {
      this.reset()
      for (const info of longRunning()) {
        const { group, version, resource, subresource } = info
        const scope = scopeOf(info)
        this.inc({ verb: verbOf(info), group, version, resource, subresource, scope, component: 'apiserver' })
      }
    },
  })
}

function registerBuild(registry: Registry): void {
  const [major = '', minor = ''] = kubernetesVersion.slice(1).split('.')
  const go = { go_version: `node${process.versions.node}`, compiler: 'v8' }
  const platform = `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`
  const build = new Gauge({
    name: 'kubernetes_build_info',
    help: "A metric with a constant '1' value labeled by major, minor, git version, Go version, compiler and platform.",
    labelNames: ['major', 'minor', 'git_version', 'go_version', 'compiler', 'platform'] as const,
    registers: [registry],
  })
  build.set({ major, minor, git_version: kubernetesVersion, ...go, platform }, 1)
}
