// Sets light or dark before the first paint, so that nothing flashes. Kept apart because it must run in the head.
(function () {
  "use strict";
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const kept = () => {
    try {
      return localStorage.getItem("earmark-theme");
    } catch {
      return null;
    }
  };
  const apply = () => {
    const theme = kept() || (dark.matches ? "dark" : "light");
    document.documentElement.dataset.theme = theme;
    for (const button of document.querySelectorAll("[data-theme-toggle]")) {
      button.setAttribute("aria-pressed", String(theme === "dark"));
    }
  };
  apply();
  dark.addEventListener("change", apply);
  document.addEventListener("DOMContentLoaded", apply);
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-toggle]")) return;
    const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    try {
      localStorage.setItem("earmark-theme", next);
    } catch {
      // storage refused: the choice lasts until the page is left
    }
    document.documentElement.dataset.theme = next;
    apply();
  });
})();
