import type { Api } from '../facts/table.ts'

export type Endpoint = Api<'discovery.v1.Endpoint'>
export type EndpointConditions = Api<'discovery.v1.EndpointConditions'>
export type EndpointHints = Api<'discovery.v1.EndpointHints'>
export type EndpointPort = Api<'discovery.v1.EndpointPort'>
export type EndpointSlice = Api<'discovery.v1.EndpointSlice'>
export type ForNode = Api<'discovery.v1.ForNode'>
export type ForZone = Api<'discovery.v1.ForZone'>
