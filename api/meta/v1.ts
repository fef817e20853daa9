import type { Api } from '../facts/table.ts'

export type APIResource = Api<'meta.v1.APIResource'>
export type APIResourceList = Api<'meta.v1.APIResourceList'>
export type Condition = Api<'meta.v1.Condition'>
export type DeleteOptions = Api<'meta.v1.DeleteOptions'>
export type FieldSelectorRequirement = Api<'meta.v1.FieldSelectorRequirement'>
export type LabelSelector = Api<'meta.v1.LabelSelector'>
export type LabelSelectorRequirement = Api<'meta.v1.LabelSelectorRequirement'>
export type ListMeta = Api<'meta.v1.ListMeta'>
export type ManagedFieldsEntry = Api<'meta.v1.ManagedFieldsEntry'>
export type ObjectMeta = Api<'meta.v1.ObjectMeta'>
export type OwnerReference = Api<'meta.v1.OwnerReference'>
export type Preconditions = Api<'meta.v1.Preconditions'>
export type ShardInfo = Api<'meta.v1.ShardInfo'>
export type Status = Api<'meta.v1.Status'>
export type StatusCause = Api<'meta.v1.StatusCause'>
export type StatusDetails = Api<'meta.v1.StatusDetails'>
export type WatchEvent = Api<'meta.v1.WatchEvent'>
