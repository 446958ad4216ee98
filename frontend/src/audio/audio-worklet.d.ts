// What exists in the audio thread only. TypeScript's library of it cannot be loaded beside that of a page.
declare abstract class AudioWorkletProcessor {
  readonly port: MessagePort;
  abstract process(inputs: Float32Array[][], outputs: Float32Array[][]): boolean;
}
declare function registerProcessor(name: string, processor: new () => AudioWorkletProcessor): void;
declare const sampleRate: number;

declare module "worklet:*" {
  const source: string;
  export default source;
}
