import type { Api } from '../facts/table.ts'

export type ControllerRevision = Api<'apps.v1.ControllerRevision'>
export type DaemonSet = Api<'apps.v1.DaemonSet'>
export type DaemonSetCondition = Api<'apps.v1.DaemonSetCondition'>
export type DaemonSetSpec = Api<'apps.v1.DaemonSetSpec'>
export type DaemonSetStatus = Api<'apps.v1.DaemonSetStatus'>
export type DaemonSetUpdateStrategy = Api<'apps.v1.DaemonSetUpdateStrategy'>
export type Deployment = Api<'apps.v1.Deployment'>
export type DeploymentCondition = Api<'apps.v1.DeploymentCondition'>
export type DeploymentSpec = Api<'apps.v1.DeploymentSpec'>
export type DeploymentStatus = Api<'apps.v1.DeploymentStatus'>
export type DeploymentStrategy = Api<'apps.v1.DeploymentStrategy'>
export type ReplicaSet = Api<'apps.v1.ReplicaSet'>
export type ReplicaSetCondition = Api<'apps.v1.ReplicaSetCondition'>
export type ReplicaSetSpec = Api<'apps.v1.ReplicaSetSpec'>
export type ReplicaSetStatus = Api<'apps.v1.ReplicaSetStatus'>
export type RollingUpdateDaemonSet = Api<'apps.v1.RollingUpdateDaemonSet'>
export type RollingUpdateDeployment = Api<'apps.v1.RollingUpdateDeployment'>
export type RollingUpdateStatefulSetStrategy = Api<'apps.v1.RollingUpdateStatefulSetStrategy'>
export type StatefulSet = Api<'apps.v1.StatefulSet'>
export type StatefulSetCondition = Api<'apps.v1.StatefulSetCondition'>
export type StatefulSetOrdinals = Api<'apps.v1.StatefulSetOrdinals'>
export type StatefulSetPersistentVolumeClaimRetentionPolicy =
  Api<'apps.v1.StatefulSetPersistentVolumeClaimRetentionPolicy'>
export type StatefulSetSpec = Api<'apps.v1.StatefulSetSpec'>
export type StatefulSetStatus = Api<'apps.v1.StatefulSetStatus'>
export type StatefulSetUpdateStrategy = Api<'apps.v1.StatefulSetUpdateStrategy'>
