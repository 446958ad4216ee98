import { addWorklet } from "./audio/worklets.ts";
import { WIRE_RATE } from "./audio/format.ts";
import type { CheckResult } from "./contract.ts";
import { DOMAIN, type HomeAssistant } from "./home-assistant.ts";
import type { Say, TextKey } from "./texts.ts";
import source from "worklet:./audio/playback-worklet.ts";

export interface Finding {
  key: TextKey;
  value: string;
  /** Undefined where there is nothing to be right or wrong. */
  isGood?: boolean;
}

/**
 * Looks at all that a talk needs, from the page to the service. What is found has no name of a host, a
 * device or a person, so that it can be shown to anyone.
 */
export async function check(hass: HomeAssistant, entity: string, say: Say): Promise<Finding[]> {
  const [permission, microphones, audio, service] = await Promise.all([
    askPermission(say),
    countMicrophones(),
    tryAudio(say),
    askService(hass, entity, say),
  ]);
  return [
    { key: "check_secure", value: say(isSecureContext ? "yes" : "no"), isGood: isSecureContext },
    permission,
    microphones,
    ...audio,
    ...service,
  ];
}

/** The findings as a text to paste. */
export function reportOf(findings: Finding[], say: Say): string {
  const lines = findings.map(({ key, value, isGood }) => `${isGood === false ? "✗" : "·"} ${say(key)}: ${value}`);
  return [...lines, navigator.userAgent].join("\n");
}

async function askPermission(say: Say): Promise<Finding> {
  const key = "check_permission";
  try {
    const { state } = await navigator.permissions.query({ name: "microphone" as PermissionName });
    return { key, value: say(state), isGood: state !== "denied" };
  } catch {
    return { key, value: "?" }; // not every browser tells
  }
}

async function countMicrophones(): Promise<Finding> {
  const devices = (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
  const number = devices.filter((device) => device.kind === "audioinput").length;
  return { key: "check_microphones", value: String(number), isGood: number > 0 };
}

async function tryAudio(say: Say): Promise<Finding[]> {
  let context: AudioContext | undefined;
  try {
    context = new AudioContext({ sampleRate: WIRE_RATE });
    await addWorklet(context, source);
    const latency = (context.outputLatency || 0) + context.baseLatency;
    return [
      { key: "check_worklet", value: say("yes"), isGood: true },
      { key: "check_latency", value: `${Math.round(latency * 1000)} ms` },
    ];
  } catch {
    return [{ key: "check_worklet", value: say("no"), isGood: false }];
  } finally {
    void context?.close();
  }
}

async function askService(hass: HomeAssistant, entity: string, say: Say): Promise<Finding[]> {
  const began = performance.now();
  try {
    const result = await hass.connection.sendMessagePromise<CheckResult>({
      type: `${DOMAIN}/check`,
      entity_id: entity,
    });
    const whole = Math.round(performance.now() - began);
    const findings: Finding[] = [
      { key: "check_socket", value: `${Math.max(0, whole - (result.round_trip_ms ?? 0))} ms`, isGood: true },
      {
        key: "check_service",
        value: result.error ?? say(result.reachable ? "reachable" : "unreachable"),
        isGood: result.reachable,
      },
      { key: "check_dialect", value: result.dialect },
      { key: "check_version", value: `${result.version}, Home Assistant ${result.home_assistant}` },
    ];
    if (result.model) findings.push({ key: "check_model", value: result.model });
    if (result.round_trip_ms !== null) findings.push({ key: "check_round_trip", value: `${result.round_trip_ms} ms` });
    return findings;
  } catch (error) {
    const { message } = (error ?? {}) as { message?: string };
    return [{ key: "check_service", value: message || say("unreachable"), isGood: false }];
  }
}
