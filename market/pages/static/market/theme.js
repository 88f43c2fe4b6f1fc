// Light, dark or auto. Loaded in <head> without defer, so that a stored choice is applied before the
// first paint. Without JavaScript the page follows the device and the switch stays hidden.
(() => {
  "use strict";
  const KEY = "market-theme";
  const CHOICES = ["auto", "light", "dark"];
  const root = document.documentElement;

  function stored() {
    try {
      const value = localStorage.getItem(KEY);
      return CHOICES.includes(value) ? value : "auto";
    } catch {
      return "auto"; // storage may be forbidden; the device's preference then stands
    }
  }

  function apply(choice) {
    root.dataset.theme = choice;
    for (const radio of document.querySelectorAll("[data-theme-choice]")) {
      radio.checked = radio.value === choice;
    }
  }

  root.classList.add("has-js");
  apply(stored());

  document.addEventListener("DOMContentLoaded", () => apply(stored()));
  document.addEventListener("change", (event) => {
    const radio = event.target;
    if (!(radio instanceof HTMLInputElement) || !radio.matches("[data-theme-choice]")) return;
    try {
      localStorage.setItem(KEY, radio.value);
    } catch {
      // the choice then lasts for this page only
    }
    apply(radio.value);
  });
  window.addEventListener("storage", (event) => {
    if (event.key === KEY) apply(stored()); // another tab changed it
  });
})();
