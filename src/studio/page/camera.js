// The camera: a still for a photograph, or live, each newest frame sent when the one before is back.
import { element, makeControl } from "./controls.js";

const byId = (id) => document.getElementById(id);
const SAMPLES = 240; // that latencies are told of
const RATE_SECONDS = 4;

const sorted = (values) => [...values].sort((a, b) => a - b);
const share = (values, part) => values[Math.min(values.length - 1, Math.floor(values.length * part))];

const reasons = {
  NotAllowedError: "The browser was not allowed to use the camera: allow it for this page, then try again.",
  NotFoundError: "There is no camera here.",
  NotReadableError: "The camera is used by another program.",
  OverconstrainedError: "The camera does not offer this size.",
};

export class Camera {
  // `take(file)` opens a still; `notify(text)` tells what went wrong; `post(path, body)` returns it.
  constructor(about, { take, notify, post }) {
    this.take = take;
    this.notify = notify;
    this.post = post;
    this.client = Math.floor(Math.random() * 2 ** 48) + 1;
    this.video = byId("video");
    this.canvas = byId("live");
    this.shot = document.createElement("canvas");
    this.usual = { parameters: about.live.usual };
    this.controls = about.live.options.map((option) => makeControl({ ...option, id: `live-${option.name}` },
      (name, value) => post("/api/live", { parameters: { [name]: value } })));
    byId("live-options").append(...this.controls.map(({ root }) => root));
    this.side = byId("camera-size");
    this.side.value = about.device.processor ? "320" : "1280";
    this.build();
  }

  build() {
    byId("camera-take").addEventListener("click", () => this.still());
    byId("camera-live").addEventListener("click", () => (this.live ? this.stop() : this.start()));
    byId("camera-anew").addEventListener("click", () => this.post("/api/live", { end: this.client }));
    byId("camera-save").addEventListener("click", () => this.save());
    byId("camera-close").addEventListener("click", () => this.close());
    byId("camera-mirror").addEventListener("change", ({ target }) => {
      byId("camera").classList.toggle("mirrored", target.checked);
    });
    byId("camera-device").addEventListener("change", () => this.open(byId("camera-device").value));
    addEventListener("pagehide", () => this.close());
  }

  get isOpen() { return Boolean(this.stream); }

