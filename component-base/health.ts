/** `/healthz`, `/livez`, `/readyz` as upstream's programs answer them: `ok`, `?verbose`, `?exclude=`, one path per check. */

export type CheckGroup = 'healthz' | 'livez' | 'readyz'
/** `undefined`: healthy; a string: why not. Told which of the paths asks. */
export type Check = (group: CheckGroup) => string | undefined | Promise<string | undefined>
export type HealthAnswer = { readonly status: number; readonly body: string }

/** Named checks of one program. */
export class HealthChecks {
  readonly #onResult: CheckListener | undefined
  readonly #checks = new Map<string, { readonly check: Check; readonly groups: ReadonlySet<CheckGroup> }>()

  /** `onResult` is told of every check that was run. */
  constructor(onResult?: CheckListener) {
    this.#onResult = onResult
  }

  /** Every path that is answered, with those of the single checks. */
  paths(): readonly string[] {
    const groups = ['healthz', 'livez', 'readyz'] as const
    return groups.flatMap((group) => [
      `/${group}`,
      ...[...this.#checks].filter(([, entry]) => entry.groups.has(group)).map(([name]) => `/${group}/${name}`),
    ])
  }

  /** Adds a check to the groups it speaks for (default: all). */
  add(name: string, check: Check, groups: readonly CheckGroup[] = ['healthz', 'livez', 'readyz']): void {
    this.#checks.set(name, { check, groups: new Set(groups) })
  }

  /** Answers a path such as `/readyz` or `/livez/ping`; `undefined` when it is not one of ours. */
  async answer(path: string, query: URLSearchParams): Promise<HealthAnswer | undefined> {
    const [group, ...rest] = path.slice(1).split('/')
    if (!isGroup(group)) return undefined
    const mine = [...this.#checks]
      .filter(([, entry]) => entry.groups.has(group))
      .map(([name, { check }]): Entry => [name, { check: this.#told(name, check) }])
    if (rest.length > 0) return await answerOne(group, mine, rest.join('/'))
    return await answerAll(group, mine, query)
  }

  #told(name: string, check: Check): Check {
    return async (group) => {
      const failure = await runCheck(check, group)
      this.#onResult?.(name, group, failure === undefined)
      return failure
    }
  }
}

/** Told of every check that was run, for which of the paths, and whether it was good. */
export type CheckListener = (name: string, group: CheckGroup, isGood: boolean) => void

type Entry = readonly [string, { readonly check: Check }]

function isGroup(text: string | undefined): text is CheckGroup {
  return text === 'healthz' || text === 'livez' || text === 'readyz'
}

async function answerOne(
  group: CheckGroup,
  entries: readonly Entry[],
  name: string,
): Promise<HealthAnswer | undefined> {
  const entry = entries.find(([known]) => known === name)
  if (entry === undefined) return undefined
  const failure = await runCheck(entry[1].check, group)
  return failure === undefined
    ? { status: 200, body: 'ok' }
    : { status: 500, body: `internal server error: ${failure}` }
}

async function answerAll(group: CheckGroup, entries: readonly Entry[], query: URLSearchParams): Promise<HealthAnswer> {
  const excluded = new Set(query.getAll('exclude'))
  const lines: string[] = []
  let failed = false
  for (const [name, { check }] of entries) {
    if (excluded.delete(name)) {
      lines.push(`[+]${name} excluded: ok`)
      continue
    }
    const failure = await runCheck(check, group)
    failed ||= failure !== undefined
    lines.push(failure === undefined ? `[+]${name} ok` : `[-]${name} failed: reason withheld`)
  }
  if (excluded.size > 0) {
    const unknown = [...excluded].toSorted().map((name) => JSON.stringify(name))
    lines.push(`warn: some health checks cannot be excluded: no matches for ${unknown.join(', ')}`)
  }
  if (failed) return { status: 500, body: `${lines.join('\n')}\n${group} check failed\n` }
  return { status: 200, body: query.has('verbose') ? `${lines.join('\n')}\n${group} check passed\n` : 'ok' }
}

async function runCheck(check: Check, group: CheckGroup): Promise<string | undefined> {
  try {
    return await check(group)
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
