// CopilotKit's aimock with something to say. Prints its URL and serves until its input ends:
// what starts it is a wrapper of Node.js's, and a signal would reach no further.
import { LLMock } from "@copilotkit/aimock";

const mock = new LLMock({ host: "127.0.0.1", port: 0, logLevel: "silent", chunkSize: 4 });
mock.addFixture({
  match: { userMessage: "weather", hasToolResult: false },
  response: { toolCalls: [{ name: "get_weather", arguments: '{"location":"Bern"}' }] },
});
mock.addFixture({
  match: { userMessage: "weather", hasToolResult: true },
  response: { content: "It is sunny." },
});
mock.onMessage("hello", { content: "Good morning." });
mock.onMessage("story", { content: "Once upon a time there was a lamp." }, { latency: 20 });
mock.onMessage("quota", {
  error: { message: "Rate limit reached", type: "requests", code: "rate_limit_exceeded" },
  status: 429,
});
await mock.start();
console.log(mock.url);
process.stdin.on("end", () => process.exit()).resume();
