/** The only writer of routes, addresses and neighbours. */
import { ExecError, run } from '../../component-base/exec.ts'
import { type Family, familyFacts } from '../family.ts'
import { ipQuery } from './links.ts'
import { parseRoutes, type Route, type RouteAction, renderRouteAction } from './plan.ts'

/** The routes of the main table. */
export async function observeRoutes(wanted: readonly Family[], signal: AbortSignal): Promise<readonly Route[]> {
  const lists = wanted.map(async (family) => {
    return parseRoutes(await ipQuery([familyFacts[family].ipFlag, 'route', 'show', 'table', 'main'], signal))
  })
  return (await Promise.all(lists)).flat()
}

/**
 * Applies every action, also when one fails: an unreachable host must not keep
 * the others from theirs. Resolves with what `ip` had to say, '' when all went well.
 */
export async function applyRoutes(actions: readonly RouteAction[], signal: AbortSignal): Promise<string> {
  return await forceBatch('ip', actions.map(renderRouteAction), signal)
}

/** Runs every line, also when one fails; what the tool had to say, '' when all went well. */
export async function forceBatch(
  tool: 'bridge' | 'ip',
  lines: readonly string[],
  signal: AbortSignal,
): Promise<string> {
  if (lines.length === 0) return ''
  try {
    await run(tool, ['-force', '-batch', '-'], { input: `${lines.join('\n')}\n`, signal })
    return ''
  } catch (error) {
    if (error instanceof ExecError && error.exitCode !== undefined) return error.stderr.trim()
    throw error
  }
}
