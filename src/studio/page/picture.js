// What is to be seen: photograph and dream, the kept results, the curve and the figures.
import { element } from "./controls.js";

const byId = (id) => document.getElementById(id);

export class Pictures {
  // The newest picture is loaded; those that come meanwhile are passed over.
  async show(state) {
    this.wanted = state;
    if (this.loading) return;
    this.loading = true;
    while (this.wanted) {
      const { photo, snapshot, dream } = this.wanted;
      this.wanted = null;
      try {
        await this.load(photo, snapshot, dream);
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
  const key = kept.map(({ id }) => id).join();
  byId("strip").hidden = kept.length === 0;
  if (list.dataset.key === key) return;
  list.dataset.key = key;
  list.replaceChildren(...kept.map(({ id, octave, iteration }) => {
    const name = `size ${octave}, step ${iteration}`;
    return element("li", {},
      element("button", { type: "button", title: `Go on from here (${name})`, onclick: () => back(id) },
        element("img", { src: `/api/picture?id=${id}&small=1`, alt: `Kept result, ${name}` })),
      element("button", { type: "button", class: "forget", "aria-label": `Forget the result, ${name}`,
        onclick: () => forget(id) }, "×"));
  }));
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
  if (phase === "dreaming" && progress.seconds_left >= 0)
    parts.push(`about ${seconds(progress.seconds_left)} left`);
  byId("status").textContent = parts.join(" · ");
  const percent = Math.round(100 * (phase === "finished" ? 1 : progress.fraction ?? 0));
  byId("bar").setAttribute("aria-valuenow", percent);
  byId("bar").firstElementChild.style.width = `${percent}%`;
}
