export async function docs(): Promise<void> {}
