// The header's buttons, without handlers in the page, which its policy would have to allow (book/_ext/policy.py).
document.addEventListener("click", (event) => {
  const name = event.target.closest("[data-press]")?.dataset.press;
  if (name === "print") window.print();
  if (name === "toggleFullScreen") window.toggleFullScreen();
});
