import type { Api } from '../facts/table.ts'

export type CrossVersionObjectReference = Api<'autoscaling.v1.CrossVersionObjectReference'>
export type HorizontalPodAutoscaler = Api<'autoscaling.v1.HorizontalPodAutoscaler'>
export type HorizontalPodAutoscalerSpec = Api<'autoscaling.v1.HorizontalPodAutoscalerSpec'>
export type HorizontalPodAutoscalerStatus = Api<'autoscaling.v1.HorizontalPodAutoscalerStatus'>
export type Scale = Api<'autoscaling.v1.Scale'>
export type ScaleSpec = Api<'autoscaling.v1.ScaleSpec'>
export type ScaleStatus = Api<'autoscaling.v1.ScaleStatus'>
