import type { Api } from '../facts/table.ts'

export type CertificateSigningRequest = Api<'certificates.v1.CertificateSigningRequest'>
export type CertificateSigningRequestCondition = Api<'certificates.v1.CertificateSigningRequestCondition'>
export type CertificateSigningRequestSpec = Api<'certificates.v1.CertificateSigningRequestSpec'>
export type CertificateSigningRequestStatus = Api<'certificates.v1.CertificateSigningRequestStatus'>
