import type { Api } from '../facts/table.ts'

export type PriorityClass = Api<'scheduling.v1.PriorityClass'>
