// Scenarios for Microsoft's rt-client, which speaks api-version 2024-10-01-preview only.
// Prints what the client was told, as JSON.
import { RTClient } from "rt-client";

const [scenario, host, key, deployment] = process.argv.slice(2);

const TOOL = {
  type: "function",
  name: "get_weather",
  description: "Tell the weather",
  parameters: {
    type: "object",
    properties: { location: { type: "string" } },
    required: ["location"],
  },
};

function write(client, text) {
  return client.sendItem({
    type: "message",
    role: "user",
    content: [{ type: "input_text", text }],
  });
}

// A second of something loud, and silence for a detector to find.
function speech() {
  const samples = new Int16Array(24000 * 2);
  for (let at = 0; at < 24000; at++) samples[at] = 6000 * Math.sin(at / 12);
  return new Uint8Array(samples.buffer);
}

async function say(client, pcm) {
  for (let at = 0; at < pcm.length; at += 4800) await client.sendAudio(pcm.slice(at, at + 4800));
}

async function read(response) {
  const told = { text: "", transcript: "", audioBytes: 0, calls: [] };
  for await (const item of response) {
    if (item.type === "function_call") {
      await item.waitForCompletion();
      told.calls.push({ name: item.functionName, callId: item.callId, arguments: item.arguments });
      continue;
    }
    for await (const content of item) {
      if (content.type === "text") {
        for await (const text of content.textChunks()) told.text += text;
        continue;
      }
      await Promise.all([
        (async () => {
          for await (const chunk of content.audioChunks()) told.audioBytes += chunk.length;
        })(),
        (async () => {
          for await (const words of content.transcriptChunks()) told.transcript += words;
        })(),
      ]);
    }
  }
  return { ...told, status: response.status, tokens: response.usage?.total_tokens };
}

const scenarios = {
  async text(client) {
    await client.configure({ modalities: ["text"] });
    await write(client, "say one two three");
    return read(await client.generateResponse());
  },

  async manual(client) {
    await client.configure({ voice: "echo", turn_detection: null });
    await say(client, speech());
    await client.clearAudio();
    await say(client, speech());
    const item = await client.commitAudio();
    await item.waitForCompletion();
    return read(await client.generateResponse());
  },

  async vad(client) {
    await client.configure({
      turn_detection: { type: "server_vad" },
      input_audio_transcription: { model: "whisper-1" },
    });
    const told = {};
    await say(client, speech());
    for await (const event of client.events()) {
      if (event.type === "input_audio") {
        await event.waitForCompletion();
        told.heard = event.transcription;
        told.heardMs = event.audioEndMillis - event.audioStartMillis;
      } else {
        told.reply = await read(event);
        return told;
      }
    }
  },

  async tool(client) {
    await client.configure({ tools: [TOOL] });
    await write(client, "what is the weather in Bern?");
    const { calls } = await read(await client.generateResponse());
    await client.sendItem({
      type: "function_call_output",
      call_id: calls[0].callId,
      output: JSON.stringify({ weather: "sunny" }),
    });
    return { calls, reply: await read(await client.generateResponse()) };
  },

  async cancel(client) {
    const response = await client.generateResponse();
    await response.cancel();
    return { status: response.status, details: response.statusDetails };
  },

  async refusal(client) {
    try {
      await client.removeItem("nobody");
    } catch (error) {
      return { name: error.constructor.name, code: error.code, message: error.message };
    }
  },
};

const client = new RTClient(new URL(`ws://${host}`), { key }, { deployment });
await client.init();
const told = await scenarios[scenario](client);
await client.close();
console.log(JSON.stringify(told));
