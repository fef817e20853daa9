import type { Api } from '../facts/table.ts'

export type ExemptPriorityLevelConfiguration = Api<'flowcontrol.v1.ExemptPriorityLevelConfiguration'>
export type FlowDistinguisherMethod = Api<'flowcontrol.v1.FlowDistinguisherMethod'>
export type FlowSchema = Api<'flowcontrol.v1.FlowSchema'>
export type FlowSchemaCondition = Api<'flowcontrol.v1.FlowSchemaCondition'>
export type FlowSchemaSpec = Api<'flowcontrol.v1.FlowSchemaSpec'>
export type FlowSchemaStatus = Api<'flowcontrol.v1.FlowSchemaStatus'>
export type GroupSubject = Api<'flowcontrol.v1.GroupSubject'>
export type LimitResponse = Api<'flowcontrol.v1.LimitResponse'>
export type LimitedPriorityLevelConfiguration = Api<'flowcontrol.v1.LimitedPriorityLevelConfiguration'>
export type NonResourcePolicyRule = Api<'flowcontrol.v1.NonResourcePolicyRule'>
export type PolicyRulesWithSubjects = Api<'flowcontrol.v1.PolicyRulesWithSubjects'>
export type PriorityLevelConfiguration = Api<'flowcontrol.v1.PriorityLevelConfiguration'>
export type PriorityLevelConfigurationCondition = Api<'flowcontrol.v1.PriorityLevelConfigurationCondition'>
export type PriorityLevelConfigurationReference = Api<'flowcontrol.v1.PriorityLevelConfigurationReference'>
export type PriorityLevelConfigurationSpec = Api<'flowcontrol.v1.PriorityLevelConfigurationSpec'>
export type PriorityLevelConfigurationStatus = Api<'flowcontrol.v1.PriorityLevelConfigurationStatus'>
export type QueuingConfiguration = Api<'flowcontrol.v1.QueuingConfiguration'>
export type ResourcePolicyRule = Api<'flowcontrol.v1.ResourcePolicyRule'>
export type ServiceAccountSubject = Api<'flowcontrol.v1.ServiceAccountSubject'>
export type Subject = Api<'flowcontrol.v1.Subject'>
export type UserSubject = Api<'flowcontrol.v1.UserSubject'>