  async open(device) {
    if (!navigator.mediaDevices?.getUserMedia) {
      this.notify("This browser gives no camera to this address: use http://127.0.0.1 or http://localhost.");
      return;
    }
    this.closeStream();
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({ audio: false,
        video: { ...(device ? { deviceId: { exact: device } } : {}),
          width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 60 } } });
    } catch (error) {
      this.notify(reasons[error.name] ?? `The camera cannot be used: ${error.message}`);
      return;
    }
    this.stream.getVideoTracks()[0].addEventListener("ended", () => {
      this.notify("The camera was taken away.");
      this.close();
    });
    this.video.srcObject = this.stream;
    await this.video.play();
    document.body.classList.add("camera");
    byId("camera").hidden = byId("camera-bar").hidden = false;
    byId("camera").style.setProperty("--ratio", this.video.videoWidth / this.video.videoHeight);
    this.show();
    await this.listDevices();
    byId("camera-live").focus();
  }

  async listDevices() {
    const all = (await navigator.mediaDevices.enumerateDevices()).filter(({ kind }) => kind === "videoinput");
    const now = this.stream.getVideoTracks()[0].getSettings().deviceId;
    byId("camera-device").replaceChildren(...all.map(({ deviceId, label }, i) =>
      element("option", { value: deviceId }, label || `Camera ${i + 1}`)));
    byId("camera-device").value = now;
    byId("camera-device").parentElement.hidden = all.length < 2;
  }

  closeStream() {
    this.stream?.getTracks().forEach((track) => track.stop());
    this.stream = null;
  }

  close() {
    const was = this.isOpen;
    this.stop();
    this.closeStream();
    this.video.srcObject = null;
    document.body.classList.remove("camera");
    byId("camera").hidden = byId("camera-bar").hidden = true;
    if (was) byId("open-camera").focus();
  }

  // The frame that is seen now, no larger than `side`.
  draw(side) {
    const { videoWidth, videoHeight } = this.video;
    const shrink = Math.min(1, side / Math.max(videoWidth, videoHeight));
    const width = Math.max(75, Math.round(videoWidth * shrink));
    const height = Math.max(75, Math.round(videoHeight * shrink));
    if (this.shot.width !== width || this.shot.height !== height) {
      this.shot.width = width;
      this.shot.height = height;
    }
    const context = this.shot.getContext("2d");
    const mirrored = byId("camera-mirror").checked;
    context.setTransform(mirrored ? -1 : 1, 0, 0, 1, mirrored ? width : 0, 0);
    context.drawImage(this.video, 0, 0, width, height);
  }

  blob(type, quality) {
    return new Promise((done) => { this.shot.toBlob(done, type, quality); });
  }

  async still() {
    this.draw(Infinity);
    const blob = await this.blob("image/png");
    this.close();
    this.take(new File([blob], "camera.png", { type: "image/png" }));
  }

  save() {
    this.canvas.toBlob((blob) => {
      const link = element("a", { href: URL.createObjectURL(blob), download: "live.dream.png" });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    }, "image/png");
  }

  start() {
    this.live = true;
    this.latencies = [];
    this.shown = [];
    this.sent = 0;
    this.first = null;
    this.presented = 0;
    this.show();
    this.run(++this.runs || (this.runs = 1));
  }

  stop() {
    if (!this.live) return;
    this.live = false;
    this.show();
    this.post("/api/live", { end: this.client });
  }

  show() {
    byId("camera").classList.toggle("live", Boolean(this.live));
    byId("camera-live").textContent = this.live ? "Stop" : "Dream live";
    byId("camera-anew").hidden = byId("camera-save").hidden = byId("live-figures").hidden = !this.live;
    byId("camera-take").hidden = Boolean(this.live);
    if (!this.live) this.canvas.hidden = true;
  }

  nextFrame() {
    return new Promise((done) => {
      if (this.video.requestVideoFrameCallback) {
        this.video.requestVideoFrameCallback((now, about) => done({
          at: about.captureTime ?? about.presentationTime ?? now, presented: about.presentedFrames }));
      } else {
        requestAnimationFrame((now) => done({ at: now, presented: this.presented + 1 }));
      }
    });
  }

  // One frame at a time: the next one is the newest when this one is back.
  async run(mine) {
    while (this.live && mine === this.runs) {
      const frame = await this.nextFrame();
      if (!this.live) break;
      this.first ??= frame.presented - 1;
      this.presented = frame.presented;
      this.draw(Number(this.side.value));
      this.sent++;
      try {
        await this.exchange(await this.blob("image/jpeg", 0.9), frame.at);
      } catch (error) {
        if (this.live) this.notify(error.message);
        this.stop();
      }
    }
  }

  async exchange(blob, at) {
    const response = await fetch(`/api/frame?client=${this.client}`, { method: "POST", body: blob,
      headers: { "Content-Type": "application/octet-stream" } })
      .catch(() => { throw new Error("The program does not answer: the camera was stopped."); });
    if (!response.ok) {
      const answer = await response.json().catch(() => ({}));
      throw new Error(answer.error ?? `The program answers ${response.status}.`);
    }
    this.stats = JSON.parse(response.headers.get("Reverie-Frame") ?? "{}");
    const bitmap = await createImageBitmap(await response.blob());
    if (this.canvas.width !== bitmap.width || this.canvas.height !== bitmap.height) {
      this.canvas.width = bitmap.width;
      this.canvas.height = bitmap.height;
    }
    this.canvas.getContext("2d").drawImage(bitmap, 0, 0);
    this.canvas.hidden = !this.live;
    bitmap.close();
    requestAnimationFrame((now) => this.note(Math.max(performance.now(), now) - at, now));
  }

  note(latency, now) {
    this.latencies.push(latency);
    if (this.latencies.length > SAMPLES) this.latencies.shift();
    this.shown.push(now);
    while (this.shown[0] < now - 1000 * RATE_SECONDS) this.shown.shift();
    if (now - (this.told ?? 0) < 250) return;
    this.told = now;
    this.tell();
  }

  figures() {
    const all = sorted(this.latencies);
    const span = (this.shown[this.shown.length - 1] - this.shown[0]) / 1000;
    return { rate: span > 0 ? (this.shown.length - 1) / span : 0, median: share(all, 0.5),
      late: share(all, 0.95), dropped: this.presented - this.first - this.sent, sent: this.sent };
  }

  tell() {
    const { rate, median, late, dropped, sent } = this.figures();
    const { stats } = this;
    const rows = {
      "Rate": `${rate.toFixed(1)} frames a second`,
      "Latency": `${Math.round(median)} ms, 95 % within ${Math.round(late)} ms`,
      "Frames": `${sent} dreamed on, ${Math.max(0, dropped)} dropped`,
      "Steps": `${stats.steps} a frame, size ${stats.octave} of ${stats.octaves}`,
      "Dreamed at": `${stats.width} × ${stats.height}${stats.stuck ? " (nothing to see there)" : ""}`,
      "On the device": `${Math.round(stats.dream_ms)} ms of ${Math.round(stats.ms)} in the program`,
    };
    byId("live-figures").replaceChildren(...Object.entries(rows).flatMap(([name, value]) =>
      [element("dt", {}, name), element("dd", {}, value)]));
  }

  showState(state) {
    const now = { parameters: state.live_parameters };
    this.controls.forEach((one) => one.show(now, this.usual));
  }
}
