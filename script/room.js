// A room around a page: a microphone that hears what a script says, and an ear at the speaker.
//
// `room.say(pcm)` speaks into every microphone that the page has opened: PCM16 of 24 kHz, as base64.
// `room.sounds` are the sounds that the page has put out, each from its first sample that can be heard
// to its last. All times are those of `performance.now()`, in ms.
(() => {
  const RATE = 24_000;
  const AUDIBLE = 0.001; // of full scale
  const GAP_SECONDS = 0.02; // quiet for so long is the end of a sound

  // Without the faint noise of a room a browser may hold a microphone for muted.
  const NOISE = 0.0005;

  const connect = AudioNode.prototype.connect;
  let air;

  const openAir = async () => {
    const context = new AudioContext({sampleRate: RATE, latencyHint: "interactive"});
    await context.resume();
    const mixer = context.createGain();
    const noise = context.createBuffer(1, RATE, RATE);
    const samples = noise.getChannelData(0);
    for (let at = 0; at < RATE; at++) samples[at] = (Math.random() * 2 - 1) * NOISE;
    const rustling = context.createBufferSource();
    rustling.buffer = noise;
    rustling.loop = true;
    rustling.connect(mixer);
    rustling.start();
    return {context, mixer};
  };

  const EAR = `registerProcessor("ear", class extends AudioWorkletProcessor {
    lastLoud = -Infinity;
    isSounding = false;
    loud = 0;
    process([[samples]]) {
      if (samples) this.listen(samples);
      if (this.isSounding && currentTime - this.lastLoud > ${GAP_SECONDS}) {
        this.isSounding = false;
        this.port.postMessage({type: "end", at: this.lastLoud, seconds: this.loud / sampleRate});
      }
      return true;
    }
    listen(samples) {
      let first = -1, last = -1;
      for (let at = 0; at < samples.length; at++) {
        if (Math.abs(samples[at]) < ${AUDIBLE}) continue;
        if (first < 0) first = at;
        last = at;
      }
      if (first < 0) return;
      if (!this.isSounding) {
        this.isSounding = true;
        this.loud = 0;
        this.port.postMessage({type: "begin", at: currentTime + first / sampleRate});
      }
      this.loud += last - first + 1;
      this.lastLoud = currentTime + (last + 1) / sampleRate;
    }
  })`;

  const listenTo = async (node) => {
    const {context} = node;
    const url = URL.createObjectURL(new Blob([EAR], {type: "text/javascript"}));
    await context.audioWorklet.addModule(url);
    const ear = new AudioWorkletNode(context, "ear", {numberOfOutputs: 0});
    connect.call(node, ear);
    let sounding, halted;
    // A context that is suspended or closed lets no ear say so; one that is resumed goes on where it was.
    context.addEventListener("statechange", () => {
      if (context.state === "running") {
        if (halted) Object.assign(halted, {end: null, seconds: null});
        halted = undefined;
      } else if (sounding?.end === null) {
        halted = sounding;
        const end = performance.now();
        Object.assign(sounding, {end, seconds: (end - sounding.begin) / 1000});
      }
    });
    ear.port.onmessage = ({data}) => {
      // When the sample leaves the speaker: what is rendered now is heard a little later.
      const latency = context.outputLatency || context.baseLatency || 0;
      const at = performance.now() + (data.at - context.currentTime + latency) * 1000;
      if (data.type === "begin") {
        sounding = {begin: at, end: null, seconds: null};
        room.sounds.push(sounding);
      } else {
        Object.assign(sounding, {end: at, seconds: data.seconds});
      }
    };
  };

  AudioNode.prototype.connect = function (target, ...rest) {
    if (target instanceof AudioDestinationNode) void listenTo(this);
    return connect.call(this, target, ...rest);
  };

  const decoded = (base64) => {
    const bytes = Uint8Array.fromBase64(base64);
    return Float32Array.from(new Int16Array(bytes.buffer), (sample) => sample / 0x8000);
  };

  const room = {
    sounds: [],
    microphones: 0,

    /** Speaks, and returns when the first and the last sample that can be heard are spoken. */
    async say(base64) {
      const {context, mixer} = await (air ??= openAir());
      const samples = decoded(base64);
      const buffer = context.createBuffer(1, samples.length, RATE);
      buffer.copyToChannel(samples, 0);
      const voice = context.createBufferSource();
      voice.buffer = buffer;
      voice.connect(mixer);
      const start = context.currentTime + 0.05;
      voice.start(start);
      const isLoud = (sample) => Math.abs(sample) > 0.015;
      const at = (sample) => performance.now() + (start - context.currentTime + sample / RATE) * 1000;
      return {begin: at(samples.findIndex(isLoud)), end: at(samples.findLastIndex(isLoud) + 1)};
    },
  };

  window.room = room;
  if (!navigator.mediaDevices) return;
  navigator.mediaDevices.getUserMedia = async () => {
    const {context, mixer} = await (air ??= openAir());
    const outlet = context.createMediaStreamDestination();
    mixer.connect(outlet);
    room.microphones++;
    return outlet.stream;
  };
})();
