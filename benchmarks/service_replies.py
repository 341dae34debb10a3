"""STAR (human-human service chats): whether the user changed their mind or was annoyed, and the agent's next reply.

No worker who played the user is on both sides of a split. Where the published floor was split by dialogue, the same
floor (linear models on words and behaviour) is fitted again on these rows, split by worker and by dialogue. Never an
input: ``offered_actions`` (made from the agent's own draft), the questionnaire, and what the worker was told to play
(``task``, ``happy``, ``multi_task``). Some users were told to be annoying or to change their mind: partly acted.

    python -m benchmarks.service_replies user_changed_mind user_annoyed    (user_annoyed:default for a quick look)
    python -m benchmarks.service_replies replies suggested                 (replies:6 for every sixth dialogue)
"""

import dataclasses
import sys

import numpy as np
import pandas as pd
import scipy.sparse as sp
from scipy.stats import rankdata
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import OneHotEncoder
from sklearn.svm import LinearSVC

from benchmarks.report import public_data, save, timed
from core.compare import compare
from core.config import ExperimentConfig, TableConfig, TargetConfig
from core.manifest import Manifest
from core.progress import Bars
from core.recipes import Columns, build_config
from core.schema import Modality
from core.splits import split
from domains.customer_service.dialogues import read_dialogues, with_columns
from domains.customer_service.replies import ReplySuggester

STATES = ("user_changed_mind", "user_annoyed")
COUNTED = (
    "n_user_turns", "n_agent_turns", "n_suggestion_picked", "n_free_text", "n_kb_queries", "n_suggestion_requests",
    "duration_s", "user_latency_mean_s", "user_latency_max_s", "wizard_latency_mean_s", "user_words_mean",
)  # fmt: skip
BEHAVIOUR = (
    *COUNTED,
    "repeated_actions",
    "distinct_actions",
    "out_of_scope_actions",
    "api_changes",
    "last_customer_words",
)


def sessions(folder) -> pd.DataFrame:
    """One row a dialogue: what the customer said so far, behaviour, and both states as yes or no."""
    found = read_dialogues(folder / "star_turns.csv.gz").sessions
    table = with_columns(found, folder / "star_sessions.csv", (*STATES, *COUNTED))
    for state in STATES:
        table[state] = table[state].map({"0": "no", "1": "yes"}).fillna("")
    return table[(table["text"] != "") & (table["user_changed_mind"] != "")].reset_index(drop=True)


