/** The values of a setting that stand for "not set": the page of settings has no control for a null. */

/** Whether a value says nothing: it is the manifest's default, and that is a null, an empty text or an empty list. */
export function isUnset(value: unknown, standard: unknown): boolean {
  if (value === undefined || value === null) return true;
  if (standard === '') return value === '';
  return Array.isArray(standard) && standard.length === 0 && Array.isArray(value) && value.length === 0;
}
