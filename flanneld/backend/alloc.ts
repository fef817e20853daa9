/** Leases a subnet and carries nothing: something else connects the hosts. */
import { type Backend, type BackendOptions, plainAttributes } from './backend.ts'

/** The alloc backend; as upstream it names no type in its lease. */
export function createAllocBackend(options: BackendOptions): Backend {
  return {
    mtu: options.external.mtu,
    attributes: async () => plainAttributes(options, ''),
    start: async () => ({
      run: async (leases) => {
        for await (const _ of leases) {
          // Nothing to set up for other hosts.
        }
      },
    }),
  }
}
