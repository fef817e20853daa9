import type { Api } from '../facts/table.ts'

export type Eviction = Api<'policy.v1.Eviction'>
export type PodDisruptionBudget = Api<'policy.v1.PodDisruptionBudget'>
export type PodDisruptionBudgetSpec = Api<'policy.v1.PodDisruptionBudgetSpec'>
export type PodDisruptionBudgetStatus = Api<'policy.v1.PodDisruptionBudgetStatus'>
