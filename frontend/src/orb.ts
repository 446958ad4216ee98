import { css, html, LitElement, svg, type PropertyValues, type TemplateResult } from "lit";
import { property, query } from "lit/decorators.js";

export type OrbState = "idle" | "listening" | "thinking" | "speaking" | "away";

export interface Levels {
  person: number;
  reply: number;
}

const BODY = 43;
const RING = 59;
const POINTS = 60;
const FRAME_MS = 30;

/**
 * The one living thing of the card. What moves by itself (breath, arc, changes of state) is CSS; the
 * microphone's ring and the reply's body are drawn from their levels, and only while somebody speaks.
 */
export class Orb extends LitElement {
  @property({ reflect: true }) state: OrbState = "idle";
  /** Asked in every frame that is drawn. */
  @property({ attribute: false }) levels: () => Levels = () => ({ person: 0, reply: 0 });

  @query(".body") private readonly body!: SVGPathElement;
  @query(".ring") private readonly ring!: SVGPathElement;
  @query(".aura") private readonly aura!: SVGPathElement;
  private frame = 0;
  private lastFrame = 0;
  private person = 0;
  private reply = 0;
  private isVisible = true;
  private observer: IntersectionObserver | undefined;
  private readonly calm = matchMedia("(prefers-reduced-motion: reduce)");

  static override readonly styles = css`
    :host {
      display: block;
      aspect-ratio: 1;
      --hear: var(--primary-color, #03a9f4);
      --voice: var(--azure-realtime-audio-voice-color, #7c5cff);
      --tone: var(--hear);
    }
    :host([state="thinking"]),
    :host([state="speaking"]) {
      --tone: var(--voice);
    }
    svg {
      display: block;
      width: 100%;
      height: 100%;
      overflow: visible;
    }
    svg * {
      transition:
        opacity 0.45s ease,
        transform 0.45s ease,
        fill 0.45s ease,
        stroke 0.45s ease,
        stop-color 0.45s ease;
    }
    .light {
      stop-color: color-mix(in srgb, var(--tone) 10%, white);
    }
    .tone {
      stop-color: color-mix(in srgb, var(--tone) 78%, white);
    }
    .deep {
      stop-color: color-mix(in srgb, var(--tone) 82%, black);
    }
    .glow-in {
      stop-color: var(--tone);
      stop-opacity: 0.34;
    }
    .glow-out {
      stop-color: var(--tone);
      stop-opacity: 0;
    }
    .glow {
      opacity: 0.55;
    }
    .aura {
      fill: var(--tone);
      opacity: 0.08;
    }
    .ring {
      fill: none;
      stroke: var(--hear);
      stroke-width: 2.4;
      stroke-linejoin: round;
      opacity: 0;
    }
    .arcs,
    .dashes {
      fill: none;
      stroke-width: 4;
      stroke-linecap: round;
      opacity: 0;
    }
    .track {
      stroke: var(--voice);
      stroke-opacity: 0.14;
    }
    .long {
      stroke: var(--voice);
    }
    .short {
      stroke: var(--hear);
    }
    .dashes {
      stroke: var(--secondary-text-color, #727272);
      stroke-width: 2.5;
      stroke-dasharray: 4 7.3;
    }
    :host([state="idle"]) .whole {
      animation: breathe 5.5s ease-in-out infinite;
    }
    :host([state="idle"]) .body {
      opacity: 0.86;
    }
    :host([state="listening"]) .ring {
      opacity: 0.9;
    }
    :host([state="listening"]) .aura {
      opacity: 0.13;
    }
    :host([state="thinking"]) .arcs {
      opacity: 1;
    }
    :host([state="thinking"]) .spin {
      animation: travel 1.6s linear infinite;
    }
    :host([state="thinking"]) .body {
      transform: scale(0.94);
    }
    :host([state="thinking"]) .aura {
      opacity: 0;
    }
    :host([state="speaking"]) .aura {
      opacity: 0.16;
    }
    :host([state="speaking"]) .glow {
      opacity: 1;
    }
    :host([state="speaking"]) .body {
      transform: scale(1.1);
    }
    :host([state="away"]) .dashes {
      opacity: 0.85;
    }
    :host([state="away"]) :is(.body, .aura, .glow) {
      opacity: 0;
      transform: scale(0.8);
    }
    @keyframes breathe {
      50% {
        transform: scale(1.045);
      }
    }
    @keyframes travel {
      to {
        transform: rotate(360deg);
      }
    }
    @media (prefers-reduced-motion: reduce) {
      svg * {
        transition: none;
        animation: none !important;
      }
    }
  `;

