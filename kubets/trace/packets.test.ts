/** The common table of packets (test/packets) through the tracer, without a kernel. */
import { expect, test } from 'vitest'
import { complaintsOfTracer } from '../../test/packets/tracer.ts'

/** A second of work where nobody else works. */
const limitMs = 60_000

test.each(['iptables', 'nftables', 'ipvs'] as const)(
  'walkPacket() goes where the table says in mode %s',
  (mode) => {
    expect(complaintsOfTracer(mode)).toEqual([])
  },
  limitMs,
)
