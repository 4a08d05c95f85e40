// A slot for each row of the table that is a picture: a mask, a guide, a style. A file is chosen,
// dropped or pasted there; it is shown small, with its name; and it can be taken away.
import { element } from "./controls.js";

// `give(name, file)`, `clear(name)` and, for what can be painted, `paint(name)` are called with the
// option's name.
export function makeSlot(option, { give, clear, paint }) {
  const { name } = option;
  const input = element("input", { type: "file", accept: "image/png,image/jpeg", hidden: true,
    onchange: () => {
      if (input.files[0]) give(name, input.files[0]);
      input.value = "";
    } });
  const image = element("img", { alt: "", hidden: true });
  const well = element("button", { type: "button", class: "well", "aria-describedby": `slot-${name}-help`,
    onclick: () => input.click() }, image, element("span", { "aria-hidden": "true" }, "+"));
  const said = element("p", { class: "small", id: `slot-${name}-help` });
  const save = element("a", { class: "link", download: "" }, "save");
  const remove = element("button", { type: "button", class: "link", "aria-label": `Take the ${name} away`,
    onclick: () => clear(name) }, "remove");
  const actions = element("p", { class: "small links" });
  if (paint) {
    actions.append(element("button", { type: "button", class: "link", id: `paint-${name}`,
      "aria-label": `Paint the ${name}`, onclick: () => paint(name) }, "paint"));
  }
  actions.append(save, remove);
  const root = element("div", { class: "slot", role: "group", "aria-label": name, "data-slot": name },
    well, element("div", {}, element("strong", {}, name), said, actions), input);
  root.addEventListener("dragover", (event) => {
    event.preventDefault();
    event.stopPropagation();
    root.classList.add("over");
  });
  root.addEventListener("dragleave", () => root.classList.remove("over"));
  root.addEventListener("drop", (event) => {
    event.preventDefault();
    event.stopPropagation();
    root.classList.remove("over");
    if (event.dataTransfer.files[0]) give(name, event.dataTransfer.files[0]);
  });
  const show = (state) => {
    const now = state.slots[name];
    const key = JSON.stringify(now ?? null) + Boolean(state.photo);
    if (key === root.dataset.key) return;
    root.dataset.key = key;
    const there = Boolean(now?.id);
    root.classList.toggle("filled", there);
    root.classList.toggle("wanted", Boolean(now?.wanted));
    image.hidden = !there;
    if (there) image.src = `/api/slot?name=${name}&id=${now.id}`;
    well.setAttribute("aria-label", there ? `${name}: ${now.name}; choose another file`
      : `${name}: choose a file`);
    said.textContent = there ? `${now.name} · ${now.width} × ${now.height}`
      : now?.wanted ? `The picture opened was dreamed with one of ${now.wanted.split("-")[0]
        .replace("x", " × ")} pixels, which is not stored in it: give it again.`
        : `${option.help[0].toUpperCase()}${option.help.slice(1)}.`;
    save.hidden = remove.hidden = !now;
    if (!there) save.hidden = true;
    save.href = there ? `/api/slot?name=${name}&id=${now.id}&whole=1` : "";
    save.download = there ? now.name.replace(/\.[^.]*$/, "") + ".png" : "";
    remove.textContent = there ? "remove" : "do without";
    const painter = root.querySelector(`#paint-${name}`);
    if (painter) painter.disabled = !state.photo;
  };
  return { root, show };
}

// The slot that has the focus, if any: where a pasted picture goes.
export const focusedSlot = () => document.activeElement?.closest?.(".slot")?.dataset.slot;
