import type { Api } from '../facts/table.ts'

export type FieldSelectorAttributes = Api<'authorization.v1.FieldSelectorAttributes'>
export type LabelSelectorAttributes = Api<'authorization.v1.LabelSelectorAttributes'>
export type LocalSubjectAccessReview = Api<'authorization.v1.LocalSubjectAccessReview'>
export type NonResourceAttributes = Api<'authorization.v1.NonResourceAttributes'>
export type NonResourceRule = Api<'authorization.v1.NonResourceRule'>
export type ResourceAttributes = Api<'authorization.v1.ResourceAttributes'>
export type ResourceRule = Api<'authorization.v1.ResourceRule'>
export type SelfSubjectAccessReview = Api<'authorization.v1.SelfSubjectAccessReview'>
export type SelfSubjectAccessReviewSpec = Api<'authorization.v1.SelfSubjectAccessReviewSpec'>
export type SelfSubjectRulesReview = Api<'authorization.v1.SelfSubjectRulesReview'>
export type SelfSubjectRulesReviewSpec = Api<'authorization.v1.SelfSubjectRulesReviewSpec'>
export type SubjectAccessReview = Api<'authorization.v1.SubjectAccessReview'>
export type SubjectAccessReviewSpec = Api<'authorization.v1.SubjectAccessReviewSpec'>
export type SubjectAccessReviewStatus = Api<'authorization.v1.SubjectAccessReviewStatus'>
export type SubjectRulesReviewStatus = Api<'authorization.v1.SubjectRulesReviewStatus'>
