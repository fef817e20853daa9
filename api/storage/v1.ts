import type { Api } from '../facts/table.ts'

export type CSIDriver = Api<'storage.v1.CSIDriver'>
export type CSIDriverSpec = Api<'storage.v1.CSIDriverSpec'>
export type CSINode = Api<'storage.v1.CSINode'>
export type CSINodeDriver = Api<'storage.v1.CSINodeDriver'>
export type CSINodeSpec = Api<'storage.v1.CSINodeSpec'>
export type CSIStorageCapacity = Api<'storage.v1.CSIStorageCapacity'>
export type StorageClass = Api<'storage.v1.StorageClass'>
export type TokenRequest = Api<'storage.v1.TokenRequest'>
export type VolumeAttachment = Api<'storage.v1.VolumeAttachment'>
export type VolumeAttachmentSource = Api<'storage.v1.VolumeAttachmentSource'>
export type VolumeAttachmentSpec = Api<'storage.v1.VolumeAttachmentSpec'>
export type VolumeAttachmentStatus = Api<'storage.v1.VolumeAttachmentStatus'>
export type VolumeAttributesClass = Api<'storage.v1.VolumeAttributesClass'>
export type VolumeError = Api<'storage.v1.VolumeError'>
export type VolumeNodeResources = Api<'storage.v1.VolumeNodeResources'>
