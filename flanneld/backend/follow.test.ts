import { expect, test } from 'vitest'
import type { Clock } from '../../component-base/clock.ts'
import { silentLogger } from '../../component-base/logger.ts'
import { Latest } from '../subnet/latest.ts'
import type { Lease } from '../subnet/lease.ts'
import { leaseOf } from '../testing.ts'
import { followLeases } from './follow.ts'

const lease = leaseOf('host-gw', '10.244.1.0/24', { publicIp: '192.168.0.1' })

/** A clock that moves a second when the test says so. */
function steppedClock(): { readonly clock: Clock; readonly step: () => Promise<void> } {
  let wake: (() => void) | undefined
  const sleep = async (_ms: number, signal: AbortSignal): Promise<void> => {
    await new Promise<void>((resolve, reject) => {
      const leave = (): void => reject(signal.reason)
      signal.addEventListener('abort', leave, { once: true })
      wake = () => {
        signal.removeEventListener('abort', leave)
        resolve()
      }
    })
  }
  const settle = async (): Promise<void> => await new Promise((resolve) => setImmediate(resolve))
  const step = async (): Promise<void> => {
    await settle()
    wake?.()
    await settle()
  }
  return { clock: { now: () => 0, sleep }, step }
}

test('followLeases() syncs with every change of leases, of the kernel, and every ten seconds; a failure is tried again', async () => {
  const stop = new AbortController()
  const { clock, step } = steppedClock()
  const leases = new Latest<readonly Lease[]>()
  const kernel = { hasChanged: false, isClosed: false }
  const seen: number[] = []
  let fails = false
  const following = followLeases(
    {
      clock,
      logger: silentLogger,
      sync: async (current) => {
        seen.push(current.length)
        if (fails) throw new Error('the link is down')
      },
      openMonitor: () => ({
        hasChanged: () => kernel.hasChanged,
        close: () => {
          kernel.isClosed = true
        },
      }),
    },
    leases.values(stop.signal),
    stop.signal,
  )
  // Before the first leases nothing is known to be wrong.
  kernel.hasChanged = true
  await step()
  expect(seen).toEqual([])
  kernel.hasChanged = false
  leases.set([lease])
  await step()
  expect(seen).toEqual([1])
  kernel.hasChanged = true
  fails = true
  await step()
  expect(seen).toEqual([1, 1])
  kernel.hasChanged = false
  for (let second = 0; second < 9; second += 1) await step()
  expect(seen).toEqual([1, 1])
  await step()
  expect(seen).toEqual([1, 1, 1])
  stop.abort(new Error('over'))
  await following.catch(() => undefined)
  expect(kernel.isClosed).toBe(true)
})