def state(table: pd.DataFrame, target: str, preset: str = "best") -> dict:
    """Fused, each alone and the floors of the engine, on workers that were never seen; the plain floor beside them."""
    named = {
        "text": Columns(Modality.TEXT, ("text",)),
        "behaviour": Columns(Modality.TABULAR, BEHAVIOUR, BEHAVIOUR),
    }
    rows = TableConfig("dialogue_id", "customer_id", fractions=(0.65, 0.1, 0.25))
    config = build_config(named, TargetConfig(target, classes=("no", "yes")), rows, preset)
    training = dataclasses.replace(config.training, epochs=5, metric="auroc")  # later, validation rows get worse
    config = dataclasses.replace(config, training=training)
    manifest, seconds = Manifest.open(table, config), {}
    with timed(seconds, "seconds"), Bars() as progress:
        found = compare(manifest, config, metric="auroc", progress=progress)
    print(found.text(), flush=True)
    parts = split(manifest, config, config.seed)
    by_worker = floor(table, target, np.concatenate([parts["train"], parts["val"]]), parts["test"])
    order = np.random.default_rng(0).permutation(len(table))
    by_dialogue = floor(table, target, order[: len(order) * 9 // 10], order[len(order) * 9 // 10 :])
    return found.to_json() | {"plain_floor": by_worker, "plain_floor_by_dialogue": by_dialogue} | seconds


def floor(table: pd.DataFrame, target: str, train: np.ndarray, test: np.ndarray) -> dict:
    """AUROC of words, of behaviour, and of both averaged by rank, as the floor in the data's README was made."""
    y = (table[target] == "yes").to_numpy()
    numbers = table[list(BEHAVIOUR)].apply(pd.to_numeric).to_numpy()
    terms = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    text = LogisticRegression(C=5, max_iter=500, class_weight="balanced")
    text.fit(terms.fit_transform(table["text"].iloc[train]), y[train])
    trees = HistGradientBoostingClassifier(max_iter=150, learning_rate=0.05, random_state=0)
    trees.fit(numbers[train], y[train])
    scores = {
        "text": text.decision_function(terms.transform(table["text"].iloc[test])),
        "behaviour": trees.predict_proba(numbers[test])[:, 1],
    }
    scores["fused"] = rankdata(scores["text"]) + rankdata(scores["behaviour"])
    auroc = {name: round(float(roc_auc_score(y[test], s)), 4) for name, s in scores.items()}
    return auroc | {"rows": len(test), "positive": int(y[test].sum())}


def turns(folder, every: int = 1) -> pd.DataFrame:
    """One row an agent turn of every so many dialogues: what was just said, lines before, behaviour, the action.

    Turns that the agent typed freely are part of what happened, and no answer: there is no reply to rank for them.
    """
    table = pd.read_csv(folder / "star_turns.csv.gz", dtype=str, keep_default_na=False)
    return read_dialogues(table[table["dialogue_id"].astype(int) % every == 0], typed=("_free_text",)).decisions


NUMBERS = ("kb_queries_so_far", "turn_number", "gap_seconds", "t_seconds")
CATEGORIES = ("previous_action", "action_before", "last_api")


def actions_config(seed: int = 0) -> ExperimentConfig:
    """The agent's next action from text, dialogue and behaviour, by a network on words (no sentence encoder).

    Without the engine's floors: on so many words, rows and actions the linear one takes hours; the plain one is beside.
    """
    named = {
        "text": Columns(Modality.TEXT, ("text",)),
        "dialogue": Columns(Modality.TEXT, ("dialogue",)),
        "behaviour": Columns(Modality.TABULAR, (*NUMBERS, *CATEGORIES), NUMBERS, CATEGORIES),
    }
    rows = TableConfig("turn_id", "customer_id", fractions=(0.7, 0.1, 0.2))
    config = build_config(named, TargetConfig("next_action"), rows, "fast", seed=seed)
    training = dataclasses.replace(config.training, batch_size=256, epochs=15, learning_rate=5e-3, metric="accuracy")
    return dataclasses.replace(config, training=training, floor=False, stack=False)


def replies(table: pd.DataFrame) -> dict:
    """Ranking of all actions by the engine, fused and each kind alone, and by the plain floor, on unseen workers."""
    config = actions_config()
    manifest, seconds = Manifest.open(table, config), {}
    with timed(seconds, "seconds"), Bars() as progress:
        found = compare(manifest, config, metric="accuracy", progress=progress)
    print(found.text(), flush=True)
    parts = split(manifest, config, config.seed)
    ranked = {name: ranking(a, found.truth) for name, a in found.answers.items()}
    train = np.concatenate([parts["train"], parts["val"]])
    order = np.random.default_rng(0).permutation(len(table))
    return {
        "rows": found.cases, "actions": int(table["next_action"].nunique()), "ranking": ranked,
        "verdict": found.verdict(),
        "plain_floor": actions_floor(table, train, parts["test"]),
        "plain_floor_by_row": actions_floor(table, order[: len(order) * 9 // 10], order[len(order) * 9 // 10 :]),
    } | seconds  # fmt: skip


def suggested(table: pd.DataFrame) -> dict:
    """``ReplySuggester`` on the same split: an answer is the usual wording of an action, learned and found as ever."""
    config, seconds = actions_config(), {}
    parts = split(Manifest.open(table, config), config, config.seed)
    wording = table.groupby("next_action")["reply"].agg(lambda r: r.value_counts().index[0])
    same = wording.groupby(wording).transform("size") > 1  # two actions of one wording stay apart
    wording = wording.where(~same, wording + " (" + wording.index + ")")
    asked = table.assign(reply=table["next_action"].map(wording), split="train")
    asked.loc[parts["test"], "split"] = "test"
    with timed(seconds, "seconds_to_fit"), Bars() as progress:
        suggester = ReplySuggester(most_turns=4000).fit(asked, progress=progress)
    with timed(seconds, "seconds_to_answer"):
        found = suggester.evaluate(asked)
    plain = actions_floor(table, np.concatenate([parts["train"], parts["val"]]), np.asarray(parts["test"]))
    return found | {"plain_floor": plain, "about": suggester.about} | seconds


def ranking(scores: np.ndarray, truth: np.ndarray) -> dict:
    """Recall at 1 and 3 and mean reciprocal rank of (N, K) scores against (N,) classes."""
    own = scores[np.arange(len(truth)), truth.astype(int)][:, None]
    rank = (scores > own).sum(axis=1) + 1  # (N,)
    return {
        "recall@1": round(float((rank == 1).mean()), 4),
        "recall@3": round(float((rank <= 3).mean()), 4),
        "mrr": round(float((1 / rank).mean()), 4),
    }


def actions_floor(table: pd.DataFrame, train: np.ndarray, test: np.ndarray) -> dict:
    """A linear support-vector machine on the words just said, the action before and the last query, as published."""
    terms = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    names = OneHotEncoder(handle_unknown="ignore")
    known, asked, before = table.iloc[train], table.iloc[test], ["previous_action", "last_api"]
    x = sp.hstack([terms.fit_transform(known["text"]), names.fit_transform(known[before])]).tocsr()
    x_test = sp.hstack([terms.transform(asked["text"]), names.transform(asked[before])]).tocsr()
    codes, labels = pd.factorize(table["next_action"])
    model = LinearSVC(C=0.5).fit(x, codes[train])
    scores = np.full((len(test), len(labels)), -np.inf)
    scores[:, model.classes_] = model.decision_function(x_test)
    return ranking(scores, codes[test]) | {"rows": len(test)}


if __name__ == "__main__":
    star = public_data("service") / "dialogue"
    for asked in sys.argv[1:] or (*STATES, "replies", "suggested"):
        name, _, how = asked.partition(":")
        if name in ("replies", "suggested"):
            measure = replies if name == "replies" else suggested
            save(f"service_{name}", measure(turns(star, int(how or 1))))
        else:
            save(f"service_{name}", state(sessions(star), name, how or "best"))
