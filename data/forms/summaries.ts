import { z } from "zod";
import { BadRow, type Form, has, text } from "./form.ts";

const postSchema = z.looseObject({ subreddit: z.string(), title: z.string(), post: text });

/** A Reddit post up to its end, and what follows it, in OpenAI's format (Stiennon et al. 2020). */
export function postPrompt({ subreddit, title, post }: z.infer<typeof postSchema>) {
  return {
    head: `SUBREDDIT: r/${subreddit}\n\nTITLE: ${title}\n\nPOST: `,
    post,
    tail: "\n\nTL;DR:",
  };
}

function wholePrompt(post: z.infer<typeof postSchema>): string {
  const { head, post: body, tail } = postPrompt(post);
  return head + body + tail;
}

export const summarySchema = postSchema.extend({ summary: text });

/** Reddit posts with their authors' summaries, as in OpenAI's filtered TL;DR data. */
export const postSummaries: Form = {
  name: "posts with summaries",
  reads: "subreddit, title, post, summary",
  columns: ["subreddit", "title", "post", "summary"],
  recognises: (row) => has(row, "subreddit", "title", "post", "summary"),
  read(row) {
    const { summary, ...post } = summarySchema.parse(row);
    const prompt = wholePrompt(post);
    return { kind: "demonstration", prompt, messages: null, response: ` ${summary}` };
  },
};

const comparisonSchema = z.looseObject({
  info: z.union([postSchema, z.looseObject({ article: text })], {
    error: "expected a post (subreddit, title, post) or an article",
  }),
  summaries: z.array(z.looseObject({ text })).length(2, "must be two summaries"),
  choice: z.coerce.number().int().min(0).max(1),
});

/** OpenAI's summarize-from-feedback comparisons: two summaries of a post or article, and which is better. */
export const comparisons: Form = {
  name: "summary comparisons",
  reads: "info (subreddit, title, post; or article), summaries (two), choice (0 or 1)",
  columns: ["info", "summaries", "choice"],
  recognises: (row) => has(row, "info", "summaries", "choice"),
  read(row) {
    const { info, summaries, choice } = comparisonSchema.parse(row);
    const isPost = postSchema.safeParse(info);
    if (!isPost.success && !has(info, "article")) throw new BadRow('"info": has no text');
    const prompt = isPost.success
      ? wholePrompt(isPost.data)
      : `Article: ${info["article"]}\n\nTL;DR:`;
    const [chosen, rejected] = [summaries[choice].text, summaries[1 - choice].text];
    return { kind: "pair", prompt, messages: null, chosen, rejected };
  },
};
