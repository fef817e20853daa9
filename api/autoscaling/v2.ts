import type { Api } from '../facts/table.ts'

export type ContainerResourceMetricSource = Api<'autoscaling.v2.ContainerResourceMetricSource'>
export type ContainerResourceMetricStatus = Api<'autoscaling.v2.ContainerResourceMetricStatus'>
export type CrossVersionObjectReference = Api<'autoscaling.v2.CrossVersionObjectReference'>
export type ExternalMetricSource = Api<'autoscaling.v2.ExternalMetricSource'>
export type ExternalMetricStatus = Api<'autoscaling.v2.ExternalMetricStatus'>
export type HPAScalingPolicy = Api<'autoscaling.v2.HPAScalingPolicy'>
export type HPAScalingRules = Api<'autoscaling.v2.HPAScalingRules'>
export type HorizontalPodAutoscaler = Api<'autoscaling.v2.HorizontalPodAutoscaler'>
export type HorizontalPodAutoscalerBehavior = Api<'autoscaling.v2.HorizontalPodAutoscalerBehavior'>
export type HorizontalPodAutoscalerCondition = Api<'autoscaling.v2.HorizontalPodAutoscalerCondition'>
export type HorizontalPodAutoscalerSpec = Api<'autoscaling.v2.HorizontalPodAutoscalerSpec'>
export type HorizontalPodAutoscalerStatus = Api<'autoscaling.v2.HorizontalPodAutoscalerStatus'>
export type MetricIdentifier = Api<'autoscaling.v2.MetricIdentifier'>
export type MetricSpec = Api<'autoscaling.v2.MetricSpec'>
export type MetricStatus = Api<'autoscaling.v2.MetricStatus'>
export type MetricTarget = Api<'autoscaling.v2.MetricTarget'>
export type MetricValueStatus = Api<'autoscaling.v2.MetricValueStatus'>
export type ObjectMetricSource = Api<'autoscaling.v2.ObjectMetricSource'>
export type ObjectMetricStatus = Api<'autoscaling.v2.ObjectMetricStatus'>
export type PodsMetricSource = Api<'autoscaling.v2.PodsMetricSource'>
export type PodsMetricStatus = Api<'autoscaling.v2.PodsMetricStatus'>
export type ResourceMetricSource = Api<'autoscaling.v2.ResourceMetricSource'>
export type ResourceMetricStatus = Api<'autoscaling.v2.ResourceMetricStatus'>
