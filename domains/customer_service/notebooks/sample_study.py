# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
"""
# What do the dialogue and behaviour add to the words? A study on a generated service

"Harbour" does not exist: words, names, numbers and behaviour are drawn by `domains.customer_service.sample`, and the
calls are spoken by synthetic voices. Turns are vague at times, by design. The figures show how the method is used; they
say nothing about a real service. Replace `TABLE` by the path of your own table to run the same study on it.

Calls are read here by what a recogniser heard of them: to learn from their sound as well, leave `modalities` out below,
which takes minutes. Nothing here infers the emotions of customers or agents, and nothing is sent by itself.
"""

# %%
import dataclasses
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from core import answer
from core.check import describe
from core.manifest import Manifest
from core.privacy.text import mask
from core.record import Record
from domains.customer_service import recipe, starter, supervise
from domains.customer_service.desk import Desk
from domains.customer_service.intent import IntentDetector
from domains.customer_service.knowledge import Knowledge
from domains.customer_service.replies import ReplySuggester
from domains.customer_service.routing import RoutingTable

TABLE = starter.sample_table()
table = pd.read_csv(TABLE, dtype=str, keep_default_na=False)
config = recipe.build(table.columns, preset="fast", modalities=("text", "dialogue", "behaviour"))
config = dataclasses.replace(config, training=dataclasses.replace(config.training, epochs=20))  # enough for 800 turns

# %% [markdown]
"""
## 1. What the table holds

A row is one turn of a customer. Opening the table reads every cell and every file name and reports all faults at once.
Customers and voices stay on one side of the split; a sixth of the wordings occur in test rows only.
"""

# %%
manifest = Manifest.open(TABLE, config)
print("\n".join(describe(manifest, config).lines()))
print(f"{len(manifest.faults)} faults")

# %% [markdown]
"""
## 2. What a recogniser made of the calls

Calls have no transcript, only what a recogniser heard. The column `spoken` tells what was said; it is for this
comparison alone and never an input.
"""

# %%
calls = table[(table.audio != "") & (table.recognised != "")]


def words(text: str) -> set[str]:
    """The words of a text, without case and marks."""
    return {w.strip(".,?!").lower() for w in text.split()}


kept = [len(words(r.spoken) & words(r.recognised)) / len(words(r.spoken)) for r in calls.itertuples()]
sure = calls.recognised_confidence.astype(float)
print(f"{len(calls)} calls: {np.mean(kept):.0%} of the words of a call are heard, on average")
print(
    f"where the recogniser is less sure than {sure.median():.2f}: {np.mean(np.array(kept)[sure < sure.median()]):.0%}"
)
print("a masked turn:", mask("This is Ella Price, my number is oh seven seven four one two three nine eight.").text)

# %% [markdown]
"""
## 3. Train

One call fits the preprocessing on the training rows, trains, calibrates, chooses the out-of-scope threshold for a
stated false-alarm rate on the validation rows, and measures once on the test rows.
"""

# %%
model = IntentDetector(config=dataclasses.replace(config, floor=False)).fit(TABLE)  # the floor comes in section 4
print(model.evaluate(TABLE, split="test").text())

# %% [markdown]
"""
## 4. Fused against each kind of data alone

All variants answer the same test turns; a turn that lacks a kind gets that variant's guess from nothing. The last
column is paired. Read the interval of the lead, not the lead: where it holds zero, these turns cannot say that fusion
helps.
"""

# %%
comparison = IntentDetector(config=config).compare(TABLE)
print(comparison.text())

# %% [markdown]
"""
## 5. Out of scope

A model that names an intent for any nonsense is of no use at a desk. The mark is chosen so that about 5 % of turns
inside the scope are marked by mistake.
"""

# %%
for said in ("can you recommend a good restaurant", "my internet is down since yesterday", "tell me a joke"):
    found = model.detect(text=said, explain=False)
    verdict = "out of scope" if found.is_outside else answer.headline(found)
    print(f"{said:40} → {verdict}   ({found.outside:.0%} of known turns look more at home)")

# %% [markdown]
"""
## 6. One turn explained

A share is the Shapley value of a kind of data in log-odds of the answer. Next to it stands the probability of the same
answer with that kind taken away. A vague turn shows what the other kinds are for.
"""

