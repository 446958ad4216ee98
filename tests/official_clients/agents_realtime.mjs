// Scenarios for OpenAI's agents SDK: an agent, its session, and the websocket transport.
// Prints what the session was told, as JSON.
import { OpenAIRealtimeWebSocket, RealtimeAgent, RealtimeSession, tool } from "@openai/agents-realtime";
import { z } from "zod";

const [scenario, host, key, deployment] = process.argv.slice(2);

const getWeather = tool({
  name: "get_weather",
  description: "Tell the weather",
  parameters: z.object({ location: z.string() }),
  execute: async ({ location }) => JSON.stringify({ location, weather: "sunny" }),
});
const agent = new RealtimeAgent({
  name: "House",
  instructions: "Be brief",
  voice: "marin",
  tools: [getWeather],
});
const transport = new OpenAIRealtimeWebSocket();
const session = new RealtimeSession(agent, {
  transport,
  tracingDisabled: true,
  config: {
    audio: {
      input: {
        transcription: { model: "gpt-4o-mini-transcribe" },
        // Its default, semantic_vad, has been seen to hear nothing on Azure (livekit/agents#6871).
        turnDetection: { type: "server_vad" },
      },
    },
  },
});

const told = { errors: [], heard: [], replies: [], toolCalls: [], audioBytes: 0, interruptions: 0 };

let waiting = () => {};
function until(condition) {
  return new Promise((resolve) => {
    waiting = () => condition() && resolve();
    waiting();
  });
}

function listen(emitter, event, note) {
  emitter.on(event, (...details) => {
    note(...details);
    waiting();
  });
}

// An event that the SDK's schemas do not know reaches "*" alone, which comes first.
const untyped = new Map();
transport.on("*", ({ type }) => {
  if (!untyped.has(type)) {
    untyped.set(type, 0);
    listen(transport, type, () => untyped.set(type, untyped.get(type) - 1));
  }
  untyped.set(type, untyped.get(type) + 1);
});
listen(session, "error", ({ error }) => told.errors.push(error));
listen(session, "agent_end", (_context, _agent, output) => told.replies.push(output));
listen(session, "audio", ({ data }) => (told.audioBytes += data.byteLength));
listen(session, "audio_interrupted", () => told.interruptions++);
listen(session, "agent_tool_end", (_context, _agent, { name }, result) => told.toolCalls.push({ name, result }));
listen(transport, "conversation.item.input_audio_transcription.completed", ({ transcript }) =>
  told.heard.push(transcript),
);

// A second of something loud, and silence for the detector to find.
function speak() {
  const samples = new Int16Array(24000 * 2);
  for (let at = 0; at < 24000; at++) samples[at] = 6000 * Math.sin(at / 12);
  for (let at = 0; at < samples.length; at += 2400) session.sendAudio(samples.slice(at, at + 2400).buffer);
}

const scenarios = {
  async typed() {
    session.sendMessage("say good morning");
    await until(() => told.replies.length === 1);
  },

  async spoken() {
    speak();
    await until(() => told.heard.length === 1 && told.replies.length === 1);
  },

  async tool() {
    session.sendMessage("what is the weather in Bern?");
    await until(() => told.replies.at(-1)?.includes("sunny"));
  },

  async bargeIn() {
    session.sendMessage("tell me a story");
    await until(() => told.audioBytes > 0);
    speak();
    await until(() => told.replies.length === 2);
  },

  // Stopped by a button, while the reply is still being made.
  async interrupt() {
    session.sendMessage("tell me a story");
    await until(() => told.audioBytes > 0);
    // Something has to be heard: the service refuses to cut an item to 0 ms.
    await new Promise((heard) => setTimeout(heard, 50));
    session.interrupt();
    await until(() => told.replies.length === 1);
    session.sendMessage("say good bye");
    await until(() => told.replies.length === 2);
  },
};

await session.connect({
  apiKey: key,
  url: `ws://${host}/openai/v1/realtime?model=${deployment}`,
  model: deployment,
});
await until(() => untyped.has("session.updated"));
await scenarios[scenario]();
told.history = session.history.map(({ type, role, status }) => [type, role ?? null, status ?? null]);
told.tokens = session.usage.totalTokens;
told.untyped = [...untyped.keys()].filter((type) => untyped.get(type));
session.close();
console.log(JSON.stringify(told));
