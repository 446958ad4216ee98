// What a browser remembers.

// Which conversation an assistant had with it last, so that a reload or another tab goes on with that.
const PREFIX = "azure-realtime-audio-conversation-";
// Home Assistant forgets a conversation five minutes after its last word.
const KEPT_MS = 5 * 60_000;

export function rememberConversation(entity: string, id: string | undefined): void {
  if (id) attempt(() => localStorage.setItem(PREFIX + entity, JSON.stringify({ id, at: Date.now() })));
}

export function forgetConversation(entity: string): void {
  attempt(() => localStorage.removeItem(PREFIX + entity));
}

export function recallConversation(entity: string): string | undefined {
  return attempt(() => {
    const kept: unknown = JSON.parse(localStorage.getItem(PREFIX + entity) ?? "null");
    if (typeof kept !== "object" || kept === null || !("id" in kept) || !("at" in kept)) return undefined;
    const isFresh = typeof kept.at === "number" && Date.now() - kept.at < KEPT_MS;
    return isFresh && typeof kept.id === "string" ? kept.id : undefined;
  });
}

// Which microphone this browser uses. Its id means nothing to any other browser.
const MICROPHONE = "azure-realtime-audio-microphone";

export function rememberMicrophone(id: string | undefined): void {
  attempt(() => (id ? localStorage.setItem(MICROPHONE, id) : localStorage.removeItem(MICROPHONE)));
}

export function recallMicrophone(): string | undefined {
  return attempt(() => localStorage.getItem(MICROPHONE) ?? undefined);
}

/** Browsers may refuse to store anything. The card then begins anew each time. */
function attempt<Result>(task: () => Result): Result | undefined {
  try {
    return task();
  } catch {
    return undefined;
  }
}