# %%
tested = table[table.split == "test"].reset_index(drop=True)
vague = next(r for r in tested.itertuples() if r.manner == "vague" and r.text and r.last_page)
behaviour = {c: getattr(vague, c) for m in config.modalities if m.name == "behaviour" for c in m.columns}
behaviour = {c: v for c, v in behaviour.items() if v}
found = model.detect(text=vague.text, dialogue=vague.dialogue, behaviour=behaviour)
print(f"{mask(vague.text).text!r}, seen last: {vague.last_page}   (the truth: {vague.intent})")
print(answer.headline(found))
print(answer.how_sure(found))
print(answer.why(found))
for name, (less, whole) in answer.without(found).items():
    print(f"  without the {name:10}: {less:.2f} (with it: {whole:.2f})")

# %% [markdown]
"""
## 7. Routing

A readable table: the first line that fits decides, and the answer names it.
"""

# %%
FOLDER = Path(starter.__file__).parents[2] / "sample_data" / "customer_service"
routing = RoutingTable.read(FOLDER / "routing.toml", intents=model.bundle.ensemble.target.classes)
for intent in ("sim_blocked", "bill_question", "slow_internet"):
    route = routing.route(intent, confidence=0.9, behaviour={"earlier_contacts": 5})
    print(f"{intent:14} → {route.queue}, priority {route.priority}: {route.why}")

# %% [markdown]
"""
## 8. Replies

Ranked from the knowledge base and from past answered turns of the training rows; an agent approves, edits or rejects.
How often is a reply of the right matter among the first ones, on test turns?
"""

# %%
suggester = ReplySuggester().fit(TABLE, Knowledge.read(FOLDER / "knowledge"))
print(suggester.about)
right = {reply: intent for reply, intent in zip(table.reply, table.intent)}
desk = Desk(model, routing, suggester)
hits = []
for row in tested.head(40).itertuples():
    told = {c: getattr(row, c) for c in behaviour if getattr(row, c)}
    helped = desk.help(
        text=row.text, recognised=row.recognised, dialogue=row.dialogue.splitlines(), behaviour=told
    ) if row.text or row.recognised else None  # fmt: skip
    hits.append([right.get(r.text) == row.intent for r in helped.replies] if helped else [])
at_once, in_three = np.mean([h[:1] == [True] for h in hits]), np.mean([any(h) for h in hits])
print(f"right matter first: {at_once:.0%}; among three: {in_three:.0%}")

# %% [markdown]
"""
What the agent decides is kept in a file that only grows, masked, and is learned from the next time.
"""

# %%
with tempfile.TemporaryDirectory() as scratch:
    record = Record(Path(scratch) / "decisions.sqlite", clean=lambda text: mask(text).text)
    best = desk.help(text="Hello, this is Ella Price. Where is my parcel HB123456?").replies[0]
    asked, told_it = {"text": "Hello, this is Ella Price. Where is my parcel HB123456?"}, {"suggested": best.text}
    record.append("reply", asked, told_it, {"decision": "approved", "reply": best.text})
    print(record.rows()[0].case, supervise.decided(record.rows()))

# %% [markdown]
"""
## 9. What a supervisor asks

Has the mix of intents changed by more than chance? And which turns would teach most if somebody labelled them?
"""

# %%
ordered = table.sort_values("time")
half = len(ordered) // 2
moved = supervise.drift(ordered.intent[:half].tolist(), ordered.intent[half:].tolist())
low, high = moved.interval
print(f"divergence {moved.distance:.3f} bits ({low:.3f} to {high:.3f}); chance stays below {moved.chance:.3f}")
print("more than chance" if moved.more_than_chance else "within chance", list(moved.changes.items())[:2])

# %% [markdown]
"""
## 10. Save, open again, and the model card

A bundle holds weights, preprocessing, calibration and figures as safetensors and JSON; opening one runs no code from
it. This one lies where the app looks for models, so `make customer-service` offers it as "sample-study".
"""

# %%
folder = starter.home() / "sample-study" / "bundle"
model.save(folder)
again = IntentDetector.load(folder)
same = again.detect(text=vague.text, dialogue=vague.dialogue, behaviour=behaviour, explain=False).probabilities
print("the same answer after opening:", max(abs(same[c] - p) for c, p in found.probabilities.items()) < 1e-6)
print(again.bundle.card)
