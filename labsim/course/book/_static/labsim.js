// A page that is opened as a file may not read other files: then search shows titles without
// the sentences around the word, and asks for nothing that would fail.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;

// A lever over a stage: each notch has a recording, and the moment shown stays.
addEventListener("DOMContentLoaded", () => {
  for (const box of document.querySelectorAll(".labsim-try")) {
    const {stage} = box.querySelector(".labsim-stage"), lever = box.querySelector("input");
    if (!stage) continue;
    const told = JSON.parse(box.dataset.notches), shown = box.querySelector("output");
    const say = () => {
      shown.textContent = told[lever.value];
      lever.setAttribute("aria-valuetext", told[lever.value]);
    };
    lever.addEventListener("input", () => {
      const moment = stage.player.t;
      stage.go(Number(lever.value));
      stage.player.seek(moment);
      say();
    });
    box.addEventListener("keyup", () => { lever.value = stage.step; say(); });
    stage.part("nav").hidden = true;
    lever.parentElement.hidden = false;
    say();
  }
});

// Paper is white.
const onScreen = document.documentElement.dataset;
addEventListener("beforeprint", () => {
  onScreen.before = onScreen.theme;
  onScreen.theme = "light";
});
addEventListener("afterprint", () => { onScreen.theme = onScreen.before; });
