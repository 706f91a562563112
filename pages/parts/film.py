"""A player that moves the charts of a film in the browser: no run of the page is needed for a frame.

The charts are bound to its slider. Where it comes to rest it writes its place into the address and says so to
Streamlit as the Back button does, so that a reload and a copied link open there.
"""

import hashlib
import html
import json
from collections.abc import Sequence

import streamlit as st

from pages.parts.controls import Control

SPEEDS = (1, 2, 5, 10, 20)
USUAL = 5
STYLE = """<style>
.film {font: inherit; color: inherit}
.film div {display: flex; flex-wrap: wrap; gap: .5rem; align-items: center}
.film button, .film select {font: inherit; color: inherit; background: transparent; border: 1px solid currentColor;
border-radius: .5rem; padding: .35rem .7rem; min-height: 2.5rem; cursor: pointer}
.film option {color: #000; background: #fff}
.film input {flex: 1 1 12rem; min-height: 2rem; accent-color: #3b7bd1}
.film output {display: block; margin-top: .4rem; min-height: 3em; white-space: pre-line}
</style>"""
BODY = """<div class="film" id="{id}"><div>
<button type="button" data-do="first">Back to the start</button>
<button type="button" data-do="play">Play</button>
<button type="button" data-do="step">+1 {step}</button>{epoch}
<label>Frames a second <select>{speeds}</select></label>
<input type="range" min="0" max="{last}" step="1" value="0" aria-label="Frame">
</div><output></output></div>"""
EPOCH = '\n<button type="button" data-do="epoch">+1 epoch</button>'
SCRIPT = """<script>(() => {
const box = document.getElementById("ID"), words = WORDS, last = words.length - 1, epoch = EPOCH;
const slider = box.querySelector("input"), play = box.querySelector('[data-do="play"]');
const params = () => new URLSearchParams(location.search);
let timer = 0, rest = 0;
const show = () => {
    box.querySelector("output").textContent = words[slider.value];
    slider.setAttribute("aria-valuetext", words[slider.value]);
};
const move = to => {
    slider.value = Math.max(0, Math.min(last, to));
    slider.dispatchEvent(new Event("input"));
};
const settle = () => {
    clearTimeout(rest);
    rest = setTimeout(() => {
        const now = params(), at = slider.value;
        if (!box.isConnected || timer || (now.get("NAME") || "0") === at) return;
        at === "0" ? now.delete("NAME") : now.set("NAME", at);
        const query = now.toString().replace(/%2C/g, ",").replace(/%3A/g, ":").replace(/%7E/g, "~");
        history.replaceState(history.state, "", location.pathname + (query && "?" + query));
        dispatchEvent(new PopStateEvent("popstate"));
    }, 500);
};
const stop = () => {
    clearInterval(timer);
    timer = 0;
    play.textContent = "Play";
    settle();
};
const start = () => {
    if (+slider.value === last) move(0);
    play.textContent = "Pause";
    clearInterval(timer);
    timer = setInterval(() => {
        if (!box.isConnected) return clearInterval(timer);
        move(+slider.value + 1);
        if (+slider.value === last) stop();
    }, 1000 / box.querySelector("select").value);
};
const todo = {
    first: () => { stop(); move(0); },
    play: () => timer ? stop() : start(),
    step: () => { stop(); move(+slider.value + 1); },
    epoch: () => { stop(); move(+slider.value + epoch); },
};
slider.addEventListener("input", show);
slider.addEventListener("change", settle);
slider.addEventListener("pointerdown", () => timer && stop());
box.querySelector("select").addEventListener("change", () => timer && start());
for (const button of box.querySelectorAll("button")) button.addEventListener("click", todo[button.dataset.do]);
slider.value = Math.min(last, +params().get("NAME") || 0);
show();
})()</script>"""


def slider_of(key: str) -> str:
    """The selector of the slider of the film of that key, for the charts that follow it."""
    return f"#{_id(key)} input"


def player(control: Control[int], key: str, words: Sequence[str], step: str, epoch: int = 0) -> None:
    """Place the player.

    Args:
        control: the one of the page whose name the place has in the link.
        key: what the film is of; another film has another slider.
        words: what is said of each frame.
        step: what lies between two frames.
        epoch: frames of an epoch, where a button goes on by one.
    """
    speeds = "".join(f'<option value="{n}"{" selected" if n == USUAL else ""}>{n}</option>' for n in SPEEDS)
    body = BODY.format(
        id=_id(key), step=html.escape(step), last=len(words) - 1, speeds=speeds, epoch=EPOCH if epoch else ""
    )
    said = json.dumps(list(words)).replace("<", "\\u003c")
    script = SCRIPT.replace("ID", _id(key)).replace("NAME", control.name).replace("EPOCH", str(epoch))
    st.html(STYLE + body + script.replace("WORDS", said), unsafe_allow_javascript=True)


def _id(key: str) -> str:
    return f"film_{hashlib.sha256(key.encode()).hexdigest()[:12]}"