  override connectedCallback(): void {
    super.connectedCallback();
    this.observer = new IntersectionObserver(([entry]) => {
      this.isVisible = entry?.isIntersecting ?? true;
      this.wake();
    });
    this.observer.observe(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.observer?.disconnect();
    cancelAnimationFrame(this.frame);
    this.frame = 0;
  }

  protected override render(): TemplateResult {
    return html`<svg viewBox="-80 -80 160 160" aria-hidden="true">
      <defs>
        ${svg`<radialGradient id="core" cx="36%" cy="28%" r="78%">
          <stop class="light" offset="0"/><stop class="tone" offset=".38"/><stop class="deep" offset="1"/>
        </radialGradient>
        <radialGradient id="glow">
          <stop class="glow-in" offset=".35"/><stop class="glow-out" offset="1"/>
        </radialGradient>`}
      </defs>
      <g class="whole">
        <circle class="glow" r="80" fill="url(#glow)"></circle>
        <path class="aura"></path>
        <path class="ring"></path>
        <g class="arcs">
          <circle class="track" r="60"></circle>
          <g class="spin">
            <path class="long" d="M0-60A60 60 0 0 1 57-19"></path>
            <path class="short" d="M-49 35A60 60 0 0 1-59 10"></path>
          </g>
        </g>
        <circle class="dashes" r="43"></circle>
        <path class="body" fill="url(#core)"></path>
      </g>
    </svg>`;
  }

  protected override updated(changed: PropertyValues<this>): void {
    if (!changed.has("state")) return;
    if (this.calm.matches) this.drawStill();
    else this.wake();
  }

  private wake(): void {
    if (this.frame || !this.isVisible || !this.isConnected || this.calm.matches) return;
    this.frame = requestAnimationFrame(this.drawFrame);
  }

  private readonly drawFrame = (now: number): void => {
    this.frame = 0;
    if (!this.isVisible) return;
    if (now - this.lastFrame >= FRAME_MS) {
      this.lastFrame = now;
      const { person, reply } = this.levels();
      this.person = approach(this.person, this.state === "listening" ? 0.12 + loud(person) : 0);
      this.reply = approach(this.reply, this.state === "speaking" ? 0.25 + loud(reply) : 0);
      this.draw(now / 1000);
    }
    const isMoving = this.person + this.reply > 0.005;
    if (isMoving || this.state === "listening" || this.state === "speaking") this.wake();
  };

  private drawStill(): void {
    this.person = this.state === "listening" ? 0.5 : 0;
    this.reply = this.state === "speaking" ? 0.6 : 0;
    this.draw(1);
  }

  private draw(t: number): void {
    const { person, reply } = this;
    const body = (a: number): number =>
      BODY +
      reply *
        (4.2 * Math.sin(2 * a + 1.3 * t) + 3.4 * Math.sin(3 * a - 1.9 * t + 2) + 1.6 * Math.sin(5 * a + 2.7 * t) + 3);
    const ring = (a: number): number =>
      RING +
      person *
        (5 * Math.sin(6 * a + 1.7 * t) * Math.sin(2 * a - 0.6 * t) +
          3.4 * Math.sin(11 * a - 2.3 * t) * Math.sin(3 * a + 0.9 * t) +
          2.5);
    this.body.setAttribute("d", outline(body));
    this.ring.setAttribute("d", outline(ring));
    const reach = this.state === "speaking" || reply > person ? (a: number) => body(a - 0.12) * 1.16 + 5 : ring;
    this.aura.setAttribute("d", outline((a) => reach(a) + 4));
  }
}

/** Rises quickly and falls slowly, as an eye expects of a voice. */
function approach(value: number, target: number): number {
  return value + (target - value) * (target > value ? 0.45 : 0.13);
}

/** From a level to what looks as loud. */
function loud(level: number): number {
  return Math.min(1, Math.sqrt(level) * 1.9);
}

/** A smooth closed line around the centre. */
function outline(radius: (angle: number) => number): string {
  const points: [number, number][] = [];
  for (let i = 0; i < POINTS; i++) {
    const angle = (i / POINTS) * 2 * Math.PI;
    const r = radius(angle);
    points.push([r * Math.cos(angle), r * Math.sin(angle)]);
  }
  const middle = ([x, y]: [number, number], [u, v]: [number, number]): string =>
    `${((x + u) / 2).toFixed(1)} ${((y + v) / 2).toFixed(1)}`;
  let path = `M${middle(points.at(-1)!, points[0]!)}`;
  points.forEach((point, i) => {
    path += `Q${point[0].toFixed(1)} ${point[1].toFixed(1)} ${middle(point, points[(i + 1) % POINTS]!)}`;
  });
  return `${path}Z`;
}
