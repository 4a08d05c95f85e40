// The page: asks for news, shows it, and sends wishes.
import { element, makeControl } from "./controls.js";
import { Brush } from "./brush.js";
import { Camera } from "./camera.js";
import { LayerPicker } from "./layers.js";
import { Pictures, showCurve, showFigures, showHistory, showStatus, showStrip } from "./picture.js";
import { focusedSlot, makeSlot } from "./slots.js";

const byId = (id) => document.getElementById(id);
const common = ["octaves", "iterations", "octave-scale", "jitter", "seed"];
const sizes = [128, 200, 256, 400, 512, 768, 1024, 1280, 1920, 2560, 4096];
const paintable = ["mask"];
let about, state, picker, brush, camera;
let controls = [], slots = [], groups = [];
const pictures = new Pictures();

// ---------------------------------------------------------------------------------------------
// Talking to the program

// Good news goes away by itself.
function notify(text, bad = true) {
  clearTimeout(notify.timer);
  if (text && !bad) notify.timer = setTimeout(notify, 10000, null);
  byId("notice").hidden = !text;
  byId("notice").classList.toggle("bad", bad);
  byId("notice").querySelector("p").textContent = text ?? "";
}

// Resolves to [answer, null] or [null, what went wrong].
async function ask(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    return [null, "The program does not answer."];
  }
  const answer = await response.json().catch(() => ({}));
  return response.ok ? [answer, null] : [null, answer.error ?? `The program answers ${response.status}.`];
}

// Sends a wish; returns what went wrong, or null.
async function post(path, body) {
  const [, error] = await ask(path, { method: "POST", body: JSON.stringify(body),
    headers: { "Content-Type": "application/json" } });
  return error;
}

async function wish(path, body) {
  const error = await post(path, body);
  if (error) notify(error);
}

async function upload(path, file) {
  if (file.size > about.limits.bytes) {
    notify(`${file.name} is too large: at most ${about.limits.bytes / 2 ** 20} MiB.`);
    return;
  }
  const [answer, error] = await ask(path, { method: "POST", body: file,
    headers: { "Content-Type": "application/octet-stream" } });
  if (error) notify(error);
  else if (answer.recipe) notify("This picture was dreamed here: its parameters are back.", false);
  else notify(null);
  return error;
}

const give = (name, file) => upload(`/api/slot?name=${name}&file=${encodeURIComponent(file.name)}`, file);

function openPicture(file) {
  brush.close();
  camera.close();
  return upload(`/api/photo?name=${encodeURIComponent(file.name || "pasted.png")}`, file);
}
const change = (name, value) => post("/api/change", { parameters: { [name]: value } });
const control = (what) => wish("/api/control", { do: what });

// ---------------------------------------------------------------------------------------------
// Showing the state

const preset = () => about.presets.find(({ name }) => name === state.parameters.preset);

