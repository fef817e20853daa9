/** The only writer of routes, addresses and links. */
import { ExecError, run } from '../../component-base/exec.ts'
import { parseRoutes, type Route, type RouteAction, renderRouteAction } from './plan.ts'

/** Runs lines of `ip -batch`; stops at the first that fails. */
export async function ipBatch(lines: readonly string[], signal: AbortSignal): Promise<void> {
  if (lines.length === 0) return
  await run('ip', ['-batch', '-'], { input: `${lines.join('\n')}\n`, signal })
}

/** Asks `ip -json`; an unknown device gives `undefined`. */
export async function ipQuery(args: readonly string[], signal: AbortSignal): Promise<unknown> {
  try {
    const { stdout } = await run('ip', ['-json', ...args], { signal })
    return stdout.trim() === '' ? [] : JSON.parse(stdout)
  } catch (error) {
    if (error instanceof ExecError && /does not exist|Cannot find device/.test(error.stderr)) return undefined
    throw error
  }
}

/** The IPv4 routes of the main table. */
export async function observeRoutes(signal: AbortSignal): Promise<readonly Route[]> {
  return parseRoutes(await ipQuery(['-4', 'route', 'show', 'table', 'main'], signal))
}

/**
 * Applies every action, also when one fails: an unreachable host must not keep
 * the others from theirs. Resolves with what `ip` had to say, '' when all went well.
 */
export async function applyRoutes(actions: readonly RouteAction[], signal: AbortSignal): Promise<string> {
  if (actions.length === 0) return ''
  try {
    const input = `${actions.map(renderRouteAction).join('\n')}\n`
    await run('ip', ['-force', '-batch', '-'], { input, signal })
    return ''
  } catch (error) {
    if (error instanceof ExecError && error.exitCode !== undefined) return error.stderr.trim()
    throw error
  }
}
