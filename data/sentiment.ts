import vader from "vader-sentiment";

// A sentence runs to its marks and closing quotes, unless the text goes on in lower case: "Hi!" said Tom.
const SENTENCE_END = /[.!?]+["')]*(?=\s+[^\sa-z]|\s*$)/g;

/** Where each complete sentence of a text ends: exclusive offsets into it. */
export function sentenceEnds(text: string): number[] {
  return [...text.matchAll(SENTENCE_END)].map((match) => match.index + match[0].length);
}

/**
 * The bundled task's gold score of a response: VADER's compound sentiment, −1 … 1, averaged over its sentences
 * (what follows the last sentence end counts as one more), to four decimals like VADER's own. 0 for no text.
 */
export function goldScore(text: string): number {
  const bounds = [0, ...sentenceEnds(text), text.length];
  const scores = bounds.slice(1)
    .map((end, i) => text.slice(bounds[i], end).trim())
    .filter((sentence) => sentence !== "")
    .map((sentence) => vader.SentimentIntensityAnalyzer.polarity_scores(sentence).compound);
  const sum = scores.reduce((total, score) => total + score, 0);
  return Math.round(sum / Math.max(scores.length, 1) * 1e4) / 1e4;
}
