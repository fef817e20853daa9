import { afterAll, beforeAll, expect, test } from 'vitest'
import { bundleApiServer, type Program } from './program.ts'
import { runFaults } from './run.ts'

let program: Program
beforeAll(async () => {
  program = await bundleApiServer()
})
afterAll(async () => await program.remove())

test.each([1, 2])(
  'clients of %i servers are never told what is not so, whatever is killed',
  async (servers) => {
    const told: string[] = []
    const report = await runFaults({
      ...{ program: program.file, servers, seconds: 12, connections: 32, thinkMs: 50, random: Math.random },
      log: (text) => told.push(text),
    })
    expect(report.violations, told.join(', ')).toEqual([])
    // Otherwise nothing would have been shown.
    expect(report.writers.acknowledged).toBeGreaterThan(20)
    expect(report.watches.filter(({ events }) => events === 0)).toEqual([])
    expect(told).not.toEqual([])
  },
  240_000,
)
