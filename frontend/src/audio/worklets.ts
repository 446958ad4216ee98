/** Loads a worklet from its text. Raises what the browser raises where it has no worklets. */
export async function addWorklet(context: AudioContext, source: string): Promise<void> {
  if (!context.audioWorklet) throw new Error("This browser has no audio worklets");
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  try {
    await context.audioWorklet.addModule(url);
  } finally {
    URL.revokeObjectURL(url);
  }
}