// As it would be typed: quoted where a shell would read it otherwise.
const quoted = (text) => (/^[\w.,:=@%+/-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

// Only what the preset does not say already.
function commandLine() {
  const usual = about.presets[0].name;
  const options = Object.entries(state.given).filter(([name, value]) => (name === "preset"
    ? value !== usual : value !== preset()?.parameters[name]))
    .map(([name, value]) => [name, state.slots[name]?.name ?? value]);
  const size = state.photo?.size ? ["--size", state.photo.size] : [];
  return ["reverie", "dream", quoted(state.photo?.name ?? "photo.jpg"), ...size,
    ...options.flatMap(([name, value]) => [`--${name}`, quoted(value)])].join(" ");
}

function showSave() {
  const stem = (state.photo?.name ?? "reverie").replace(/\.dream\.png$|\.[^.]*$/i, "");
  for (const [id, format, extension] of [["png", "png", "png"], ["jpeg", "jpeg", "jpg"]]) {
    const link = byId(id);
    link.toggleAttribute("aria-disabled", !state.snapshot);
    link.download = `${stem}.dream.${extension}`;
    if (state.snapshot) link.href = `/api/save?id=${state.snapshot}&format=${format}`;
    else link.removeAttribute("href");
  }
}

function showSize() {
  const select = byId("size");
  byId("size-control").hidden = !state.photo;
  if (!state.photo || document.activeElement === select) return;
  const now = state.photo.size;
  const all = [...new Set(now ? [...sizes, now] : sizes)].sort((a, b) => a - b);
  select.replaceChildren(element("option", { value: 0 }, "its own size"),
    ...all.map((size) => element("option", { value: size }, `${size} pixels`)));
  select.value = now;
}

function showButtons() {
  const active = state.phase === "dreaming" || state.phase === "preparing";
  const over = state.phase === "finished" || state.phase === "failed";
  byId("go").textContent = over ? "Again" : active ? "Pause" : "Go on";
  byId("step").disabled = over;
  byId("undo").disabled = !state.before;
  byId("keep").disabled = !state.snapshot;
}

// Each group says how many of its options are not the preset's.
function showControls() {
  for (const { control, group } of controls) {
    const set = control.show(state, preset());
    if (group) group.set += set;
  }
  for (const group of groups) {
    group.count.textContent = group.set ? `${group.set} changed` : "";
    group.set = 0;
  }
}

function show() {
  pictures.show(state);
  showStatus(state);
  showButtons();
  showSave();
  showSize();
  showCurve(state.losses);
  showFigures(state);
  showHistory(state);
  showStrip(state.kept, (id) => wish("/api/back", { id }), (id) => wish("/api/forget", { id }));
  showControls();
  slots.forEach((one) => one.show(state));
  picker.show(state.parameters.layers);
  picker.showPictures(state.portraits);
  camera.showState(state);
  if (brush.on && !state.photo) brush.close();
  const radio = document.querySelector(`#presets input[value="${state.parameters.preset}"]`);
  if (radio) radio.checked = true;
  byId("preset-help").textContent = preset()?.help ?? "";
  const given = Object.entries(state.given).filter(([name, value]) => name !== "seed" || value !== "0");
  history.replaceState(null, "", given.length ? `/#${new URLSearchParams(given)}` : "/");
  if (state.error && state.error !== show.error) notify(state.error);
  if (!state.error && show.error) notify(null);
  show.error = state.error;
}

async function follow() {
  let gone = false;
  for (;;) {
    const [news, error] = await ask(`/api/state?after=${state?.version ?? 0}`);
    if (news) {
      if (gone) notify("The program is back.", false);
      gone = false;
      state = news;
      show();
    } else {
      gone = true;
      notify(error === "The program does not answer."
        ? "The program does not answer. Is `reverie studio` still running? Trying again …" : error);
      await new Promise((done) => setTimeout(done, 1500));
    }
  }
}

// ---------------------------------------------------------------------------------------------
// Building the page

function buildPresets() {
  byId("presets").append(...about.presets.map(({ name, help }) => element("label", { title: help },
    element("input", { type: "radio", name: "preset", value: name, onchange: async () => {
      const error = await post("/api/change", { only: true, parameters: { preset: name } });
      notify(error);
      if (error) show();
    } }), name)));
}

// One collapsed group for each that the table names, in the table's order.
function groupOf(title) {
  let group = groups.find((one) => one.title === title);
  if (!group) {
    const count = element("span", { class: "count" });
    const place = element("div");
    byId("groups").append(element("details", {}, element("summary", {}, title, count), place));
    group = { title, count, place, set: 0 };
    groups.push(group);
  }
  return group;
}

function buildControls() {
  for (const option of [...about.options].sort((a, b) => a.place - b.place)) {
    if (option.name === "preset" || option.type === "picture") continue;
    const control = makeControl(option, change, { step: "Strength", layers: "As text" }[option.name]);
    const fixed = option.name === "step" ? "strength" : option.name === "layers" ? "layers-text"
      : common.includes(option.name) ? "common" : null;
    const group = fixed ? null : groupOf(option.group);
    (fixed ? byId(fixed) : group.place).append(control.root);
    controls.push({ control, group });
  }
  picker = new LayerPicker(about, { drawing: byId("drawing"), tiles: byId("tiles"),
    list: byId("weights") }, async (text) => {
    const error = await change("layers", text);
    notify(error);
  });
  picker.refused = (why) => notify(why);
  byId("layers-help").textContent = "What the dream makes large. The weights reach " +
    `${about.depth}; dashed layers need the full ones.`;
}

// What can be painted is painted on the photograph.
async function paint(name) {
  const there = state.slots[name]?.id;
  split(0);
  camera.close();
  await brush.open(state.photo, there ? `/api/slot?name=${name}&id=${there}&whole=1` : null);
}

function buildSlots() {
  brush = new Brush((blob) => give("mask", new File([blob], "mask.png", { type: "image/png" })));
  for (const option of about.options.filter(({ type }) => type === "picture")) {
    const slot = makeSlot(option, { give, clear: (name) => {
      if (brush.on && paintable.includes(name)) brush.close();
      wish("/api/change", { parameters: { [name]: "" } });
    }, paint: paintable.includes(option.name) ? paint : null });
    byId("slots").append(slot.root);
    slots.push(slot);
  }
}

function buildCamera() {
  camera = new Camera(about, { take: openPicture, notify, post });
  for (const id of ["open-camera", "open-camera2"]) {
    byId(id).addEventListener("click", () => {
      brush.close();
      camera.open();
    });
  }
}

// Moving the slider shows what was; letting it go goes back to it.
function buildHistory() {
  const slider = byId("history");
  const chosen = () => state.history[Number(slider.value)]?.[0];
  slider.addEventListener("input", () => {
    slider.dataset.moving = "1";
    pictures.look(chosen());
    showHistory(state);
  });
  slider.addEventListener("change", async () => {
    const id = chosen();
    if (id && id !== state.snapshot) await wish("/api/back", { id });
    delete slider.dataset.moving;
    pictures.look(null);
  });
}

function goOrPause() {
  if (state.phase === "finished" || state.phase === "failed") control("restart");
  else control(state.phase === "paused" ? "go" : "pause");
}

const undo = () => state.before && wish("/api/back", { id: state.before });
const keep = () => state.snapshot && wish("/api/keep", { id: state.snapshot });

function split(percent) {
  byId("pictures").style.setProperty("--split", `${percent}%`);
  byId("pictures").classList.toggle("split", percent > 0 && percent < 100);
}

// Dragging over the picture moves its slider.
function uncover(event) {
  if (!(event.buttons & 1) || brush.on) return;
  const { left, width } = byId("pictures").getBoundingClientRect();
  byId("compare").value = Math.max(0, Math.min(100, 100 * (event.clientX - left) / width));
  split(byId("compare").value);
  event.preventDefault();
}

function buildButtons() {
  const actions = { go: goOrPause, step: () => control("step"), undo, keep,
    restart: () => control("restart"), sample: () => wish("/api/sample", {}),
    sample2: () => wish("/api/sample", {}), choose: () => byId("file").click(),
    choose2: () => byId("file").click(), recipe: () => byId("recipe-file").click() };
  for (const [id, action] of Object.entries(actions)) byId(id).addEventListener("click", action);
  byId("file").addEventListener("change", ({ target }) => {
    if (target.files[0]) openPicture(target.files[0]);
    target.value = "";
  });
  byId("recipe-file").addEventListener("change", ({ target }) => {
    if (target.files[0]) upload("/api/recipe", target.files[0]);
    target.value = "";
  });
  byId("size").addEventListener("change", ({ target }) => {
    target.blur();
    wish("/api/size", { size: Number(target.value) });
  });
  byId("compare").addEventListener("input", ({ target }) => split(target.value));
  byId("pictures").addEventListener("pointermove", uncover);
  byId("pictures").addEventListener("pointerdown", uncover);
  byId("command").addEventListener("click", async () => {
    await navigator.clipboard.writeText(commandLine()).then(
      () => notify(`Copied: ${commandLine()}`, false), () => notify(commandLine(), false));
  });
  byId("notice").querySelector("button").addEventListener("click", () => notify(null));
}

function buildKeys() {
  const keys = { " ": goOrPause, ".": () => control("step"), z: undo, k: keep,
    r: () => control("restart"), s: () => byId("png").click(), c: () => split(100) };
  addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, select, textarea, button, a, summary, [role=checkbox]");
    const key = event.key.toLowerCase();
    if (typing && (key === " " || event.target.matches("input, select, textarea"))) return;
    if (event.target.id === "mask" || camera.isOpen || event.ctrlKey || event.metaKey || event.altKey || !keys[key] || !state?.photo) return;
    event.preventDefault();
    keys[key]();
  });
  addEventListener("keyup", (event) => {
    if (event.key.toLowerCase() === "c") split(byId("compare").value);
  });
}

