/** What comes from outside as `unknown`, checked. */

import type { Status } from './protocol';

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'string');
}

/** The status of a document; undefined for what is none. A server may say more than we know. */
export function readStatus(value: unknown): Status | undefined {
  if (!isObject(value)) return undefined;
  const { uri, state, target, targets, models } = value;
  const whole =
    typeof uri === 'string' &&
    typeof state === 'string' &&
    (target === null || typeof target === 'string') &&
    isStrings(targets) &&
    Array.isArray(models) &&
    models.every((model) => isObject(model) && typeof model['name'] === 'string' && typeof model['text'] === 'string');
  return whole ? (value as unknown as Status) : undefined;
}
