import type { Api } from '../facts/table.ts'

export type Overhead = Api<'node.v1.Overhead'>
export type RuntimeClass = Api<'node.v1.RuntimeClass'>
export type Scheduling = Api<'node.v1.Scheduling'>
