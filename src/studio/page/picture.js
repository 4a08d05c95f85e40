// What is to be seen: photograph and dream, the kept results, the curve and the figures.
import { element } from "./controls.js";

const byId = (id) => document.getElementById(id);

export class Pictures {
  // An earlier picture instead of the newest; null = the newest again.
  look(id) {
    this.earlier = id;
    if (this.last) this.show(this.last);
  }

  // The newest picture is loaded; those that come meanwhile are passed over.
  async show(state) {
    this.wanted = this.last = state;
    if (this.loading) return;
    this.loading = true;
    while (this.wanted) {
      const { photo, snapshot, dream } = this.wanted;
      this.wanted = null;
      try {
        await this.load(photo, this.earlier ?? snapshot, dream);
      } catch { /* no longer remembered, or the server is gone: the next news tells */ }
    }
    this.loading = false;
  }

  async load(photo, snapshot, dream) {
    byId("empty").hidden = Boolean(photo);
    byId("pictures").hidden = byId("transport").hidden = !photo;
    if (!photo) return;
    const key = `${photo.name} ${photo.width} ${photo.height} ${dream}`;
    if (key !== this.key) {
      byId("pictures").style.setProperty("--ratio", photo.width / photo.height);
      await this.swap(byId("before"), `/api/original?v=${dream}`);
      if (!snapshot) byId("after").src = byId("before").src;
      this.key = key;
    }
    if (snapshot && snapshot !== this.shown) {
      await this.swap(byId("after"), `/api/picture?id=${snapshot}`);
      this.shown = snapshot;
    }
  }

  async swap(image, source) {
    const next = new Image();
    next.src = source;
    await next.decode();
    image.src = source;
  }
}

export function showStrip(kept, back, forget) {
  const list = document.querySelector("#strip ol");
  const key = kept.map(([id]) => id).join();
  byId("strip").hidden = kept.length === 0;
  if (list.dataset.key === key) return;
  list.dataset.key = key;
  list.replaceChildren(...kept.map(([id, octave, iteration]) => {
    const name = `size ${octave}, step ${iteration}`;
    return element("li", {},
      element("button", { type: "button", title: `Go on from here (${name})`, onclick: () => back(id) },
        element("img", { src: `/api/picture?id=${id}&small=1`, alt: `Kept result, ${name}` })),
      element("button", { type: "button", class: "forget", "aria-label": `Forget the result, ${name}`,
        onclick: () => forget(id) }, "×"));
  }));
}

// The slider over what can be gone back to. It stays at the newest unless it is being moved.
export function showHistory(state) {
  const slider = byId("history");
  const at = state.history.findIndex(([id]) => id === state.snapshot);
  byId("history-label").hidden = state.history.length < 2;
  slider.max = Math.max(0, state.history.length - 1);
  if (!slider.dataset.moving) slider.value = at < 0 ? slider.max : at;
  const [, octave, iteration] = state.history[slider.value] ?? [0, 0, 0];
  const text = octave ? `size ${octave}, step ${iteration}` : "–";
  slider.setAttribute("aria-valuetext", text);
  byId("history-place").textContent = text;
}

export function showCurve(losses) {
  const curve = byId("curve");
  const [low, high] = [Math.min(...losses), Math.max(...losses)];
  const points = losses.map((loss, i) => {
    const x = losses.length > 1 ? 300 * i / (losses.length - 1) : 0;
    return `${x.toFixed(1)},${(60 - 56 * (loss - low) / (high - low || 1)).toFixed(1)}`;
  });
  curve.setAttribute("aria-label", losses.length
    ? `The objective over ${losses.length} steps, now ${losses[losses.length - 1].toPrecision(4)}`
    : "The objective: no step yet");
  curve.innerHTML = "<line x1='0' x2='300' y1='63' y2='63'/><polyline/>";
  curve.querySelector("polyline").setAttribute("points", points.join(" "));
}

const bytes = (count) => (count >= 2 ** 30 ? `${(count / 2 ** 30).toFixed(1)} GiB`
  : `${Math.round(count / 2 ** 20)} MiB`);
const seconds = (time) => (time >= 10 ? `${Math.round(time)} s` : time >= 1 ? `${time.toFixed(1)} s`
  : `${Math.round(time * 1000)} ms`);

export function showFigures(state) {
  const { progress } = state;
  const rows = {
    "Objective": progress.loss === null ? "–" : progress.loss.toPrecision(5),
    "A step takes": state.step_seconds ? seconds(state.step_seconds) : "–",
    "Picture": state.photo ? `${state.photo.width} × ${state.photo.height}` : "–",
    "This size": progress.width ? `${progress.width} × ${progress.height}` : "–",
    "Device memory": state.device_bytes ? bytes(state.device_bytes)
      + (state.tiles > 1 ? `, ${state.tiles} tiles` : "") : "–",
    "History": bytes(state.history_bytes),
  };
  byId("figures").replaceChildren(...Object.entries(rows).flatMap(([name, value]) =>
    [element("dt", {}, name), element("dd", {}, value)]));
}

const words = { empty: "No picture yet", preparing: "Preparing …", dreaming: "Dreaming",
  paused: "Paused", finished: "Finished", failed: "Stopped" };

export function showStatus(state) {
  const { progress, phase } = state;
  const parts = [words[phase]];
  if (progress.octave && phase !== "finished") {
    parts.push(`size ${progress.octave} of ${progress.octaves}`);
    parts.push(`step ${progress.iteration} of ${progress.iterations}`);
  }
  if (state.live) parts[0] = "Resting while a camera's frames are dreamed on";
  if (phase === "dreaming" && progress.seconds_left >= 0)
    parts.push(`about ${seconds(progress.seconds_left)} left`);
  byId("status").textContent = parts.join(" · ");
  const percent = Math.round(100 * (phase === "finished" ? 1 : progress.fraction ?? 0));
  byId("bar").setAttribute("aria-valuenow", percent);
  byId("bar").firstElementChild.style.width = `${percent}%`;
}
