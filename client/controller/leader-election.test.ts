import { expect, test } from 'vitest'
import type { Lease } from '../../api/coordination/v1.ts'
import { notFound } from '../../apimachinery/status.ts'
import type { Clock } from '../../component-base/clock.ts'
import { silentLogger } from '../../component-base/logger.ts'
import { aborted } from '../../component-base/run.ts'
import { type LeaderElectionOptions, runWithLease } from './leader-election.ts'

/** A clock on which everyone's sleep is over at once, and a store of one lease that can be away. */
function setUp(held?: Lease['spec']) {
  let nowMs = Date.UTC(2026, 0, 1)
  const clock: Clock = {
    now: () => nowMs,
    sleep: async (ms, signal) => {
      await new Promise((resolve) => setImmediate(resolve))
      signal.throwIfAborted()
      nowMs += ms
    },
  }
  const metadata = { name: 'test', namespace: 'kube-system' }
  const store: { spec: Lease['spec'] | undefined; isAway: boolean } = { spec: held, isAway: false }
  const answer = async (): Promise<unknown> => {
    if (store.isAway) throw new Error('connection refused')
    if (store.spec === undefined) throw notFound({ group: 'coordination.k8s.io', plural: 'leases' }, 'test')
    return { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec: store.spec }
  }
  const write = async (_ref: unknown, lease: unknown): Promise<unknown> => {
    if (store.isAway) throw new Error('connection refused')
    store.spec = (lease as Lease).spec
    return lease
  }
  // The elector asks for nothing but its one lease.
  const client = { get: answer, update: write, create: write } as unknown as LeaderElectionOptions['client']
  const options = { client, ...metadata, identity: 'me', clock, logger: silentLogger }
  return { options, store, clock, startedMs: nowMs }
}

test('runWithLease() holds the lease while it works, and gives it back when it is asked to stop', async () => {
  const { options, store, clock } = setUp()
  const stop = new AbortController()
  const startedMs = clock.now()
  await runWithLease(
    options,
    async (signal) => {
      expect(store.spec).toMatchObject({ holderIdentity: 'me', leaseDurationSeconds: 15, leaseTransitions: 0 })
      while (clock.now() < startedMs + 60_000) await new Promise((resolve) => setImmediate(resolve))
      expect(store.spec?.holderIdentity).toBe('me')
      stop.abort()
      await aborted(signal)
    },
    stop.signal,
  )
  expect(store.spec?.holderIdentity).toBe('')
})

test('runWithLease() stops the work when the lease cannot be renewed in time, and says that it is lost', async () => {
  const { options, store } = setUp()
  let hasStopped = false
  const running = runWithLease(
    options,
    async (signal) => {
      store.isAway = true
      // As tasks do, without an error.
      await aborted(signal)
      hasStopped = true
    },
    new AbortController().signal,
  )
  await expect(running).rejects.toThrow('leaderelection lost')
  expect(hasStopped).toBe(true)
  expect(store.spec?.holderIdentity).toBe('me')
})

test("runWithLease() takes another's lease only after it has not changed for its whole time", async () => {
  const { options, store, clock, startedMs } = setUp({ holderIdentity: 'other', leaseDurationSeconds: 15 })
  const stop = new AbortController()
  await runWithLease(
    options,
    async () => {
      expect(clock.now() - startedMs).toBeGreaterThan(15_000)
      expect(store.spec).toMatchObject({ holderIdentity: 'me', leaseTransitions: 1 })
      stop.abort()
    },
    stop.signal,
  )
})
