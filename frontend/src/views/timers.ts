import type { ToolLine } from "../turns.ts";

const UNITS = { hours: 3_600_000, minutes: 60_000, seconds: 1000 } as const;

/** When the timer that a call has started ends, in ms of the page's clock. */
export function timerEnd(line: ToolLine): number | undefined {
  if (!line.name.endsWith("HassStartTimer") || line.error) return undefined;
  if (typeof line.arguments !== "object" || line.arguments === null) return undefined;
  const given = line.arguments as Record<string, unknown>;
  let length = 0;
  for (const [unit, ms] of Object.entries(UNITS)) length += (Number(given[unit]) || 0) * ms;
  return length ? line.calledAt + length : undefined;
}

/** What is left as 4:05, or nothing. */
export function remaining(end: number, now: number): string {
  const left = Math.ceil((end - now) / 1000);
  if (left <= 0) return "";
  const [hours, minutes] = [Math.floor(left / 3600), Math.floor(left / 60) % 60];
  const two = (value: number): string => String(value).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(left % 60)}` : `${minutes}:${two(left % 60)}`;
}