function buildDrop() {
  addEventListener("dragover", (event) => {
    event.preventDefault();
    byId("frame").classList.add("over");
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) byId("frame").classList.remove("over");
  });
  addEventListener("drop", (event) => {
    event.preventDefault();
    byId("frame").classList.remove("over");
    const file = event.dataTransfer.files[0];
    if (file) openPicture(file);
    else notify("That is no picture file.");
  });
  addEventListener("paste", (event) => {
    const file = [...event.clipboardData.files].find(({ type }) => type.startsWith("image/"));
    const slot = focusedSlot();
    if (file && slot) give(slot, file);
    else if (file) openPicture(file);
  });
}

async function main() {
  const hash = location.hash.slice(1);
  const [answer, error] = await ask("/api/about");
  if (error) {
    notify(error);
    return;
  }
  about = answer;
  byId("device").textContent = `${about.device.name}${about.device.processor
    ? " – a processor: smaller pictures stay lively" : ""} · Reverie ${about.version}`;
  buildPresets();
  buildControls();
  buildSlots();
  buildCamera();
  buildHistory();
  buildButtons();
  buildKeys();
  buildDrop();
  if (hash) {
    notify(await post("/api/change", { only: true,
      parameters: Object.fromEntries(new URLSearchParams(hash)) }));
  }
  follow();
}

main();
