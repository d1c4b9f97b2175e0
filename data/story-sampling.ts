import { generate, type GenerationRequest } from "../engine/nn/generation.ts";
import type { Model } from "../engine/nn/model.ts";
import type { Tokenizer } from "../engine/nn/tokenizer.ts";
import { threefry, uniform } from "../engine/ops/threefry.ts";
import { goldScore, sentenceEnds } from "./sentiment.ts";

const PROMPT_TOKENS = { least: 12, most: 28 };
const PROMPT_SENTENCES = 2;
const RESPONSES = 4; // per prompt
const RESPONSE_TOKENS = { least: 4, most: 39 }; // and the end-of-sequence token: 40
const RESPONSE_SENTENCES = 3; // at most
const TEMPERATURE = { prompts: 0.9, responses: 0.8 };
const BATCH = 128;
const ATTEMPTS = 64; // per prompt, to draw four fit responses
const END = 0; // <|endoftext|> opens and ends a story

/** What a random number of the task's making is for. */
export const DRAWS = { stories: 0, order: 1, responses: 2, sentences: 3, winners: 4, flips: 5 };

/** A number in (0, 1) that is a function of its place alone. */
export function draw(seed: number, purpose: number, a: number, b = 0): number {
  return uniform(threefry([seed, purpose], [a, b])[0]);
}

/** A model that writes stories, and the seed of all that it draws. */
export interface Storyteller {
  model: Model;
  tokenizer: Tokenizer;
  seed: number;
}

export interface Response {
  /** With the space or line break that parts it from the prompt. */
  text: string;
  /** Without the end-of-sequence token. */
  tokens: number;
  gold: number;
}

/** A prompt and the different responses that were drawn for it. */
export interface Logged {
  prompt: string;
  responses: Response[];
}

/**
 * Samples at least `count` prompts, the first sentences of stories. They differ in more than the names in them, so that
 * no test prompt is a training prompt with another name; nor are they so alike to one in `known`.
 */
export async function samplePrompts(
  teller: Storyteller,
  count: number,
  known: readonly string[] = [],
): Promise<string[]> {
  const taken = new Set(known.map(nameless));
  const found = new Map<string, string>();
  let stories = 0, unfit = 0;
  while (found.size < count) {
    const requests = Array.from({ length: BATCH }, () => {
      // A few tokens more than a prompt may have show whether its last sentence goes on: "Hi!" said Tom.
      return { context: [END], newTokens: PROMPT_TOKENS.most + 4, episode: stories++ };
    });
    for (const story of await write(teller, requests, DRAWS.stories, TEMPERATURE.prompts)) {
      const prompt = cutPrompt(story, teller.tokenizer);
      if (prompt === undefined) {
        unfit++;
        continue;
      }
      const key = nameless(prompt);
      if (!taken.has(key) && !found.has(key)) found.set(key, prompt);
    }
  }
  const repeated = stories - unfit - found.size;
  console.log(
    `${stories} stories: ${unfit} openings unfit, ${repeated} repeated, ${found.size} new`,
  );
  // Common openings come up first; in random order the splits do not differ in that.
  return [...found.values()]
    .map((prompt, i) => ({ prompt, key: draw(teller.seed, DRAWS.order, i) }))
    .sort((a, b) => a.key - b.key)
    .map(({ prompt }) => prompt);
}

function nameless(prompt: string): string {
  return prompt.replace(/[A-Z]\w*/g, "X");
}

/**
 * Samples four different responses to each prompt. Unfit and repeated ones are drawn anew; throws where a
 * prompt does not get four.
 */
export async function sampleResponses(
  teller: Storyteller,
  prompts: readonly string[],
): Promise<Logged[]> {
  const logged = prompts.map((prompt): Logged => ({ prompt, responses: [] }));
  const contexts = prompts.map((prompt) => [END, ...teller.tokenizer.encode(prompt)]);
  let unfit = 0, repeated = 0;
  for (let attempt = 0;; attempt++) {
    const open = [...logged.keys()].filter((i) => logged[i].responses.length < RESPONSES);
    if (open.length === 0) break;
    if (attempt === ATTEMPTS) {
      throw new Error(`No ${RESPONSES} fit responses in ${ATTEMPTS} to: ${prompts[open[0]]}`);
    }
    const requests = open.map((i) => {
      const episode = i * ATTEMPTS + attempt;
      return { context: contexts[i], newTokens: RESPONSE_TOKENS.most, episode };
    });
    const texts = await write(teller, requests, DRAWS.responses, TEMPERATURE.responses);
    for (const [r, text] of texts.entries()) {
      const { responses } = logged[open[r]];
      const response = cutResponse(teller, text, requests[r].episode);
      if (response === undefined) unfit++;
      else if (responses.some((other) => other.text === response.text)) repeated++;
      else responses.push(response);
    }
  }
  console.log(`responses drawn anew: ${unfit} unfit, ${repeated} repeated`);
  return logged;
}

/** Texts that the model writes after the requests' contexts. */
async function write(
  { model, tokenizer, seed }: Storyteller,
  requests: readonly GenerationRequest[],
  purpose: number,
  temperature: number,
): Promise<string[]> {
  const texts: string[] = [];
  // Episodes of stories and of responses have the same numbers, so their seeds differ.
  const options = { temperature, seed: seed + purpose, endTokens: [END] };
  for (let i = 0; i < requests.length; i += BATCH) {
    const drawn = await generate(model, requests.slice(i, i + BATCH), options);
    texts.push(...drawn.map(({ tokens }) => tokenizer.decodeContinuation(tokens)));
  }
  return texts;
}

/** A story's first two sentences, if they are of the length allowed and leave no quotation open. */
function cutPrompt(story: string, tokenizer: Tokenizer): string | undefined {
  const prompt = story.slice(0, sentenceEnds(story)[PROMPT_SENTENCES - 1] ?? 0);
  const tokens = tokenizer.encode(prompt).length;
  const fits = tokens >= PROMPT_TOKENS.least && tokens <= PROMPT_TOKENS.most;
  return fits && quotesClosed(prompt) ? prompt : undefined;
}

/** The first one, two or three sentences of a continuation: as many as are drawn, if there are so many. */
function cutResponse(
  { tokenizer, seed }: Storyteller,
  continuation: string,
  episode: number,
): Response | undefined {
  if (!/^\s/.test(continuation)) return undefined; // it goes on within the prompt's last word
  const texts = sentenceEnds(continuation)
    .slice(0, RESPONSE_SENTENCES)
    .map((end) => continuation.slice(0, end))
    .filter(quotesClosed);
  if (texts.length === 0) return undefined;
  const wanted = Math.floor(draw(seed, DRAWS.sentences, episode) * RESPONSE_SENTENCES);
  const text = texts[Math.min(wanted, texts.length - 1)];
  const tokens = tokenizer.encodeContinuation(text).length;
  if (tokens < RESPONSE_TOKENS.least || tokens > RESPONSE_TOKENS.most) return undefined;
  return { text, tokens, gold: goldScore(text) };
}

function quotesClosed(text: string): boolean {
  return text.split('"').length % 2 === 1;
}
