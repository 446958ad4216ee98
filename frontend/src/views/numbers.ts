/** Milliseconds as seconds, as exact as a person cares: 0.41 s, 2.2 s, 14 s. */
export function seconds(ms: number): string {
  const value = ms / 1000;
  const digits = value < 1 ? 2 : value < 10 ? 1 : 0;
  return `${value.toFixed(digits)} s`;
}

export function count(value: number, language: string): string {
  return new Intl.NumberFormat(language).format(value);
}

/** An amount of money in its language; fractions of a cent are seen. */
export function money({ amount, currency }: { amount: number; currency: string }, language: string): string {
  try {
    return new Intl.NumberFormat(language, {
      style: "currency",
      currency,
      maximumSignificantDigits: amount < 1 ? 2 : 3,
    }).format(amount);
  } catch {
    return `${amount.toPrecision(2)} ${currency}`;
  }
}
