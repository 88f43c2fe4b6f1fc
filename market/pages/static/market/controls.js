// The few behaviours that HTML and htmx do not have. Every one of them improves a control that works
// without it. Listeners sit on the document, so parts that htmx swaps in behave at once.
"use strict";

// Slider and number: the number is what the form sends, the slider follows it and moves it.
document.addEventListener("input", (event) => {
  const input = event.target;
  const slider = input instanceof HTMLInputElement ? input.closest("[data-slider]") : null;
  if (!slider) return;
  const range = slider.querySelector('input[type="range"]');
  const number = slider.querySelector('input[type="number"]');
  if (!range || !number) return;
  if (input === range) {
    number.value = range.value;
    number.dispatchEvent(new Event("input", { bubbles: true }));
  } else if (input === number && number.value !== "" && range.value !== number.value) {
    range.value = number.value;
  }
});
document.addEventListener("change", (event) => {
  const input = event.target;
  if (!(input instanceof HTMLInputElement) || input.type !== "range") return;
  const number = input.closest("[data-slider]")?.querySelector('input[type="number"]');
  number?.dispatchEvent(new Event("change", { bubbles: true }));
});

// Before and after: the slider says how far the first picture reaches; the second covers the rest. Without this both stand beside each other.
function slide(range) {
  const figure = range.closest("[data-before-after]");
  figure.classList.add("is-slider");
  figure.style.setProperty("--shown", `${100 - range.value}%`);
}
for (const range of document.querySelectorAll("[data-before-after] input[type=range]")) slide(range);
document.addEventListener("input", (event) => {
  if (event.target instanceof HTMLInputElement && event.target.type === "range" && event.target.closest("[data-before-after]")) slide(event.target);
});

// Copy buttons say what happened, in place and to a screen reader.
document.addEventListener("click", async (event) => {
  const button = event.target instanceof Element ? event.target.closest("[data-copy]") : null;
  if (!button) return;
  const source = document.querySelector(button.dataset.copy);
  const text = source ? (source.value ?? source.textContent).trim() : "";
  const label = button.dataset.label ?? button.innerHTML;
  button.dataset.label = label;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    if (source) getSelection().selectAllChildren(source);
    button.textContent = "Press Ctrl+C";
  }
  button.setAttribute("aria-live", "polite");
  setTimeout(() => (button.innerHTML = label), 2000);
});

// Messages can be dismissed.
document.addEventListener("click", (event) => {
  const close = event.target instanceof Element ? event.target.closest("[data-close]") : null;
  close?.closest(".message")?.remove();
});

// Dialogs open as modal ones; the browser gives focus, Escape and the return of focus.
document.addEventListener("click", (event) => {
  const opener = event.target instanceof Element ? event.target.closest("[data-dialog]") : null;
  if (opener) document.getElementById(opener.dataset.dialog)?.showModal();
  else if (event.target instanceof HTMLDialogElement) event.target.close(); // a click on the backdrop
});

// Menus close on Escape, on a click elsewhere, and when focus leaves them.
function closeMenus(except) {
  for (const menu of document.querySelectorAll("details.menu[open]")) if (menu !== except) menu.open = false;
}
document.addEventListener("click", (event) => closeMenus(event.target instanceof Element ? event.target.closest("details.menu") : null));
document.addEventListener("focusin", (event) => closeMenus(event.target.closest("details.menu")));
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const menu = event.target instanceof Element ? event.target.closest("details.menu[open]") : null;
  if (menu) menu.querySelector("summary").focus();
  closeMenus(null);
});

// File drop: dropping fills the file input itself; previews show what will be sent.
function preview(drop) {
  const list = drop.querySelector(".drop-list");
  const input = drop.querySelector('input[type="file"]');
  if (!list || !input) return;
  for (const image of list.querySelectorAll("img")) URL.revokeObjectURL(image.src);
  list.replaceChildren();
  for (const file of input.files) {
    const item = document.createElement("li");
    if (file.type.startsWith("image/")) {
      const image = document.createElement("img");
      image.src = URL.createObjectURL(file);
      image.alt = "";
      item.append(image);
    }
    item.append(`${file.name} (${Math.max(1, Math.round(file.size / 1024))} kB)`);
    list.append(item);
  }
}
document.addEventListener("change", (event) => {
  const drop = event.target instanceof HTMLInputElement && event.target.type === "file" ? event.target.closest("[data-drop]") : null;
  if (drop) preview(drop);
});
for (const type of ["dragenter", "dragover", "dragleave", "drop"]) {
  document.addEventListener(type, (event) => {
    const drop = event.target instanceof Element ? event.target.closest("[data-drop]") : null;
    if (!drop || !event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    drop.classList.toggle("is-over", type === "dragenter" || type === "dragover");
    if (type !== "drop") return;
    const input = drop.querySelector('input[type="file"]');
    const kept = new DataTransfer();
    for (const file of [...(input.multiple ? input.files : []), ...event.dataTransfer.files]) kept.items.add(file);
    input.files = kept.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  });
}

// Pressing a submit button twice must not send a form twice.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method === "dialog" || form.matches("[hx-get], [hx-post]")) return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
});
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

// htmx drops error answers by default; a partial that explains the error (422 and the like) is shown.
document.addEventListener("htmx:beforeSwap", (event) => {
  const status = event.detail.xhr.status;
  if (status === 422 || status === 409 || status === 402 || status === 429) {
    event.detail.shouldSwap = true;
    event.detail.isError = false;
  }
});
document.addEventListener("htmx:responseError", (event) => notice(`The server could not do that (${event.detail.xhr.status}). Nothing was changed; please try again.`));
document.addEventListener("htmx:sendError", () => notice("The connection was lost. Check it and try again."));
function notice(text) {
  const box = document.createElement("div");
  box.className = "message message-error";
  box.textContent = text;
  document.getElementById("messages")?.replaceChildren(box);
}
