/** How quantities read: as in the advisor's reports and hints. Unknown is `?`, never a zero. */

export const UNKNOWN = '?';

/** The name of the file that a uri is of, or that its cell is in. */
export function fileOf(uri: string): string {
  const path = uri.replace(/[?#].*$/, '');
  return decodeURIComponent(path.slice(Math.max(path.lastIndexOf('/'), path.indexOf(':')) + 1)) || uri;
}

/** Three significant digits, no exponent. */
function digits(value: number): string {
  return String(Number(value.toPrecision(3)));
}

/** `0.21 ms`, `4.2 us`, `1.3 s` of µs. */
export function time(us: number | null): string {
  if (us === null) {
    return UNKNOWN;
  }
  const size = Math.abs(us);
  if (size >= 999_500) {
    return `${digits(us / 1e6)} s`;
  }
  if (size >= 100) {
    return `${digits(us / 1e3)} ms`;
  }
  return size >= 0.001 ? `${digits(us)} us` : '0 us';
}

/** `384 KiB` of bytes. */
export function size(bytes: number | null): string {
  if (bytes === null) {
    return UNKNOWN;
  }
  let rest = bytes;
  for (const unit of ['B', 'KiB', 'MiB']) {
    if (Math.abs(rest) < 1024) {
      return `${Number(rest.toPrecision(4))} ${unit}`;
    }
    rest /= 1024;
  }
  return `${Number(rest.toPrecision(4))} GiB`;
}

/** `640`, `10.8 k`, `3.5 M`, `4.09 G`. */
export function count(n: number | null): string {
  if (n === null) {
    return UNKNOWN;
  }
  let rest = n;
  for (const unit of ['', ' k', ' M', ' G']) {
    if (Math.abs(rest) < 999.5) {
      return `${digits(rest)}${unit}`;
    }
    rest /= 1000;
  }
  return `${Number(rest.toPrecision(4))} T`;
}

/** `6 %`, `0.48 %`, `34 %`; never 100 % for less. */
export function percent(value: number): string {
  const size = Math.abs(value);
  if (size >= 99.5 && size < 100) {
    return `${(Math.trunc(value * 10) / 10).toFixed(1)} %`;
  }
  if (size < 0.001) {
    return '0 %';
  }
  return size < 10 ? `${Number(value.toPrecision(2))} %` : `${Math.round(value)} %`;
}

/** How far bounds lie from a latency: ` ±6 %`, or where they are far off ` (7.1 ms to 56 ms)`; empty without bounds. */
export function margin(us: number | null, low: number | null, high: number | null): string {
  if (low === null || high === null || !us) {
    return '';
  }
  const share = Math.max(high - us, us - low) / us;
  return share <= 0.5 ? ` ±${percent(100 * share)}` : ` (${time(low)} to ${time(high)})`;
}

/** The text with no line ending between a number and its unit. */
export function tied(text: string): string {
  return text.replace(/(\d) (?=(?:%|[kMGT]\b|[um]?s\b|[KMG]?i?B\b))/g, '$1\u00a0');
}

/** `1 layer`, `2 layers`. */
export function plural(n: number, word: string): string {
  return `${n} ${word}${n === 1 ? '' : 's'}`;
}

/** What is added to a sum that lacks `n` figures. */
export function uncounted(n: number): string {
  return n > 0 ? ` + ${n} uncounted` : '';
}
