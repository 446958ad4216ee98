// Every sentence and word of the card. To add a language, translate `en` in a file of its own
// (`texts.de.ts`: `export const de: Texts = {…}`) and name it in LANGUAGES. What stands in braces stays.
export const en = {
  card_name: "Azure Realtime Audio: live card",
  card_description: "Talk with an assistant of Azure Realtime Audio, and interrupt it.",
  badge_name: "Azure Realtime Audio: talk",
  badge_description: "Shows what an assistant is doing. A tap lets you talk with it.",

  status_off: "Ready",
  status_starting: "Connecting",
  status_reconnecting: "Connection lost",
  status_idle: "Ready",
  status_listening: "Listening",
  status_thinking: "Thinking",
  status_speaking: "Speaking",
  status_away: "Away",
  status_interrupted: "You interrupted",
  status_muted: "Muted",
  status_paused: "Paused",
  status_hold: "Hold to talk",

  hint_tap: "Tap the microphone, or hold space.",
  hint_hold: "Hold the microphone, or hold space.",
  hint_talking: "Say something.",
  hint_watch: "The next turn of this assistant appears here.",

  talk: "Talk",
  start: "Start talking",
  end: "End the talk",
  stop: "Stop the answer",
  hold: "Hold to talk",
  mute: "Mute the microphone",
  unmute: "Unmute the microphone",
  type: "Type instead",
  send: "Send",
  picture: "Send a picture",
  menu: "Menu",
  conversation: "Conversation",
  you: "You",
  assistant: "Assistant",
  picture_of_yours: "The picture you sent",
  expand: "Show the conversation",
  close: "Close",
  retry: "Try again",
  dismiss: "Dismiss",
  here: "Talk here",
  wake: "Tap to hear",

  menu_new: "New conversation",
  menu_output: "Play answers at",
  output_here: "This page",
  menu_microphone: "Microphone",
  microphone_usual: "The browser's own",
  menu_check: "Check microphone and connection",
  menu_settings: "Show the assistant",

  tool_running: "running",
  tool_failed: "failed",
  tool_done: "done",
  timer_left: "{time} left",
  timer_over: "over",

  first_sound: "first sound",
  first_word: "first word",
  tokens: "tokens",
  cost: "cost",
  cut_at: "cut at",
  what_you_heard: "what you heard",
  waterfall: "Where the time went",
  step_speech: "speech",
  step_end_of_turn: "end of turn",
  step_model: "model",
  step_tool: "tool",
  step_voice: "voice",

  turn_at: "A turn at {name}",
  turn_satellite: "A turn at a satellite",
  turn_dialog: "A turn in the Assist dialog",
  turn_action: "A turn of an action",
  turn_live: "A turn at a live card",
  turn_unknown: "A turn elsewhere",

  problem_insecure:
    "Browsers let only secure pages hear a microphone: open Home Assistant by https. You can type meanwhile.",
  problem_not_allowed: "This page may not use the microphone: allow it in the browser's or the app's settings.",
  problem_no_device: "No microphone was found.",
  problem_in_use: "The microphone cannot be opened; another program may be using it.",
  problem_unsupported: "This browser cannot be talked to: its audio is too old.",
  problem_unplugged: "The microphone was unplugged.",
  problem_taken: "You are talking in another card or tab.",
  problem_silenced: "The browser keeps the sound back until you tap.",
  problem_hidden: "The microphone was closed while this page was hidden.",
  problem_unavailable: "The assistant is not available.",
  problem_missing: "This card has no assistant: choose one in its settings.",
  problem_unauthorized: "You may not talk with this assistant.",
  problem_not_found: "This assistant does not exist, or Home Assistant has an older version of the integration.",
  problem_too_many_sessions: "Too many people are talking with this assistant.",
  problem_failed: "The talk has ended: {reason}",
  problem_service_away: "The service cannot be reached. The conversation is kept.",
  problem_screen_taken: "Another page is the screen {name} now.",
  problem_screen_silent: "An announcement for the screen {name} could not be played.",
  problem_picture_type: "Only JPEG and PNG pictures can be sent.",
  problem_picture: "This picture cannot be read.",

  check_title: "Check",
  check_secure: "Secure page",
  check_permission: "Microphone permission",
  check_microphones: "Microphones",
  check_worklet: "Audio worklet at 24 kHz",
  check_latency: "Way to the speaker",
  check_socket: "Home Assistant",
  check_service: "Service",
  check_round_trip: "Round trip",
  check_dialect: "Dialect",
  check_model: "Model",
  check_version: "Versions",
  check_again: "Check again",
  check_copy: "Copy report",
  check_copied: "Copied",
  yes: "yes",
  no: "no",
  granted: "granted",
  denied: "denied",
  prompt: "not asked yet",
  reachable: "reachable",
  unreachable: "not reachable",

  form_entity: "Assistant",
  form_name: "Name",
  form_size: "Size",
  form_size_full: "Full card",
  form_size_compact: "Row",
  form_size_button: "Button",
  form_watch: "Only watch: show the turns that others have with the assistant",
  form_screen: "Screen: the name under which automations can speak here (empty: none)",
  form_hands_free: "Hands-free: the assistant notices when you speak",
  form_language: "Language",
  form_microphone: "Microphone",
  form_echo_cancellation: "Remove the echo of the reply",
  form_noise_suppression: "Remove noise",
  form_auto_gain_control: "Adjust the volume",
};

export type Texts = typeof en;
export type TextKey = keyof Texts;

const LANGUAGES: Record<string, Partial<Texts>> = { en };

/** The text in a language, or in the nearest that is there, with what stands in braces put in. */
export function textsIn(language: string): (key: TextKey, values?: Record<string, string>) => string {
  const texts = LANGUAGES[language] ?? LANGUAGES[language.split("-")[0]!] ?? en;
  return (key, values = {}) =>
    (texts[key] ?? en[key]).replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);
}

export type Say = ReturnType<typeof textsIn>;

/** The sentence for an error's code, if there is one. */
export function problemKey(code: string): TextKey | undefined {
  const key = `problem_${code}`;
  return key in en ? (key as TextKey) : undefined;
}

