import type { IncomingMessage, ServerResponse } from 'node:http'
import { describe, expect, it } from 'vitest'
import { silentLogger } from '../../component-base/logger.ts'
import type { User } from './authentication.ts'
import { guardedBy } from './guard.ts'

const jane: User = { username: 'jane', groups: [] }

/** Code and body of the answer to a GET. */
async function get(path: string, user: User | undefined | Error, isAllowed: boolean): Promise<string> {
  let answer = ''
  const response = {
    writeHead: (code: number) => {
      answer += code
    },
    end: (body: string) => {
      answer += ` ${body}`
    },
  } as unknown as ServerResponse
  const inside = async (): Promise<void> => {
    answer = 'inside'
  }
  const authenticate = async (): Promise<User | undefined> => {
    if (user instanceof Error) throw user
    return user
  }
  const handler = guardedBy(inside, authenticate, async () => isAllowed, silentLogger)
  await handler({ url: path, method: 'GET' } as IncomingMessage, response)
  return answer
}

describe('guardedBy()', () => {
  it.each(['/healthz', '/livez?verbose', '/readyz'])('lets everyone see %s', async (path) => {
    expect(await get(path, undefined, false)).toBe('inside')
  })

  it('asks who wants the metrics, and whether they may', async () => {
    expect(await get('/metrics', jane, true)).toBe('inside')
    expect(await get('/metrics', undefined, true)).toContain(
      '"message":"Unauthorized","reason":"Unauthorized","code":401',
    )
    const denied = await get('/metrics', jane, false)
    expect(denied).toMatch(/^403 /)
    expect(JSON.parse(denied.slice(4))).toMatchObject({
      reason: 'Forbidden',
      message: 'forbidden: User "jane" cannot get path "/metrics"',
    })
  })

  it('lets nobody in while the API server cannot be asked', async () => {
    expect(await get('/metrics', new Error('away'), true)).toMatch(/^500 /)
  })
})
