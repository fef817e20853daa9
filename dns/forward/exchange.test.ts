import { expect, test } from 'vitest'
import { exchangeUdp } from './exchange.ts'

test('exchangeUdp() rejects when there is no way to the server', async () => {
  // To connect to the broadcast address is refused; where there is no route at all, that is the reason.
  const target = { address: '255.255.255.255', port: 53, isTls: false }
  const asking = exchangeUdp(target, Buffer.alloc(12), AbortSignal.timeout(30_000))
  await expect(asking).rejects.toThrow(/EACCES|ENETUNREACH/)
})
