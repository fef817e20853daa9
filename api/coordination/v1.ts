import type { Api } from '../facts/table.ts'

export type Lease = Api<'coordination.v1.Lease'>
export type LeaseSpec = Api<'coordination.v1.LeaseSpec'>
