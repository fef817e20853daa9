/** Leases a subnet and carries nothing: something else connects the hosts. */
import type { Backend, BackendOptions } from './backend.ts'

/** The alloc backend. */
export function createAllocBackend({ external, publicIp }: BackendOptions): Backend {
  return {
    mtu: external.mtu,
    attributes: async () => ({ publicIp, backendType: 'alloc' }),
    start: async () => ({
      run: async (leases) => {
        for await (const _ of leases) {
          // Nothing to set up for other hosts.
        }
      },
    }),
  }
}
