import type { Api } from '../facts/table.ts'

export type AggregationRule = Api<'rbac.v1.AggregationRule'>
export type ClusterRole = Api<'rbac.v1.ClusterRole'>
export type ClusterRoleBinding = Api<'rbac.v1.ClusterRoleBinding'>
export type PolicyRule = Api<'rbac.v1.PolicyRule'>
export type Role = Api<'rbac.v1.Role'>
export type RoleBinding = Api<'rbac.v1.RoleBinding'>
export type RoleRef = Api<'rbac.v1.RoleRef'>
export type Subject = Api<'rbac.v1.Subject'>
