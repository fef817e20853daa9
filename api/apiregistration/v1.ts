import type { Api } from '../facts/table.ts'

export type APIService = Api<'apiregistration.v1.APIService'>
export type APIServiceCondition = Api<'apiregistration.v1.APIServiceCondition'>
export type APIServiceSpec = Api<'apiregistration.v1.APIServiceSpec'>
export type APIServiceStatus = Api<'apiregistration.v1.APIServiceStatus'>
export type ServiceReference = Api<'apiregistration.v1.ServiceReference'>
