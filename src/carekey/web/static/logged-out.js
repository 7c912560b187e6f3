// The page after a log-out: asks again who has been told, and goes on once the applications' frames have loaded.

const LOOK_AGAIN = 2000;
const MOST_LOOKS = 10;

async function look(looks) {
  const answer = await fetch(location.href, { cache: "no-store" });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const told = page.getElementById("applications");
  if (!answer.ok || !told) return;
  document.getElementById("applications").replaceChildren(...told.childNodes);
  if (told.dataset.waiting && looks > 1) setTimeout(look, LOOK_AGAIN, looks - 1);
}

if (document.getElementById("applications")?.dataset.waiting) setTimeout(look, LOOK_AGAIN, MOST_LOOKS);

const onward = document.querySelector("[data-onward]");
if (onward) {
  const go = () => location.replace(onward.href);
  setTimeout(go, 3000); // a frame that hangs keeps nobody
  if (document.readyState === "complete") go();
  else addEventListener("load", go, { once: true });
}
