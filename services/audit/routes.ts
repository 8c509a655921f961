import type { Outcome, Streamed } from '#shared/http/answer.ts';
import type { Exchange, Route } from '#shared/http/route.ts';
import type { createHistoryHandlers } from './histories.ts';
import type { createProofHandlers } from './proofs.ts';

type Handle = (exchange: Exchange) => Promise<Outcome | Streamed>;

export interface AuditHandlers {
  readonly receipt: Handle;
  readonly events: Handle;
  readonly proofs: ReturnType<typeof createProofHandlers>;
  readonly histories: ReturnType<typeof createHistoryHandlers>;
  readonly attempts: Handle;
  readonly verify: Handle;
}

/** The audit service's paths; the busiest first. Skus and user ids may be written with signs that only Express decodes, so they come last. */
export function auditRoutes({ receipt, events, proofs, histories, attempts, verify }: AuditHandlers): readonly Route[] {
  const sale = '/v1/audit/sales/:saleId';
  return [
    { method: 'GET', path: '/v1/reservations/:id/receipt', name: 'receipt', scopes: ['buyer'], handle: receipt },
    { method: 'GET', path: `${sale}/checkpoint`, name: 'audit_checkpoint', scopes: [], handle: proofs.checkpoint },
    { method: 'GET', path: `${sale}/proof/inclusion`, name: 'audit_inclusion', scopes: [], handle: proofs.inclusion },
    { method: 'GET', path: `${sale}/proof/consistency`, name: 'audit_consistency', scopes: [], handle: proofs.consistency },
    { method: 'GET', path: '/v1/audit/keys', name: 'audit_keys', scopes: [], handle: proofs.listKeys },
    { method: 'GET', path: `${sale}/events`, name: 'audit_events', scopes: ['auditor'], handle: events },
    { method: 'POST', path: `${sale}/verify`, name: 'audit_verify', scopes: ['auditor'], handle: verify },
    { method: 'GET', path: '/v1/audit/attempts', name: 'audit_attempts', scopes: ['auditor'], handle: attempts },
    { method: 'GET', path: '/v1/audit/users/:userId/events', name: 'audit_user_events', scopes: ['auditor'], handle: histories.ofUser },
    { method: 'GET', path: '/v1/audit/items/:sku/events', name: 'audit_item_events', scopes: ['auditor'], handle: histories.ofItem },
  ];
}
