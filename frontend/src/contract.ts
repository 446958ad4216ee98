// What the card and Home Assistant say to each other. The other side is websocket_api.py.

export type Status = "idle" | "listening" | "thinking" | "speaking" | "away";

export interface Usage {
  input_tokens: number;
  output_tokens: number;
  total_tokens: number;
  cached_tokens?: number;
}

export interface Step {
  name: "speech" | "end_of_turn" | "model" | "tool" | "voice";
  start_ms: number;
  end_ms: number;
}

export interface Started {
  type: "started";
  session: string;
  binary_handler_id: number;
  conversation_id: string;
  sample_rate: number;
  name: string;
  status: Status;
  takes_images: boolean;
  history: { role: "user" | "assistant"; text: string }[];
}

export interface WatchStarted {
  type: "started";
  name: string;
  status: Status;
}

export type LiveEvent =
  | { type: "status"; status: Status }
  | { type: "speech_started" | "speech_stopped" | "false_interruption"; item_id: string }
  | { type: "interrupted"; item_id: string | null; audio_end_ms: number; text: string }
  | { type: "user_text"; item_id: string; text: string; final: boolean }
  | { type: "text"; item_id: string; response_id: string; delta: string }
  | { type: "text_done"; item_id: string; text: string }
  | { type: "audio"; item_id: string; response_id: string; audio: string }
  | { type: "audio_done"; item_id: string; duration_ms: number }
  | { type: "tool_call"; call_id: string; name: string; title?: string; arguments: unknown }
  | {
      type: "tool_result";
      call_id: string;
      name: string;
      error: boolean;
      result: unknown;
      entities: string[];
      ms: number;
    }
  | {
      type: "response_done";
      response_id: string;
      status: string;
      latency_ms: number | null;
      usage: Usage | null;
      cost: { amount: number; currency: string } | null;
    }
  | { type: "turn_done"; turn_id: string; steps: Step[] }
  | { type: "error"; message: string; can_retry: boolean }
  | { type: "ended"; reason: "taken_over" | "unloaded" | "failed" | "idle"; message?: string };

export type TurnSource = {
  kind: "satellite" | "dialog" | "action" | "live" | "unknown";
  entity_id?: string;
  device_id?: string;
  name?: string;
};

export type WatchEvent =
  | (LiveEvent & { turn_id?: string })
  | { type: "turn_started"; turn_id: string; source: TurnSource };

export type LiveMessage =
  | { type: "playback"; item_id: string; played_ms: number; state: "playing" | "paused" | "ended" }
  | { type: "turn"; action: "begin" | "end" }
  | { type: "hands_free"; on: boolean }
  | { type: "text"; text: string }
  | { type: "image"; data_url: string; text?: string }
  | { type: "interrupt" }
  | { type: "output"; media_player: string | null };

/** What Home Assistant tells a page that is a named screen. The other side is screen_websocket.py. */
export type ScreenEvent =
  | { type: "connected"; screen: string; satellite_id: string; binary_handler_id: number; sample_rate: number }
  | { type: "announce"; id: string; url: string; preannounce_url?: string; text: string }
  | { type: "listen"; id: string; purpose: "question" | "conversation"; text: string }
  | { type: "listen_end"; id: string }
  | { type: "pipeline"; event: PipelineEvent }
  | { type: "taken_over" | "ended" };

export type PipelineEvent =
  | { type: "user_text"; text: string }
  | { type: "text"; delta: string }
  | { type: "text_done"; text: string }
  | { type: "reply"; id: string; url: string }
  | { type: "error"; message: string }
  | { type: "end" };

export type ScreenMessage =
  | { type: "done"; id: string }
  | { type: "failed"; id: string; failure: "sound" | "microphone" }
  | { type: "run" | "stop" };

export interface CheckResult {
  reachable: boolean;
  dialect: "ga" | "preview";
  model: string | null;
  round_trip_ms: number | null;
  version: string;
  home_assistant: string;
  error?: string;
}

export interface CommandError {
  code: string;
  message: string;
}
