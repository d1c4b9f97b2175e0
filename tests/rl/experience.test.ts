import { expect, test } from "bun:test";
import { type Episode, paddedLength, rollOut } from "../../engine/rl/episodes.ts";
import { type Models, scoreEpisodes } from "../../engine/rl/experience.ts";
import { drawStart } from "../../engine/rl/resets.ts";
import { scoreSequences } from "../../engine/rl/reward-model.ts";
import { Role } from "../../engine/ops/roles.ts";
import { testEngine } from "../support/engine.ts";
import { storyteller, tinyModels, tinySettings, tinySources } from "../support/tiny.ts";

const settings = { ...tinySettings, klCoefficient: 0, missingEndScore: -7 };

async function episodesOf({ policy }: Models): Promise<Episode[]> {
  const sources = tinySources(6);
  const starts = sources.map((source, row) => drawStart(source, row, row, tinySettings));
  return await rollOut(policy, sources, starts, tinySettings.responseTokens, {
    temperature: 1,
    seed: 3,
    endTokens: policy.config.endTokens,
  });
}

async function score(models: Models, episodes: Episode[]) {
  const width = paddedLength(Math.max(...episodes.map(({ tokens }) => tokens.length)));
  const { experience, report } = await scoreEpisodes(models, episodes, width, settings);
  const rewards = await experience.rewards.read(), roles = await experience.roles.readIntegers();
  // Without a KL penalty the reward of an episode stands at its last generated token.
  const last = episodes.map((_, b) => roles.lastIndexOf(Role.GENERATED, (b + 1) * width - 1));
  for (const tensor of Object.values(experience)) tensor.engine.release(tensor);
  return { scores: report.scores, rewards: last.map((at) => rewards[at]) };
}

test("the score is the reward model's, or what a function says, and -7 where the response does not end", async () => {
  const models = tinyModels(await storyteller(await testEngine()));
  const episodes = await episodesOf(models);
  // An episode that ends, whatever was drawn.
  episodes[0] = { ...episodes[0], ended: true };
  const sequences = episodes.map(({ tokens }) => tokens);
  const expected = {
    model: await scoreSequences(models.reward, sequences, settings.microTokens),
    function: episodes.map(({ row, tokens }) => row + tokens.length / 8),
  };
  const found = {
    model: await score(models, episodes),
    function: await score(
      { ...models, reward: ({ row, tokens }) => row + tokens.length / 8 },
      episodes,
    ),
  };
  for (const kind of ["model", "function"] as const) {
    expect(found[kind].scores).toEqual(expected[kind]);
    episodes.forEach(({ ended }, b) =>
      expect(found[kind].rewards[b]).toBeCloseTo(ended ? expected[kind][b] : -7, 5)
    );
  }
  expect(episodes.some(({ ended }) => !ended)).toBe(true);
});
