import type { Api } from '../facts/table.ts'

export type CronJob = Api<'batch.v1.CronJob'>
export type CronJobSpec = Api<'batch.v1.CronJobSpec'>
export type CronJobStatus = Api<'batch.v1.CronJobStatus'>
export type Job = Api<'batch.v1.Job'>
export type JobCondition = Api<'batch.v1.JobCondition'>
export type JobSpec = Api<'batch.v1.JobSpec'>
export type JobStatus = Api<'batch.v1.JobStatus'>
export type JobTemplateSpec = Api<'batch.v1.JobTemplateSpec'>
export type PodFailurePolicy = Api<'batch.v1.PodFailurePolicy'>
export type PodFailurePolicyOnExitCodesRequirement = Api<'batch.v1.PodFailurePolicyOnExitCodesRequirement'>
export type PodFailurePolicyOnPodConditionsPattern = Api<'batch.v1.PodFailurePolicyOnPodConditionsPattern'>
export type PodFailurePolicyRule = Api<'batch.v1.PodFailurePolicyRule'>
export type SuccessPolicy = Api<'batch.v1.SuccessPolicy'>
export type SuccessPolicyRule = Api<'batch.v1.SuccessPolicyRule'>
export type UncountedTerminatedPods = Api<'batch.v1.UncountedTerminatedPods'>
