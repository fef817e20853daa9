import { describe, expect, it } from 'vitest'
import type { Clock } from '../../component-base/clock.ts'
import { FanOut, type Sender } from './fan-out.ts'

/** Time that passes only when somebody says so. */
function manualClock() {
  const clock = { nowMs: 0, wake: [] as (() => void)[] }
  const asClock: Clock = {
    now: () => clock.nowMs,
    sleep: async (ms, signal) =>
      await new Promise<void>((resolve, reject) => {
        clock.wake.push(() => {
          clock.nowMs += ms
          resolve()
        })
        signal.addEventListener('abort', () => reject(signal.reason))
      }),
  }
  return { clock, asClock }
}

describe('FanOut', () => {
  it('sends at once while rounds are quick', () => {
    const { asClock } = manualClock()
    const sent: string[] = []
    const fanOut = new FanOut(asClock)
    const sender: Sender = { endBatch: () => sent.push('a') }
    fanOut.tell([sender], new AbortController().signal)
    fanOut.tell([sender], new AbortController().signal)
    expect(sent).toEqual(['a', 'a'])
  })
  it('pauses as long as a round took, and gathers meanwhile', async () => {
    const { clock, asClock } = manualClock()
    let rounds = 0
    const slow: Sender = {
      endBatch: () => {
        rounds++
        clock.nowMs += 20
      },
    }
    const fanOut = new FanOut(asClock)
    const { signal } = new AbortController()
    for (let at = 0; at < 5; at++) fanOut.tell([slow], signal)
    expect(rounds).toBe(1)
    clock.wake.shift()?.()
    await Promise.resolve()
    await new Promise((resolve) => setImmediate(resolve))
    expect({ rounds, nowMs: clock.nowMs }).toEqual({ rounds: 2, nowMs: 60 })
  })
  it('sends what waits when the server ends', async () => {
    const { clock, asClock } = manualClock()
    let rounds = 0
    const slow: Sender = {
      endBatch: () => {
        rounds++
        clock.nowMs += 20
      },
    }
    const fanOut = new FanOut(asClock)
    const stop = new AbortController()
    fanOut.tell([slow], stop.signal)
    fanOut.tell([slow], stop.signal)
    stop.abort()
    await new Promise((resolve) => setImmediate(resolve))
    expect(rounds).toBe(2)
  })
})
