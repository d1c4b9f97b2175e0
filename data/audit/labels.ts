import type { RatedAnswers } from "../forms/form.ts";

interface Pair {
  prompt: string;
  chosen: string;
  rejected: string;
}

/** Whether the labels agree with one another. */
export interface Consistency {
  /** Different pairs of answers to a prompt that were labelled more than once. */
  repeated: number;
  /** Those of them that were labelled both ways. */
  contradictory: number;
  /** Triples of answers to a prompt of which every two were compared. */
  triples: number;
  /** Those of them that go round in a circle: a beats b, b beats c, c beats a. */
  circular: number;
  /** Answers that were rated more than once, and those with different ratings. */
  ratedAgain: number;
  ratedDifferently: number;
}

export function checkLabels(
  pairs: readonly Pair[],
  rated: readonly RatedAnswers[],
): Consistency {
  const games = tally(pairs);
  const repeated = games.filter(({ first, second }) => first + second > 1);
  return {
    repeated: repeated.length,
    contradictory: repeated.filter(({ first, second }) => first > 0 && second > 0).length,
    ...countTriples(games),
    ...countRatings(rated),
  };
}

/** How often each of two answers to a prompt won; a < b. */
interface Game {
  prompt: string;
  a: string;
  b: string;
  first: number;
  second: number;
}

function tally(pairs: readonly Pair[]): Game[] {
  const games = new Map<string, Game>();
  for (const { prompt, chosen, rejected } of pairs) {
    const [a, b] = chosen < rejected ? [chosen, rejected] : [rejected, chosen];
    const key = JSON.stringify([prompt, a, b]);
    const game = games.get(key) ?? { prompt, a, b, first: 0, second: 0 };
    if (chosen === a) game.first++;
    else game.second++;
    games.set(key, game);
  }
  return [...games.values()];
}

/** An answer beats another where it won more often; undecided games make no triple. */
function countTriples(games: readonly Game[]) {
  const beats = new Map<string, Map<string, Set<string>>>();
  for (const { prompt, a, b, first, second } of games) {
    if (first === second) continue;
    const [winner, loser] = first > second ? [a, b] : [b, a];
    const wins = beats.get(prompt) ?? new Map<string, Set<string>>();
    beats.set(prompt, wins.set(winner, (wins.get(winner) ?? new Set()).add(loser)));
  }
  let triples = 0, circular = 0;
  for (const wins of beats.values()) {
    for (const [a, losers] of wins) {
      const list = [...losers];
      for (const [i, b] of list.entries()) {
        // A transitive triple has one answer that beats both others; a circle is met at each of its three.
        for (const c of list.slice(i + 1)) {
          if (wins.get(b)?.has(c) || wins.get(c)?.has(b)) triples++;
        }
        for (const c of wins.get(b) ?? []) if (wins.get(c)?.has(a)) circular++;
      }
    }
  }
  return { triples: triples + circular / 3, circular: circular / 3 };
}

function countRatings(rated: readonly RatedAnswers[]) {
  const ratings = rated.flatMap(({ answers }) => {
    const own = new Map<string, number[]>();
    for (const { text, rating } of answers) own.set(text, [...own.get(text) ?? [], rating]);
    return [...own.values()].filter((values) => values.length > 1);
  });
  const different = ratings.filter((values) => values.some((value) => value !== values[0]));
  return { ratedAgain: ratings.length, ratedDifferently: different.length };
}
