/**
 * Pages for people who look after the server: its flags, its state, and what the runtime can tell of itself. Upstream's are made by
 * Go's runtime; what Node has no counterpart for says so with 501.
 */
import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8'
import { kubernetesVersion } from '../../component-base/version.ts'

export type DebugFacts = {
  readonly flags: Readonly<Record<string, unknown>>
  readonly startedMs: number
  readonly nowMs: number
}
export type DebugPage = {
  readonly status: number
  readonly contentType: string
  readonly body: string
  readonly location?: string
}

const text = 'text/plain; charset=utf-8'
const html = 'text/html; charset=utf-8'

/** The paths for the index. */
export const debugPaths: readonly string[] = ['/flagz', '/metrics/slis', '/statusz']

/** The page at a path; `undefined`: it is none of these. */
export function debugPage(path: string, method: string, facts: DebugFacts): DebugPage | undefined {
  if (path === '/statusz') return { status: 200, contentType: text, body: statusz(facts) }
  if (path === '/flagz') return { status: 200, contentType: text, body: flagz(facts) }
  if (path === '/debug/flags' || path === '/debug/flags/') return { status: 200, contentType: html, body: flagIndex }
  if (path === '/debug/flags/v') return verbosity(method)
  if (path === '/debug/pprof') {
    const body = '<a href="/debug/pprof/">Found</a>.\n\n'
    return { status: 302, contentType: html, body, location: '/debug/pprof/' }
  }
  return path.startsWith('/debug/pprof/') ? profile(path.slice('/debug/pprof/'.length)) : undefined
}

const warning =
  'Warning: This endpoint is not meant to be machine parseable, has no formatting compatibility guarantees and is for debugging purposes only.'

/** Source: `component-base/zpages/statusz`. */
function statusz({ startedMs, nowMs }: DebugFacts): string {
  return [
    '',
    'apiserver statusz',
    warning,
    '',
    `Started= ${new Date(startedMs).toUTCString()}`,
    `Up= ${uptime(Math.max(0, Math.floor((nowMs - startedMs) / 1000)))}`,
    `Go version= node${process.versions.node}`,
    `Binary version= ${kubernetesVersion.slice(1)}`,
    `Emulation version= ${kubernetesVersion.slice(1).split('.').slice(0, 2).join('.')}`,
    'Paths= /flagz /healthz /livez /metrics /readyz /statusz /version',
    '',
    '',
  ].join('\n')
}

function uptime(seconds: number): string {
  return `${Math.floor(seconds / 3600)} hr ${String(Math.floor(seconds / 60) % 60).padStart(2, '0')} min ${String(seconds % 60).padStart(2, '0')} sec`
}

/** Source: `component-base/zpages/flagz`. */
function flagz({ flags }: DebugFacts): string {
  const lines = Object.keys(flags)
    .toSorted()
    .map((name) => `${name}:${flagText(flags[name])}`)
  return ['', 'apiserver flagz', warning, ...lines, ''].join('\n')
}

function flagText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(String).join(',')}]`
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value ?? '')
}

const flagIndex =
  '<html>\n<head>\n<title>/debug/flags/</title>\n</head>\n<body>\n/debug/flags/<br>\n<br>\nflags:<br>\n<table>\n</table>\n<br>\nno flag can be changed while the server runs<br>\n</body>\n</html>\n'

function verbosity(method: string): DebugPage {
  if (method !== 'PUT') return { status: 406, contentType: 'text/plain', body: 'unsupported http method\n' }
  return missing('the verbosity of the log cannot be changed while the server runs')
}

const profiles: Readonly<Record<string, () => DebugPage>> = {
  heap: () => page(heapText()),
  threadcreate: () => page(countText()),
  symbol: () => page('num_symbols: 0\n'),
  allocs: () => missing('V8 keeps no record of past allocations'),
  block: () => missing('Node has one thread for JavaScript; nothing blocks on another'),
  goroutine: () => missing('Node has no goroutines; see threadcreate for what is under way'),
  mutex: () => missing('Node has no mutexes'),
  profile: () => missing('no profile of the processor is taken; start the program with --cpu-prof'),
  trace: () => missing('no trace is taken; start the program with --trace-event-categories'),
}

function profile(name: string): DebugPage {
  if (name === '') return { status: 200, contentType: html, body: profileIndex() }
  const known = Object.hasOwn(profiles, name) ? profiles[name] : undefined
  return known?.() ?? { status: 404, contentType: text, body: 'Unknown profile\n' }
}

function profileIndex(): string {
  const rows = Object.keys(profiles)
    .toSorted()
    .map((name) => `<tr><td><a href='${name}?debug=1'>${name}</a></td></tr>`)
  return `<html>\n<head>\n<title>/debug/pprof/</title>\n</head>\n<body>\n/debug/pprof/\n<br>\nTypes of profiles available:\n<table>\n<thead><td>Profile</td></thead>\n${rows.join('\n')}\n</table>\n</body>\n</html>\n`
}

function heapText(): string {
  const spaces = getHeapSpaceStatistics().map(
    ({ space_name: name, space_used_size: used, space_size: size }) => `${name}: ${used} of ${size} bytes`,
  )
  const whole = Object.entries(getHeapStatistics()).map(([name, value]) => `# ${name} = ${value}`)
  return ['heap of V8', ...spaces, '', ...whole, ''].join('\n')
}

/** What keeps the process busy, by kind. */
function countText(): string {
  const counts = new Map<string, number>()
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  const lines = [...counts].toSorted().map(([kind, count]) => `${count} ${kind}`)
  return ['active resources of Node', ...lines, ''].join('\n')
}

function page(body: string): DebugPage {
  return { status: 200, contentType: text, body }
}

function missing(why: string): DebugPage {
  return { status: 501, contentType: text, body: `Not Implemented: ${why}\n` }
}
