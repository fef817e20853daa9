import type { Api } from '../facts/table.ts'

export type CustomResourceColumnDefinition = Api<'apiextensions.v1.CustomResourceColumnDefinition'>
export type CustomResourceConversion = Api<'apiextensions.v1.CustomResourceConversion'>
export type CustomResourceDefinition = Api<'apiextensions.v1.CustomResourceDefinition'>
export type CustomResourceDefinitionCondition = Api<'apiextensions.v1.CustomResourceDefinitionCondition'>
export type CustomResourceDefinitionNames = Api<'apiextensions.v1.CustomResourceDefinitionNames'>
export type CustomResourceDefinitionSpec = Api<'apiextensions.v1.CustomResourceDefinitionSpec'>
export type CustomResourceDefinitionStatus = Api<'apiextensions.v1.CustomResourceDefinitionStatus'>
export type CustomResourceDefinitionVersion = Api<'apiextensions.v1.CustomResourceDefinitionVersion'>
export type CustomResourceSubresourceScale = Api<'apiextensions.v1.CustomResourceSubresourceScale'>
export type CustomResourceSubresourceStatus = Api<'apiextensions.v1.CustomResourceSubresourceStatus'>
export type CustomResourceSubresources = Api<'apiextensions.v1.CustomResourceSubresources'>
export type CustomResourceValidation = Api<'apiextensions.v1.CustomResourceValidation'>
export type ExternalDocumentation = Api<'apiextensions.v1.ExternalDocumentation'>
export type JSONSchemaProps = Api<'apiextensions.v1.JSONSchemaProps'>
export type SelectableField = Api<'apiextensions.v1.SelectableField'>
export type ServiceReference = Api<'apiextensions.v1.ServiceReference'>
export type ValidationRule = Api<'apiextensions.v1.ValidationRule'>
export type WebhookClientConfig = Api<'apiextensions.v1.WebhookClientConfig'>
export type WebhookConversion = Api<'apiextensions.v1.WebhookConversion'>
