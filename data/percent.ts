/** A share of 1 as text, such as 12.5 %. */
export function percent(share: number, digits = 1): string {
  return `${(100 * share).toFixed(digits)} %`;
}
