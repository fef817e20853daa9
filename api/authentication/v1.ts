import type { Api } from '../facts/table.ts'

export type BoundObjectReference = Api<'authentication.v1.BoundObjectReference'>
export type SelfSubjectReview = Api<'authentication.v1.SelfSubjectReview'>
export type SelfSubjectReviewStatus = Api<'authentication.v1.SelfSubjectReviewStatus'>
export type TokenRequest = Api<'authentication.v1.TokenRequest'>
export type TokenRequestSpec = Api<'authentication.v1.TokenRequestSpec'>
export type TokenRequestStatus = Api<'authentication.v1.TokenRequestStatus'>
export type TokenReview = Api<'authentication.v1.TokenReview'>
export type TokenReviewSpec = Api<'authentication.v1.TokenReviewSpec'>
export type TokenReviewStatus = Api<'authentication.v1.TokenReviewStatus'>
export type UserInfo = Api<'authentication.v1.UserInfo'>
