"""LightGBM's text file, checked before LightGBM reads it: it follows whatever indices stand there, and a wrong place of
a tree ends the whole process.
"""

from __future__ import annotations

from typing import Any


def read_trees(text: str) -> Any:
    """The booster of a text that ``model_to_string`` wrote, of plain numeric trees.

    Raises:
        ValueError: for anything else.
    """
    import lightgbm as lgb

    head, *trees = text.split("\nTree=")
    facts = _facts(head)
    features, each = int(facts["max_feature_idx"]) + 1, int(facts["num_tree_per_iteration"])
    if len(facts["feature_names"].split()) != features or int(facts["num_class"]) != each or len(trees) % max(each, 1):
        raise ValueError("the trees do not fit their header")
    for number, tree in enumerate(trees):
        _check_tree(number, _facts(tree.split("\nend of trees")[0]), features)
    plain = "\n".join(line for line in head.split("\n") if not line.startswith("tree_sizes="))  # one after another
    try:
        return lgb.Booster(model_str="\nTree=".join([plain, *trees]))
    except lgb.basic.LightGBMError as error:
        raise ValueError(f"no readable trees ({error})") from error


def _facts(lines: str) -> dict[str, str]:
    pairs = (line.partition("=")[::2] for line in lines.split("\n") if "=" in line)
    return {name: value.strip() for name, value in pairs}


def _check_tree(number: int, facts: dict[str, str], features: int) -> None:
    """Every split leads down, to a split further on or to a leaf that is there, by a column that is there."""
    leaves = int(facts["num_leaves"])
    splits = leaves - 1
    if leaves < 1 or facts["num_cat"] != "0" or facts.get("is_linear", "0") != "0":
        raise ValueError(f"tree {number} is not a plain numeric one")
    if len(facts["leaf_value"].split()) != leaves:
        raise ValueError(f"tree {number}: not one value a leaf")
    if not splits:
        return
    columns, kinds, left, right = (
        [int(v) for v in facts[name].split()]
        for name in ("split_feature", "decision_type", "left_child", "right_child")
    )
    if any(len(found) != splits for found in (columns, kinds, left, right, facts["threshold"].split())):
        raise ValueError(f"tree {number}: not one value a split")
    downwards = all(
        at < child < splits or -leaves <= child < 0 for side in (left, right) for at, child in enumerate(side)
    )
    if not downwards or not all(0 <= c < features for c in columns) or any(k & 1 or not 0 <= k < 16 for k in kinds):
        raise ValueError(f"tree {number}: a split leads nowhere")
