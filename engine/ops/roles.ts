/**
 * The role of each token of an episode, in one `u32 [B, T]` beside the tokens. A row reads PROMPT…
 * FORCED… GENERATED… and then PAD. FORCED is the dataset prefix the episode was reset to;
 * the end-of-sequence token the policy chose is GENERATED. Losses, divergences, whitening and
 * statistics select GENERATED and nothing else. Kernels repeat the code of GENERATED as a constant.
 */
export const Role = { PAD: 0, PROMPT: 1, FORCED: 2, GENERATED: 3 } as const;
