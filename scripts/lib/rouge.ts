import { l, n } from "js-rouge";

/** F1 of word overlap with a reference (Lin 2004): single words, pairs of words, longest common subsequence. */
export interface RougeScores {
  rouge1: number;
  rouge2: number;
  rougeL: number;
}

// As in Google's rouge_score, without its stemmer: lower-case words of letters and digits, and a summary is
// one sequence, whatever sentences it has.
const tokenizer = (text: string) => text.toLowerCase().match(/[a-z0-9]+/g) ?? [];
const segmenter = (text: string) => [text];

export function rougeScores(response: string, reference: string): RougeScores {
  const [words, expected] = [tokenizer(response).length, tokenizer(reference).length];
  const overlap = (size: number) =>
    words < size || expected < size ? 0 : n(response, reference, { n: size, tokenizer });
  return { rouge1: overlap(1), rouge2: overlap(2), rougeL: rougeL(response, reference) };
}

/** ROUGE-L F1 in 0 … 1; 0 where a side has no word. */
export function rougeL(response: string, reference: string): number {
  if (tokenizer(response).length === 0 || tokenizer(reference).length === 0) return 0;
  return l(response, reference, { tokenizer, segmenter });
}
