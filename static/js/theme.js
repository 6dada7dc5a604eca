/* Set the chosen theme before the first paint. A classic script in <head>, on purpose. */
(function () {
  "use strict";
  var THEMES = ["auto", "light", "dark"]; // key and values are those of Django's admin
  var root = document.documentElement;

  function stored() {
    try {
      return localStorage.getItem("theme") || "auto";
    } catch {
      return "auto"; // storage can be forbidden; the system's preference is a good answer
    }
  }

  function apply(theme) {
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    else delete root.dataset.theme;
  }

  function label(theme) {
    var words = { auto: "as the system", light: "light", dark: "dark" };
    document.querySelectorAll("[data-theme-toggle]").forEach(function (button) {
      button.setAttribute("aria-label", "Colours: " + words[theme] + ". Change");
      button.title = "Colours: " + words[theme];
      button.dataset.themeToggle = theme;
    });
  }

  apply(stored());
  document.addEventListener("DOMContentLoaded", function () {
    label(stored());
    document.addEventListener("click", function (event) {
      var button = event.target.closest("[data-theme-toggle]");
      if (!button) return;
      var theme = THEMES[(THEMES.indexOf(stored()) + 1) % THEMES.length];
      try {
        localStorage.setItem("theme", theme);
      } catch {
        /* the choice then holds for this page only */
      }
      apply(theme);
      label(theme);
      document.dispatchEvent(new CustomEvent("prefloop:theme", { detail: theme }));
    });
  });
})();
